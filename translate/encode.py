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
EXIF_HEADER = b"Exif\x00\x00"
EXIF_IFD, EXIF_WIDTH, EXIF_HEIGHT = 34665, 40962, 40963


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
    if picture.frames or (alpha is not None and color.ndim == 2 and color.dtype == np.uint8):
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
    exif = _exif(picture)
    if exif:
        chunks.append(_chunk(b"eXIf", exif.removeprefix(EXIF_HEADER)))
    for keyword, text in picture.texts:
        chunks.append(_chunk(b"iTXt", keyword.encode("latin-1") + bytes(5) + text.encode()))
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
    else:
        image = Image.fromarray(_stack(picture, grey_alpha=True))
    buffer = io.BytesIO()
    image.save(buffer, format=picture.format, **{k: v for k, v in options.items() if v is not None})
    return buffer.getvalue()


def _jpeg(picture: Picture, options: EncodingOptions) -> bytes:
    return _pillow(
        picture,
        quality=options.quality,
        subsampling=0,
        icc_profile=picture.icc_profile,
        exif=_exif(picture),
        comment=picture.comment,
        dpi=picture.dpi and tuple(max(1, round(v)) for v in picture.dpi),
    )


def _webp(picture: Picture, options: EncodingOptions) -> bytes:
    how: dict[str, Any] = {"lossless": True, "exact": True} if picture.lossless else {"quality": options.quality}
    return _pillow(picture, icc_profile=picture.icc_profile, exif=_exif(picture), **how)


def _tiff(picture: Picture, options: EncodingOptions) -> bytes:
    """One deflated strip. Pillow has no 16-bit colour and no EXIF beside compression; OpenCV no metadata."""
    deep = picture.color.dtype == np.uint16
    pixels = np.atleast_3d(_stack(picture, grey_alpha=not deep))
    height, width, samples = pixels.shape
    steps = pixels.copy()
    steps[:, 1:] -= pixels[:, :-1]  # predictor 2: differences along the row, modulo their range
    strip = zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes(), 6)
    tags = ImageFileDirectory_v2()
    tags[256], tags[257], tags[258], tags[259] = width, height, (16 if deep else 8,) * samples, 8
    tags[262], tags[273], tags[277] = 1 if samples < 3 else 2, 0, samples
    tags[278], tags[279], tags[317] = height, len(strip), 2
    if picture.alpha is not None:
        tags[338] = 2
    if picture.dpi:
        tags[282], tags[283], tags[296] = *picture.dpi, 2
    if picture.icc_profile:
        tags.tagtype[34675] = 7
        tags[34675] = picture.icc_profile
    block = _exif(picture)
    if block:
        exif = _parse(block)
        for tag, value in exif.items():
            tags[tag] = exif.get_ifd(tag) if tag in (34665, 34853) else value
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
    return _pillow(picture, comment=picture.comment)


def _avif(picture: Picture, options: EncodingOptions) -> bytes:
    deep = picture.color.dtype == np.uint16
    if picture.frames and picture.lossless:
        raise BadPicture("an animated AVIF cannot be written without loss; choose --format webp or png.")
    if deep or picture.lossless:
        bits = dict(picture.layout).get("depth", 12) if deep else 8
        exif = _exif(picture)
        return avif.encode(
            _stack(picture, grey_alpha=False),
            bits,
            picture.icc_profile,
            exif and exif.removeprefix(EXIF_HEADER),
        )
    return _pillow(
        picture,
        quality=options.quality,
        speed=avif.SPEED,
        subsampling="4:4:4" if picture.color.ndim == 3 else None,
        icc_profile=picture.icc_profile,
        exif=_exif(picture),
    )


def _heif(picture: Picture, options: EncodingOptions) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(_stack(picture, grey_alpha=True))
    metadata = {"icc_profile": picture.icc_profile, "exif": _exif(picture)}
    heic.save(image, buffer, options.quality, **{key: value for key, value in metadata.items() if value})
    return buffer.getvalue()


def _dds(picture: Picture, options: EncodingOptions) -> bytes:
    return dds.encode(picture)


def _parse(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


def _exif(picture: Picture) -> bytes | None:
    """The EXIF block with the picture's present size where it names one."""
    if picture.exif is None:
        return None
    exif = _parse(picture.exif)
    details = exif.get_ifd(EXIF_IFD)
    if EXIF_WIDTH in details:
        details[EXIF_WIDTH], details[EXIF_HEIGHT] = picture.size
    return bytes(exif.tobytes())


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
