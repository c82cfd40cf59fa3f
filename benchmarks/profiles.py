"""ICC profiles for tests and benchmarks, made here: a wide RGB space, a grey, and tables."""

from __future__ import annotations

import struct

import numpy as np

WHITE = (0.9642, 1.0, 0.8249)
"""D50, the white of profiles."""
WIDE_COLORANTS = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
"""XYZ of red, green and blue of a space about as wide as Adobe's."""
P3_COLORANTS = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""Of Display P3."""


def profile(kind: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", device: bytes = b"mntr") -> bytes:
    """A version 2 profile with these tags."""
    table, content = b"", b""
    start = 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    head = bytes(8) + b"\2\x40\0\0" + device + kind + pcs + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp"
    head = head.ljust(68, b"\0") + _fixed(*WHITE)
    body = head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content
    return struct.pack(">I", len(body)) + body[4:]


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def parametric(function: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", function, 0) + _fixed(*values)


def sampled(values: list[int]) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def text(words: bytes) -> bytes:
    return b"text\0\0\0\0" + words + b"\0"


def described() -> dict[bytes, bytes]:
    words = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    return {b"desc": words, b"cprt": text(b"CC0"), b"wtpt": xyz(*WHITE)}


def rgb_profile(colorants: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    """RGB by one curve and a matrix."""
    tags = {name: xyz(*values) for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    return profile(b"RGB ", described() | tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def table(channels: int, nodes: int, lab: np.ndarray, backward: bool = False) -> bytes:
    """A table of 16 bits (lut16): [nodes, ..., nodes, outputs] of uint16."""
    outputs = lab.shape[-1]
    head = b"mft2\0\0\0\0" + bytes([channels, outputs, nodes, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    straight = struct.pack(">HH", 0, 65535)
    return head + struct.pack(">HH", 2, 2) + straight * channels + lab.astype(">u2").tobytes() + straight * outputs


def _cmyk() -> bytes:
    """A dull press: its paper is not white and its inks are mild."""
    ink = np.stack(np.meshgrid(*[np.linspace(0, 1, 3)] * 4, indexing="ij"), -1)
    cyan, magenta, yellow, black = (ink[..., channel] for channel in range(4))
    light = (1 - 0.4 * cyan - 0.3 * magenta - 0.05 * yellow).clip(0.1) * (1 - 0.9 * black)
    green = 40 * (magenta - cyan) * (1 - black)
    blue = 50 * (yellow - 0.7 * cyan - 0.3 * magenta) * (1 - black)
    lab = np.stack([light * 65280, (green + 128) * 256, (blue + 128) * 256], -1).clip(0, 65535)
    return profile(b"CMYK", described() | {b"A2B0": table(4, 3, lab)}, pcs=b"Lab ", device=b"prtr")


WIDE = rgb_profile(WIDE_COLORANTS, gamma(2.2))
P3 = rgb_profile(P3_COLORANTS, parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
GRAY_22 = profile(b"GRAY", described() | {b"kTRC": gamma(1.8)})
CMYK_TABLE = _cmyk()
