"""TGA and BMP as old programs wrote them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.errors import BadPicture
from translate.images import read_picture, write_picture

PIXELS = bytes(range(1, 17))
MAP24 = bytes([0, 0, 255, 0, 255, 0, 255, 0, 0])
MAP32 = bytes([0, 0, 255, 9, 0, 255, 0, 99, 255, 0, 0, 255])
R, G, B = [255, 0, 0], [0, 255, 0], [0, 0, 255]
RGB = [[[3, 2, 1], [6, 5, 4]], [[9, 8, 7], [12, 11, 10]]]
RGBA = [[[3, 2, 1], [7, 6, 5]], [[11, 10, 9], [15, 14, 13]]]
WORDS = struct.pack("<4H", 0xFC00, 0x7C00, 0x83E0, 0x1F)


def tga(
    kind: int, bits: int, flags: int, pixels: bytes, table: bytes = b"", map_bits: int = 0, start: int = 0
) -> bytes:
    side = 1 if len(pixels) == bits // 8 else 2
    count = len(table) * 8 // map_bits if map_bits else 0
    head = (0, int(bool(table)), kind, start, count, map_bits, 0, 0, side, side, bits, flags)
    return struct.pack("<BBBHHBHHHHBB", *head) + table + pixels


@pytest.mark.parametrize(
    ("content", "color", "alpha"),
    [
        (tga(2, 24, 0x20, PIXELS[:12]), RGB, None),
        (tga(2, 24, 0x00, PIXELS[:12]), RGB[::-1], None),
        (tga(2, 24, 0x30, PIXELS[:12]), [row[::-1] for row in RGB], None),
        (tga(2, 24, 0x10, PIXELS[:12]), [row[::-1] for row in RGB[::-1]], None),
        (tga(2, 32, 0x28, PIXELS), RGBA, [[4, 8], [12, 16]]),
        (tga(2, 32, 0x28, PIXELS[:4]), [[[3, 2, 1]]], [[4]]),
        (tga(2, 16, 0x20, WORDS), [[R, R], [G, B]], None),
        (tga(2, 16, 0x21, WORDS), [[R, R], [G, B]], [[255, 0], [255, 0]]),
        (tga(10, 16, 0x20, b"\x03" + WORDS), [[R, R], [G, B]], None),
        (tga(1, 8, 0x20, b"\0\1\2\0", MAP24, 24), [[R, G], [B, R]], None),
        (tga(1, 8, 0x20, b"\5\6\7\5", MAP24, 24, start=5), [[R, G], [B, R]], None),
        (tga(1, 8, 0x28, b"\0\1\2\0", MAP32, 32), [[R, G], [B, R]], [[9, 99], [255, 9]]),
        (tga(9, 8, 0x20, b"\x81\1\1\2\0", MAP24, 24), [[G, G], [B, R]], None),
        (tga(9, 8, 0x28, b"\x82\1\0\0", MAP32, 32), [[G, G], [G, R]], [[99, 99], [99, 9]]),
        (tga(1, 8, 0x20, b"\0\1\2\0", struct.pack("<3H", 0x7C00, 0x83E0, 0x1F), 16), [[R, G], [B, R]], None),
        (tga(3, 8, 0x20, b"\1\2\3\4"), [[1, 2], [3, 4]], None),
        (tga(3, 16, 0x28, PIXELS[:8]), [[1, 3], [5, 7]], [[2, 4], [6, 8]]),
        (tga(11, 8, 0x30, b"\x82\7\0\5"), [[7, 7], [5, 7]], None),
        (tga(10, 24, 0x20, b"\x82\3\2\1\0\6\5\4"), [[[1, 2, 3], [1, 2, 3]], [[1, 2, 3], [4, 5, 6]]], None),
    ],
)
def test_tga_of_every_kind(tmp_path: Path, content: bytes, color: Any, alpha: Any) -> None:
    path = tmp_path / "x.tga"
    path.write_bytes(content)
    for _ in range(2):  # also after being written again
        picture = read_picture(path)
        assert (picture.format, dict(picture.layout)["orientation"]) == ("TGA", 1 if content[17] & 0x20 else -1)
        assert dict(picture.layout).get("compression") == ("tga_rle" if content[2] & 8 else None)
        np.testing.assert_array_equal(picture.color, color)
        assert (picture.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(picture.alpha, alpha)
        write_picture(picture, path)


def test_a_tga_that_denies_its_alpha_has_none(tmp_path: Path) -> None:
    for kind, pixels in ((2, PIXELS), (10, b"\3" + PIXELS)):
        body = tga(kind, 32, 0x28, pixels)
        extension = bytes(494) + b"\0"
        footer = struct.pack("<II", len(body), 0) + b"TRUEVISION-XFILE.\0"
        (tmp_path / "x.tga").write_bytes(body + extension + footer)
        picture = read_picture(tmp_path / "x.tga")
        np.testing.assert_array_equal(picture.color, RGBA)
        assert picture.alpha is None or (picture.alpha == 255).all()


@pytest.mark.parametrize("kind", [1, 2, 9, 10])
def test_truncated_tga_is_refused(tmp_path: Path, kind: int) -> None:
    table = (MAP32, 32) if kind & 3 == 1 else (b"", 0)
    content = tga(kind, 8 if table[0] else 16, 0x20, b"\1\0" + bytes(2), *table)
    (tmp_path / "x.tga").write_bytes(content[:-1])
    with pytest.raises(BadPicture, match="truncated TGA"):
        read_picture(tmp_path / "x.tga")


def bmp(head: int, bits: int, compression: int, pixels: bytes, masks: tuple[int, ...] = (), height: int = 2) -> bytes:
    table = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0]) if bits <= 8 else b""
    fields = (head, 2, height, 1, bits, compression, len(pixels), 2835, 2835, len(table) // 4, 0)
    info = struct.pack("<IiiHHIIiiII", *fields) + (struct.pack("<4I", *masks) if head > 40 else b"")
    info = info.ljust(head, b"\0") + (struct.pack("<3I", *masks[:3]) if head == 40 and masks else b"")
    start = 14 + len(info) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + table + pixels


FOUR = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
INDEXED = [[B, R], [R, G]]


@pytest.mark.parametrize(
    ("content", "color", "alpha"),
    [
        (bmp(108, 32, 3, PIXELS, FOUR), RGBA[::-1], [[12, 16], [4, 8]]),
        (bmp(124, 32, 3, PIXELS, FOUR), RGBA[::-1], [[12, 16], [4, 8]]),
        (bmp(124, 32, 3, PIXELS, FOUR, height=-2), RGBA, [[4, 8], [12, 16]]),
        (bmp(40, 32, 0, PIXELS), RGBA[::-1], None),
        (
            bmp(40, 16, 3, struct.pack("<4H", 0x1F, 0x7E0, 0xF800, 0), (0xF800, 0x7E0, 0x1F)),
            [[R, [0] * 3], [B, G]],
            None,
        ),
        (bmp(40, 16, 0, struct.pack("<4H", 0x1F, 0x3E0, 0x7C00, 0)), [[R, [0] * 3], [B, G]], None),
        (bmp(40, 8, 0, b"\0\1\0\0\2\0\0\0"), INDEXED, None),
        (bmp(40, 8, 1, b"\1\0\1\1\0\0\1\2\1\0\0\1"), INDEXED, None),
        (bmp(40, 4, 0, b"\x01\0\0\0\x20\0\0\0"), INDEXED, None),
        (bmp(40, 4, 2, b"\2\x01\0\0\2\x20\0\1"), INDEXED, None),
    ],
)
def test_bmp_of_every_kind(tmp_path: Path, content: bytes, color: Any, alpha: Any) -> None:
    path = tmp_path / "x.bmp"
    path.write_bytes(content)
    for _ in range(2):
        picture = read_picture(path)
        np.testing.assert_array_equal(picture.color, color)
        assert (picture.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(picture.alpha, alpha)
        write_picture(picture, path)
    with Image.open(path) as image:
        assert image.mode == ("RGB" if alpha is None else "RGBA")


def test_a_bmp_with_unusual_masks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bmp").write_bytes(bmp(124, 16, 3, PIXELS[:8], (0xF00, 0xF0, 0xF, 0xF000)))
    with pytest.raises(BadPicture, match="bitfields"):
        read_picture(tmp_path / "x.bmp")
