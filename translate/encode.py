"""A Picture to the contents of a file, in the format that it came in."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from models.errors import BadPicture
from translate.formats import avif, dds, heic
from translate.formats.animation import saving
from translate.formats.options import DEEP, DEFAULT, EncodingOptions
from translate.formats.png import opencv_parameters, zlib_level
from translate.indexed import Palette
from translate.metadata import (
    EXIF_HEADER,
    EXIF_IFD,
    GPS_IFD,
    IPTC_TAG,
    XMP_TEXT,
    exif_block,
    gif_with_xmp,
    iptc_segment,
    parse_exif,
    xmp_packet,
)
from translate.picture import Array, Picture

SIDE_LIMITS = {
    "JPEG": 65_500,
    "WEBP": 16_383,
    "GIF": 65_535,
    "TGA": 65_535,
    "AVIF": 32_768,
    "HEIF": 16_384,
    "DDS": 16_384,
    "PNG": 1_000_000,  # of graphics cards; of libpng, unless a program asks for more
}
"""Longest side that a format can say or its readers accept, in pixels."""
XMP_TAG = 700


def encode(picture: Picture, options: EncodingOptions = DEFAULT) -> bytes:
    """Encode a picture in its own format: JPEG in 4:4:4; GIF with 256 colours; WebP and AVIF as they came.

    Raises:
        BadPicture: the format cannot hold it; the message is the bare reason.
    """
    check_fits(picture.format, *picture.size)
    if picture.alpha is not None and picture.format == "JPEG":
        raise BadPicture("JPEG has no alpha; choose PNG.")
    if picture.color.dtype == np.uint16 and picture.format not in DEEP:
        raise BadPicture(f"{picture.format} has no 16 bits; choose PNG.")
    return ENCODERS[picture.format](picture, options)


def check_fits(format_name: str, width: int, height: int) -> None:
    """Say beforehand whether a format can hold a picture of this size.

    Raises:
        BadPicture: it cannot.
    """
    limit = SIDE_LIMITS.get(format_name)
    if limit is not None and max(width, height) > limit:
        raise BadPicture(f"{format_name} holds at most {limit:,} pixels a side, not {width} x {height}; use PNG.")


def _png(picture: Picture, options: EncodingOptions) -> bytes:
    """By OpenCV (seven times faster than Pillow), with the metadata put in behind the header."""
    color, alpha = picture.color, picture.alpha
    if picture.indices is not None:
        level = zlib_level(options.png_effort)
        data = _pillow(picture, compress_level=level, bits=_palette(picture).bits, transparency=_transparency(picture))
    elif picture.frames or (alpha is not None and color.ndim == 2 and color.dtype == np.uint8):
        data = _pillow(picture, compress_level=zlib_level(options.png_effort))  # OpenCV has no grey with alpha
    elif alpha is not None and color.ndim == 2:
        data = _png_grey_alpha_16(_stack(picture, grey_alpha=True))  # nor has Pillow with 16 bits
    else:
        data = _opencv(picture, ".png", opencv_parameters(options.png_effort))
    chunks = [_chunk(name, content) for name, content in picture.color_space]
    if picture.icc_profile:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(picture.icc_profile)))
    if picture.dpi:
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in picture.dpi), 1)))
    exif = exif_block(picture)
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(EXIF_HEADER)))
    for keyword, text in picture.texts:
        chunks.append(_chunk(b"iTXt", keyword.encode("latin-1") + bytes(5) + text.encode()))
    packet = xmp_packet(picture)
    if packet:
        chunks.append(_chunk(b"iTXt", XMP_TEXT.encode() + bytes(5) + packet))
    if picture.comment:
        chunks.append(_chunk(b"iTXt", b"Comment" + bytes(5) + picture.comment.decode("utf-8", "replace").encode()))
    head = 8 + 25  # signature and IHDR
    return data[:head] + b"".join(chunks) + data[head:]


def _png_grey_alpha_16(pixels: Array) -> bytes:
    """[H, W, 2] uint16 as a PNG of colour type 4, each row as differences from the pixel before (filter 1)."""
    height, width, _ = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, 4 * width)
    steps = np.ones((height, 1 + 4 * width), np.uint8)
    steps[:, 1:5], steps[:, 5:] = rows[:, :4], rows[:, 4:] - rows[:, :-4]
    header = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(steps.tobytes(), 6)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _opencv(picture: Picture, extension: str, parameters: Sequence[int] = ()) -> bytes:
    pixels = _stack(picture, grey_alpha=False)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    done, data = cv2.imencode(extension, np.ascontiguousarray(pixels), parameters)
    if not done:
        raise BadPicture(f"OpenCV cannot encode it as {extension}.")
    return bytes(data)


def _stack(picture: Picture, *, grey_alpha: bool) -> Array:
    """All in one array, [H, W] or [H, W, 2 to 4]; grey with alpha becomes RGBA unless `grey_alpha`."""
    color, alpha = picture.color, picture.alpha
    if alpha is None:
        return color
    copies = 3 if color.ndim == 2 and not grey_alpha else 1
    return np.dstack([*[color] * copies, alpha])


def _pillow(picture: Picture, **options: Any) -> bytes:
    """Encode 8-bit pixels with Pillow, every frame of them."""
    if picture.frames:
        image, more = saving(picture)
        options |= more
    elif picture.indices is None:
        image = Image.fromarray(_stack(picture, grey_alpha=True))
    else:
        image = Image.fromarray(picture.indices, "P")
        image.putpalette(_palette(picture).colors.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format=picture.format, **{k: v for k, v in options.items() if v is not None})
    return buffer.getvalue()


def _palette(picture: Picture) -> Palette:
    if picture.palette is None:
        raise BadPicture("it has indices without a palette.")
    return picture.palette


def _transparency(picture: Picture) -> bytes | None:
    """Alpha of each entry of the palette, as PNG says it."""
    alpha = _palette(picture).alpha
    return None if alpha is None else alpha.tobytes().rstrip(b"\xff")


def _jpeg(picture: Picture, options: EncodingOptions) -> bytes:
    return _pillow(
        picture,
        quality=options.quality,
        subsampling=0,
        icc_profile=picture.icc_profile,
        exif=exif_block(picture),
        xmp=xmp_packet(picture),
        extra=iptc_segment(picture),
        comment=picture.comment,
        dpi=picture.dpi and tuple(max(1, round(v)) for v in picture.dpi),
    )


def _webp(picture: Picture, options: EncodingOptions) -> bytes:
    how: dict[str, Any] = {"lossless": True, "exact": True} if picture.lossless else {"quality": options.quality}
    return _pillow(picture, icc_profile=picture.icc_profile, exif=exif_block(picture), xmp=xmp_packet(picture), **how)


def _tiff(picture: Picture, options: EncodingOptions) -> bytes:
    """One deflated strip. Pillow has no 16-bit colour and no EXIF beside compression; OpenCV no metadata."""
    deep = picture.color.dtype == np.uint16
    indexed = picture.indices is not None
    pixels = np.atleast_3d(_stack(picture, grey_alpha=not deep) if picture.indices is None else picture.indices)
    height, width, samples = pixels.shape
    steps = pixels.copy()
    steps[:, 1:] -= pixels[:, :-1]  # predictor 2: differences along the row, modulo their range
    strip = zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), 6)
    tags = ImageFileDirectory_v2()
    tags[256], tags[257], tags[258], tags[259] = width, height, (16 if deep else 8,) * samples, 8
    tags[262], tags[273], tags[277] = 3 if indexed else 1 if samples < 3 else 2, 0, samples
    tags[278], tags[279], tags[317] = height, len(strip), 2
    if indexed:
        colors = np.zeros((256, 3), np.uint16)
        colors[: len(_palette(picture).colors)] = _palette(picture).colors * np.uint16(257)
        tags[320] = tuple(colors.T.ravel().tolist())
    elif picture.alpha is not None:
        tags[338] = 2
    if picture.dpi:
        tags[282], tags[283], tags[296] = *picture.dpi, 2
    if picture.icc_profile:
        tags.tagtype[34675] = 7
        tags[34675] = picture.icc_profile
    for tag, kind, content in ((XMP_TAG, 1, xmp_packet(picture)), (IPTC_TAG, 7, picture.iptc)):
        if content:
            tags.tagtype[tag] = kind
            tags[tag] = content
    block = exif_block(picture)
    if block:
        exif = parse_exif(block)
        for tag, value in exif.items():
            tags[tag] = exif.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else value
    buffer = io.BytesIO()
    tags.save(buffer)  # writes the strip's place into tag 273: right behind the tags
    return buffer.getvalue() + strip


def _tga(picture: Picture, options: EncodingOptions) -> bytes:
    return _pillow(picture, **dict(picture.layout))


def _bmp(picture: Picture, options: EncodingOptions) -> bytes:
    if picture.alpha is not None:
        return _opencv(picture, ".bmp")  # Pillow writes no masks, so that readers would ignore the alpha
    return _pillow(picture, dpi=picture.dpi)


def _gif(picture: Picture, options: EncodingOptions) -> bytes:
    more: dict[str, Any] = {}
    if picture.indices is not None:
        alpha = _palette(picture).alpha
        clear = None if alpha is None or alpha.all() else int(alpha.argmin())
        more = {"optimize": False, "transparency": clear}
    return gif_with_xmp(_pillow(picture, comment=picture.comment, **more), xmp_packet(picture))


def _avif(picture: Picture, options: EncodingOptions) -> bytes:
    deep = picture.color.dtype == np.uint16
    if picture.frames and picture.lossless:
        raise BadPicture("an animated AVIF cannot be written without loss; choose --format webp or png.")
    exif, xmp = exif_block(picture), xmp_packet(picture)
    if deep or picture.lossless:
        bits = dict(picture.layout).get("depth", 12) if deep else 8
        exif = exif and exif.removeprefix(EXIF_HEADER)
        return avif.encode(_stack(picture, grey_alpha=False), bits, picture.icc_profile, exif, xmp)
    return _pillow(
        picture,
        quality=options.quality,
        speed=avif.SPEED,
        subsampling="4:4:4" if picture.color.ndim == 3 else None,
        icc_profile=picture.icc_profile,
        exif=exif,
        xmp=xmp,
    )


def _heif(picture: Picture, options: EncodingOptions) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(_stack(picture, grey_alpha=True))
    metadata = {"icc_profile": picture.icc_profile, "exif": exif_block(picture), "xmp": xmp_packet(picture)}
    heic.save(image, buffer, options.quality, **{key: value for key, value in metadata.items() if value})
    return buffer.getvalue()


def _dds(picture: Picture, options: EncodingOptions) -> bytes:
    return dds.encode(picture)


ENCODERS: dict[str, Callable[[Picture, EncodingOptions], bytes]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "TIFF": _tiff,
    "TGA": _tga,
    "BMP": _bmp,
    "GIF": _gif,
    "AVIF": _avif,
    "HEIF": _heif,
    "DDS": _dds,
}
