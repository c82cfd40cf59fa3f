"""DDS textures: read, and written again in the same arrangement of pixels, mipmaps included."""

from __future__ import annotations

from typing import IO

import numpy as np

from models.errors import BadPicture
from translate.formats import blocks
from translate.formats.dds_header import (
    BGRA8,
    BGRX8,
    EXTENDED,
    MAGIC,
    Header,
    Masks,
    new_header,
)
from translate.formats.mipmaps import full_count, mipmaps
from translate.picture import Array, Picture, check_pixels

HEADER = "header"
"""Key of the file's header in `Picture.layout`."""
GREY = Masks(8, 0xFF, grey=True)


def is_dds(head: bytes) -> bool:
    """Whether a file that begins like this is one."""
    return head.startswith(MAGIC)


def decode(file: IO[bytes], max_pixels: int) -> Picture:
    """Decode the largest level of an open DDS. Of two-channel textures blue is what makes a unit vector.

    Raises:
        TooLarge: the header announces more than `max_pixels`.
        BadPicture: damaged, or of a kind that cannot be kept; the message is the bare reason.
    """
    head = file.read(EXTENDED)
    header = Header.parse(head)
    check_pixels(header.width, header.height, max_pixels)
    file.seek(len(header.raw))
    needed = _level_bytes(header, header.width, header.height)
    data = file.read(needed)
    if len(data) < needed:
        raise BadPicture(f"its pixels end after {len(data):,} of {needed:,} bytes (truncated DDS).")
    if header.block:
        pixels = blocks.decompress(header.block, data, header.width, header.height)
    else:
        pixels = _unpacked(data, header)
    color, alpha = (pixels, None) if pixels.ndim == 2 else (pixels[..., :3], pixels[..., 3:])
    if header.masks.grey and not header.block and pixels.ndim == 3:
        color = pixels[..., 0]
    if _two_channels(header):
        color = _with_blue(color)
    if not _has_alpha(header) or (alpha is not None and (alpha == 255).all()):
        alpha = None
    notices: tuple[str, ...] = ()
    if header.block and not blocks.can_compress(header.block):
        notices = (
            "the result is written uncompressed, four times as large as BC7 would be; `pip install etcpak` for BC7",
        )
    return Picture(
        color=np.ascontiguousarray(color),
        alpha=None if alpha is None else np.ascontiguousarray(alpha[..., 0]),
        format="DDS",
        layout=((HEADER, header),),
        notices=notices,
    )


def encode(picture: Picture) -> bytes:
    """Encode a picture as its file was, with as many mipmaps; uncompressed if it did not come from a DDS.

    Raises:
        BadPicture: BC7 without etcpak.
    """
    header: Header = dict(picture.layout).get(HEADER) or new_header(_fitting(picture))
    colored = picture.color.ndim == 3
    if (header.block and not blocks.can_compress(header.block)) or (colored and _is_grey(header)):
        header = header.uncompressed()
    width, height = picture.size
    levels = _levels(header, width, height)
    light = colored and not _two_channels(header) and not picture.data
    parts = [
        _level(header, color, alpha) for color, alpha in mipmaps(picture.color, picture.alpha, levels, light=light)
    ]
    row = (width * header.masks.bits + 7) // 8
    return header.of_size(width, height, levels, len(parts[0]), row) + b"".join(parts)


def _fitting(picture: Picture) -> Masks:
    if picture.alpha is not None:
        return BGRA8
    return GREY if picture.color.ndim == 2 else BGRX8


def _levels(header: Header, width: int, height: int) -> int:
    """All if the file had all; else as many more as the picture grew by."""
    full = full_count(width, height)
    if header.levels == 1:
        return 1
    before = full_count(header.width, header.height)
    return full if header.levels >= before else max(1, min(full, header.levels + full - before))


def _level(header: Header, color: Array, alpha: Array | None) -> bytes:
    if header.block and blocks.BLOCKS[header.block].mode == "L":
        return blocks.compress(header.block, color)
    if not header.block and header.masks.grey:
        return _packed([color, color, color], alpha, header.masks)
    rgb = color if color.ndim == 3 else np.dstack([color] * 3)
    if not header.block:
        return _packed([rgb[..., channel] for channel in range(3)], alpha, header.masks)
    if blocks.BLOCKS[header.block].mode == "RGB":
        return blocks.compress(header.block, np.dstack([rgb[..., :2], np.zeros(rgb.shape[:2], np.uint8)]))
    cover = np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha
    return blocks.compress(header.block, np.dstack([rgb, cover]))


def _level_bytes(header: Header, width: int, height: int) -> int:
    if header.block:
        return blocks.stored_bytes(header.block, width, height)
    return (width * header.masks.bits + 7) // 8 * height


def _is_grey(header: Header) -> bool:
    return blocks.BLOCKS[header.block].mode == "L" if header.block else header.masks.grey


def _has_alpha(header: Header) -> bool:
    return blocks.BLOCKS[header.block].mode == "RGBA" if header.block else header.masks.alpha != 0


def _two_channels(header: Header) -> bool:
    if header.block:
        return blocks.BLOCKS[header.block].mode == "RGB"
    return not header.masks.grey and not header.masks.blue


def _with_blue(color: Array) -> Array:
    """Normal maps keep x and y; z makes them unit vectors."""
    x, y = (color[..., channel].astype(np.float32) / 127.5 - 1 for channel in (0, 1))
    z = np.sqrt(np.maximum(0, 1 - x * x - y * y))
    return np.dstack([color[..., :2], np.rint((z + 1) * 127.5).astype(np.uint8)])


def _unpacked(data: bytes, header: Header) -> Array:
    """[H, W] of grey pixels, else [H, W, 4]; uint8."""
    masks = header.masks
    size = masks.bits // 8
    rows = np.frombuffer(data, np.uint8).reshape(header.height, header.width, size)
    whole = np.zeros((header.height, header.width, 4), np.uint8)
    whole[..., :size] = rows
    values = whole.view("<u4")[..., 0]
    red = _channel(values, masks.red)
    alpha = _channel(values, masks.alpha) if masks.alpha else np.full_like(red, 255)
    if masks.grey and not masks.alpha:
        return red
    green, blue = (
        red if masks.grey else _channel(values, mask) if mask else np.zeros_like(red)
        for mask in (masks.green, masks.blue)
    )
    return np.dstack([red, green, blue, alpha])


def _channel(values: Array, mask: int) -> Array:
    lowest = mask & -mask
    return np.asarray(((values & mask) // lowest * 510 // (mask // lowest) + 1) // 2, dtype=np.uint8)


def _packed(colors: list[Array], alpha: Array | None, masks: Masks) -> bytes:
    values = np.zeros(colors[0].shape, "<u4")
    cover = np.full(colors[0].shape, 255, np.uint8) if alpha is None else alpha
    channels = zip((*colors, cover), (masks.red, masks.green, masks.blue, masks.alpha), strict=True)
    for channel, mask in channels:
        if mask:
            lowest = mask & -mask
            largest = mask // lowest
            values |= (channel.astype(np.uint32) * largest * 2 + 255) // 510 * np.uint32(lowest)
    return values.view(np.uint8).reshape(*values.shape, 4)[..., : masks.bits // 8].tobytes()
