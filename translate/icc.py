"""What an ICC profile says (ICC.1:2022): its kind of pixels, curves and colorants. Nothing in it is believed unread."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from translate.picture import Array

LEVELS = 65536
KINDS = {b"GRAY": "GRAY", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "Lab"}
SRGB_COLORANTS = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""Columns: XYZ of red, green and blue of sRGB, adapted to D50 as profiles are."""


class BadProfile(Exception):
    """A profile that cannot be used; the message is the bare reason."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile of RGB or grey pixels."""

    kind: str
    """RGB or GRAY."""
    tables: bool
    """It maps colours by tables; curves and colorants are empty."""
    curves: tuple[Array, ...] = ()
    """One a channel: value, 0 to 65535 -> light, float32 of [0, 1], never falling."""
    colorants: Array | None = None
    """[3, 3], columns are the XYZ of red, green and blue at D50; None for grey."""


def read_profile(data: bytes) -> Profile:
    """Read a profile.

    Raises:
        BadProfile: damaged, or neither for RGB nor for grey.
    """
    if len(data) < 132 or data[36:40] != b"acsp":
        raise BadProfile("it is no ICC profile")
    kind = KINDS.get(data[16:20], repr(data[16:20]))
    if kind not in ("RGB", "GRAY"):
        return Profile(kind, tables=False)
    tags = _tags(data)
    if b"A2B0" in tags or b"A2B1" in tags:
        if kind == "GRAY":
            raise BadProfile("grey by tables is not known")
        return Profile(kind, tables=True)
    if kind == "GRAY":
        return Profile(kind, tables=False, curves=(_curve(tags, b"kTRC"),))
    colorants = np.array([_xyz(tags, name) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]).T
    if not abs(np.linalg.det(colorants)) > 0.01:
        raise BadProfile("its primary colours are not three")
    return Profile(kind, False, tuple(_curve(tags, name) for name in (b"rTRC", b"gTRC", b"bTRC")), colorants)


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 1000 or 132 + 12 * count > len(data):
        raise BadProfile("its table of tags is damaged")
    tags = {}
    for name, start, length in struct.iter_unpack(">4sII", data[132 : 132 + 12 * count]):
        if start + length > len(data):
            raise BadProfile(f"its tag {name!r} lies outside of it")
        tags[name] = data[start : start + length]
    return tags


def _tag(tags: dict[bytes, bytes], name: bytes, least: int) -> bytes:
    content = tags.get(name, b"")
    if len(content) < least:
        raise BadProfile(f"its tag {name.decode()} is missing or too short")
    return content


def _fixed(content: bytes, start: int, count: int) -> list[float]:
    """Numbers of 16 bits before the point, signed, and 16 behind it."""
    if start + 4 * count > len(content):
        raise BadProfile("a tag is too short")
    return [value / 65536 for value in struct.unpack_from(f">{count}i", content, start)]


def _xyz(tags: dict[bytes, bytes], name: bytes) -> list[float]:
    content = _tag(tags, name, 20)
    if content[:4] != b"XYZ ":
        raise BadProfile(f"its tag {name.decode()} is of another kind")
    return _fixed(content, 8, 3)


def _curve(tags: dict[bytes, bytes], name: bytes) -> Array:
    content = _tag(tags, name, 12)
    x = np.linspace(0, 1, LEVELS)
    if content[:4] == b"curv":
        light = _sampled(content, x)
    elif content[:4] == b"para":
        light = _parametric(content, x)
    else:
        raise BadProfile(f"its curve {name.decode()} is of another kind")
    light = np.maximum.accumulate(np.clip(light, 0, 1))
    if not (np.isfinite(light).all() and light[-1] - light[0] > 0.5):
        raise BadProfile(f"its curve {name.decode()} is no curve")
    return light.astype(np.float32)


def _sampled(content: bytes, x: Array) -> Array:
    (count,) = struct.unpack_from(">I", content, 8)
    if count == 0:
        return x
    if 12 + 2 * count > len(content):
        raise BadProfile("a curve is too short")
    values = np.frombuffer(content, ">u2", count, 12)
    if count == 1:
        gamma: Array = x ** (float(values[0]) / 256)
        return gamma
    return np.interp(x, np.linspace(0, 1, count), values / 65535)


def _parametric(content: bytes, x: Array) -> Array:
    """Functions 0 to 4 of the standard, section 10.18."""
    (function,) = struct.unpack_from(">H", content, 8)
    counts = (1, 3, 4, 5, 7)
    if function >= len(counts):
        raise BadProfile("a curve's function is not known")
    g, *more = _fixed(content, 12, counts[function])
    a, b = more[:2] if more else (1.0, 0.0)
    if a == 0:
        raise BadProfile("a curve is flat")
    shapes: tuple[Callable[[], tuple[float, float, float, float]], ...] = (
        lambda: (0.0, 0.0, 0.0, 0.0),
        lambda: (-b / a, 0.0, 0.0, 0.0),
        lambda: (-b / a, 0.0, more[2], more[2]),
        lambda: (more[3], more[2], 0.0, 0.0),
        lambda: (more[3], more[2], more[4], more[5]),
    )
    d, c, e, f = shapes[function]()
    with np.errstate(all="ignore"):
        light: Array = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
    return light
