"""File contents to a Picture. Header first; then pixels; then what else the file says."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import IO, Any

import cv2
import numpy as np
from PIL import Image

from models.errors import BadPicture
from translate.formats import avif, dds, heic, tga
from translate.formats.animation import check_animation, is_animated, with_frames
from translate.indexed import palette_of
from translate.lcms import leave_print
from translate.metadata import read_metadata
from translate.picture import FORMATS, Array, Picture, check_pixels

STEPS = {"L;2": 85, "L;4": 17}
"""What one grey level of a file with fewer than 8 bits is worth in 8 bits; Pillow itself does 1 bit."""
BITS = {"P;1": 1, "P;2": 2, "P;4": 4}
"""Bits of an index in a file with fewer than 8."""
COLOR_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8}
"""PNG's chunks on what its values mean, and how long each is."""
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
PILLOW_FORMATS = tuple(name for name in FORMATS if name not in ("HEIF", "DDS"))
# Pillow's own limit is a constant; ours is an option, checked as soon as the header is read.
Image.MAX_IMAGE_PIXELS = None
# What is wrong with a file is told by the report, not by OpenCV on standard error.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(file: IO[bytes], max_pixels: int) -> Picture:
    """Decode the picture in an open file.

    Raises:
        TooLarge: the header announces more than `max_pixels`; no pixel was decoded.
        BadPicture: a kind of picture that cannot be kept faithfully; the message is the bare reason.
        Others: whatever the decoders raise on damaged files.
    """
    head = file.read(64)
    file.seek(0)
    if dds.is_dds(head):
        return dds.decode(file, max_pixels)
    if heic.is_heic(head):
        heic.prepare()
    image = Image.open(file, formats=("HEIF",) if heic.is_heic(head) else PILLOW_FORMATS)
    check_pixels(*image.size, max_pixels)
    if image.format == "TGA":
        image = tga.plain(image, file)
    moves = is_animated(image)
    if moves:
        check_animation(image, max_pixels)
    notices = _frames(image)
    bits = avif.depth(file) if image.format == "AVIF" else 8
    if moves and bits > 8:
        raise BadPicture(f"an animated AVIF with {bits} bits a channel cannot be kept faithfully; save it with 8.")
    deep = bits > 8 or _is_16_bit(image)
    raw = _raw_mode(image)
    lossless = _is_lossless(image, file)
    image.load()  # also for 16 bits: OpenCV returns the readable part of a truncated file without a word
    said = read_metadata(image, file)
    notices += said.notices
    profile = image.info.get("icc_profile") or None
    palette = palette_of(image, BITS.get(raw, 8))

    if deep:
        color, alpha = _pixels_16_bit(image, file, grey=raw.startswith(("L", "I")))
    else:
        screen: Image.Image = image
        if image.mode in ("CMYK", "LAB"):
            screen, notice = leave_print(image, profile)
            notices, profile = (*notices, notice), None
        color, alpha = _pixels_8_bit(screen, STEPS.get(raw, 1))
    if bits > 8:
        color, alpha = avif.to_16_bits(color, bits), None if alpha is None else avif.to_16_bits(alpha, bits)
    if image.format == "AVIF" and color.ndim == 3 and avif.is_grey(file):
        color = color[..., 0]
    if image.format != "TIFF":  # there both decoders have turned the picture already
        color, alpha = _upright(color, said.orientation), None if alpha is None else _upright(alpha, said.orientation)
    picture = Picture(
        color=np.ascontiguousarray(color),
        alpha=None if alpha is None else np.ascontiguousarray(alpha),
        format="JPEG" if image.format == "MPO" else str(image.format),
        lossless=lossless,
        icc_profile=profile,
        exif=said.exif,
        xmp=said.xmp,
        iptc=said.iptc,
        dpi=said.dpi,
        color_space=_color_space(file) if image.format == "PNG" else (),
        comment=said.comment,
        texts=said.texts,
        palette=palette,
        layout=_layout(image, bits),
        notices=notices,
    )
    return with_frames(picture, image) if moves else picture


def _layout(image: Image.Image, bits: int) -> tuple[tuple[str, Any], ...]:
    if image.format == "TGA":
        return tuple((key, image.info[key]) for key in ("orientation", "compression") if key in image.info)
    return (("depth", bits),) if bits > 8 else ()


