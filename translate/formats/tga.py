"""TGA pictures as old programs wrote them, in a form that Pillow reads right."""

from __future__ import annotations

import io
import struct
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from models.errors import BadPicture
from translate.picture import Array

FOOTER = b"TRUEVISION-XFILE.\0"
FOOTER_BYTES = 26
RUN_LENGTH = 8
"""What is added to the type of a picture that is compressed."""
PALETTE, TRUE_COLOUR = 1, 2


def plain(image: ImageFile.ImageFile, file: IO[bytes]) -> ImageFile.ImageFile:
    """The same picture: Pillow 12 stumbles over runs that cross rows, palettes with alpha and very small files, and
    takes the highest of 16 bits for the opposite of alpha, also where the header says that there is none.

    Args:
        image: a TGA as Pillow opened it, not loaded; its size was checked.
    Raises:
        BadPicture: the file ends too early.
    """
    file.seek(0)
    content = file.read()
    (id_bytes, _, kind, start, colors, map_bits, _, _, width, height, bits, flags) = struct.unpack_from(
        "<BBBHHBHHHHBB", content
    )
    compressed, kind = bool(kind & RUN_LENGTH), kind & ~RUN_LENGTH
    odd = (kind == PALETTE and map_bits == 32) or (kind == TRUE_COLOUR and bits == 16)
    if not (compressed or odd or len(content) < FOOTER_BYTES):
        return image
    size, entry = (bits + 7) // 8, (map_bits + 7) // 8
    pixels_at = 18 + id_bytes + colors * entry
    needed = width * height * size
    packed = content[pixels_at:]
    data = _unpacked(packed, needed, size) if compressed else packed[:needed]
    if len(data) < needed:
        raise BadPicture(f"its pixels end after {len(data):,} of {needed:,} bytes (truncated TGA).")
    palette, map_kind = content[18 + id_bytes : pixels_at], 1
    if kind == PALETTE and map_bits == 32:
        table = np.zeros((max(256, start + colors), 4), np.uint8)
        table[start : start + colors] = np.frombuffer(palette, np.uint8).reshape(-1, 4)
        data = table[np.frombuffer(data, np.uint8)].tobytes()
        kind, bits = TRUE_COLOUR, 32
    elif kind == TRUE_COLOUR and bits == 16:
        data, bits = _from_16_bits(np.frombuffer(data, "<u2"), has_alpha=flags & 15 > 0)
    elif bits == 32 and _footer_denies_alpha(content):
        data, bits = np.frombuffer(data, np.uint8).reshape(-1, 4)[:, :3].tobytes(), 24
    if kind != PALETTE:
        palette, map_kind, start, colors, map_bits = b"", 0, 0, 0, 0
    header = (0, map_kind, kind, start, colors, map_bits, 0, 0, width, height, bits, flags)
    again = Image.open(
        io.BytesIO(struct.pack("<BBBHHBHHHHBB", *header) + palette + data + bytes(FOOTER_BYTES)), formats=("TGA",)
    )
    again.info.update(image.info)
    return again


def _unpacked(data: bytes, needed: int, size: int) -> bytes:
    """Run-length decoding of pixels of `size` bytes; stops early where the data ends."""
    pixels, place = bytearray(), 0
    while len(pixels) < needed and place < len(data):
        count, place = (data[place] & 127) + 1, place + 1
        if data[place - 1] & 128:
            pixels += data[place : place + size] * count
            place += size
        else:
            pixels += data[place : place + size * count]
            place += size * count
    return bytes(pixels[:needed])


def _from_16_bits(values: Array, *, has_alpha: bool) -> tuple[bytes, int]:
    """As 24 or 32 bits: blue, green, red and, if any pixel has it, alpha."""
    channels = [((values >> shift & 31).astype(np.uint32) * 255 + 15) // 31 for shift in (0, 5, 10)]
    if has_alpha and (values >> 15).any():
        channels.append((values >> 15).astype(np.uint32) * 255)
    return np.stack(channels, axis=1).astype(np.uint8).tobytes(), 8 * len(channels)


def _footer_denies_alpha(content: bytes) -> bool:
    if not content.endswith(FOOTER):
        return False
    (extension,) = struct.unpack_from("<I", content, len(content) - FOOTER_BYTES)
    return extension > 0 and content[extension + 494 : extension + 495] == b"\0"