def _raw_mode(image: Image.Image) -> str:
    """How the file stores its pixels, in Pillow's words; known until they are loaded."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _frames(image: Image.Image) -> tuple[str, ...]:
    count = int(getattr(image, "n_frames", 1))
    first_only = count > 1 and not is_animated(image)
    notices = (f"only the first of its {count} pictures was converted",) if first_only else ()
    return (*notices, *heic.notices(image)) if image.format == "HEIF" else notices


def _is_lossless(image: Image.Image, file: IO[bytes]) -> bool:
    if image.format != "WEBP":
        return image.format not in ("JPEG", "MPO", "AVIF", "HEIF")
    with _read_from(file, 12):
        while len(head := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            if name in (b"VP8L", b"VP8 "):
                return bool(name == b"VP8L")
            # a frame of an animation is a chunk of chunks, behind 16 bytes of its own
            file.seek(16 if name == b"ANMF" else length + length % 2, 1)
    return False


def _color_space(file: IO[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    found: dict[bytes, bytes] = {}
    with _read_from(file, 8):
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"IDAT":
                break
            if COLOR_CHUNKS.get(name) == length:
                found.setdefault(name, file.read(length))
                length = 0
            file.seek(length + 4, 1)
    return tuple(found.items())


def _bare_png(file: IO[bytes]) -> bytes:
    """A PNG's pixels and nothing beside them: libpng would complain about the rest on standard error."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    with _read_from(file, 8):
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in PIXEL_CHUNKS:
                parts += [head, file.read(length + 4)]
            else:
                file.seek(length + 4, 1)
            if name == b"IEND":
                break
    return b"".join(parts)


def _read_all(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


@contextlib.contextmanager
def _read_from(file: IO[bytes], start: int) -> Iterator[None]:
    """Read elsewhere in a file that a decoder has open."""
    place = file.tell()
    file.seek(start)
    yield
    file.seek(place)


def _is_16_bit(image: Image.Image) -> bool:
    if image.format == "PNG":
        return ";16" in _raw_mode(image)
    if image.format != "TIFF":
        return False
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    bits, kinds = set(tags.get(258, (1,))), set(tags.get(339, (1,)))
    if max(bits) <= 8:
        return False
    if bits != {16} or kinds != {1} or tags.get(262) not in (1, 2):
        raise BadPicture(
            "a TIFF of this kind cannot be kept faithfully "
            f"({'/'.join(map(str, sorted(bits)))} bits, sample format {'/'.join(map(str, sorted(kinds)))}); "
            "save it with 8 or 16 bits, grey or RGB."
        )
    return True


def _pixels_16_bit(image: Image.Image, file: IO[bytes], *, grey: bool) -> tuple[Array, Array | None]:
    """Through OpenCV: Pillow cuts 16-bit RGB to 8 bits in silence."""
    content = _bare_png(file) if image.format == "PNG" else _read_all(file)
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise BadPicture("its 16-bit pixels cannot be decoded.")
    if pixels.ndim == 2:
        return pixels, _keyed(pixels, image, 1)
    color = pixels[..., 0] if grey else pixels[..., 2::-1]
    has_alpha = pixels.shape[2] == 4
    if has_alpha and "transparency" not in image.info:
        return color, pixels[..., 3]
    return color, _keyed(color, image, 1)


def _pixels_8_bit(image: Image.Image, step: int) -> tuple[Array, Array | None]:
    mode = image.mode
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    elif mode in ("1", "RGBX", "YCbCr", "La", "RGBa"):
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        raise BadPicture(f"pixels of kind {mode} cannot be kept faithfully; save it as 8 or 16 bits, grey or RGB.")
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return pixels, _keyed(pixels, image, step)
    if pixels.shape[2] == 2:
        return pixels[..., 0], pixels[..., 1]
    color = pixels[..., :3]
    return color, pixels[..., 3] if pixels.shape[2] == 4 else _keyed(color, image, 1)


def _keyed(color: Array, image: Image.Image, step: int) -> Array | None:
    """Alpha of a picture in which one colour means transparent (PNG's tRNS)."""
    key = image.info.get("transparency")
    if not isinstance(key, int | tuple):
        return None
    hit = color == np.asarray(key) * step
    if hit.ndim == 3:
        hit = hit.all(axis=2)
    return np.where(hit, 0, np.iinfo(color.dtype).max).astype(color.dtype)


def _upright(pixels: Array, orientation: int) -> Array:
    """Apply EXIF orientation 1 to 8; anything else means upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
