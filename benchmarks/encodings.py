"""Files of every encoding of the formats that are read, made here byte by byte where no library writes them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.profiles import CMYK_TABLE

RANDOM = np.random.default_rng(0)
SIDE = 24
COLOR = cv2.resize(RANDOM.integers(0, 256, (5, 5, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
COVER = cv2.resize(RANDOM.integers(0, 256, (4, 4), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
DEEP = RANDOM.integers(0, 65536, (SIDE, SIDE, 4), np.uint16)
RGB = Image.fromarray(COLOR)
RGBA = Image.fromarray(np.dstack([COLOR, COVER]))
GREY = RGB.convert("L")
GREY_ALPHA = RGBA.convert("LA")
INDEXED = RGB.quantize(16)


def encodings() -> Iterator[tuple[str, str, str, bytes]]:
    """Kind, extension, Pillow's name of the format (empty where it must be refused) and content of each."""
    return chain(_pngs(), _jpegs(), _tiffs(), _others())


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """A file by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(kind: int, bits: int, width: int, rows: list[bytes], *between: bytes, passes: bool = False) -> bytes:
    """A PNG of any colour type and depth; `rows` as they are packed, `between` is chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, SIDE if passes else len(rows), bits, kind, 0, 0, int(passes))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = (chunk(b"IHDR", header), *between, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _packed(bits: int) -> list[bytes]:
    values = np.asarray(GREY) >> (8 - bits)
    every = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :]
    return [row.tobytes() for row in np.packbits(every.reshape(SIDE, -1), axis=1)]


def _interlaced() -> bytes:
    grey = np.asarray(GREY)
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    return png(0, 8, SIDE, [r.tobytes() for y, x, down, right in steps for r in grey[y::down, x::right]], passes=True)


def _pngs() -> Iterator[tuple[str, str, str, bytes]]:
    palette = chunk(b"PLTE", bytes(range(48)))
    color, cover = COLOR.tobytes(), chunk(b"tRNS", bytes([0, 100]))
    rows = [color[start : start + 3 * SIDE] for start in range(0, len(color), 3 * SIDE)]
    for bits in (1, 2, 4, 8):
        yield f"PNG grey {bits} bit", "png", "PNG", png(0, bits, SIDE, _packed(bits))
        some = chunk(b"PLTE", bytes(range(3 << bits))) if bits < 8 else chunk(b"PLTE", bytes(range(256)) * 3)
        yield f"PNG palette {bits} bit", "png", "PNG", png(3, bits, SIDE, _packed(bits), some)
    yield "PNG palette with transparency", "png", "PNG", png(3, 4, SIDE, _packed(4), palette, cover)
    yield "PNG grey with a transparent value", "png", "PNG", png(0, 8, SIDE, _packed(8), chunk(b"tRNS", b"\0\7"))
    clear = chunk(b"tRNS", bytes(6))
    yield "PNG RGB with a transparent colour", "png", "PNG", png(2, 8, SIDE, rows, clear)
    yield "PNG interlaced", "png", "PNG", _interlaced()
    yield "PNG grey with alpha", "png", "PNG", saved(GREY_ALPHA, "PNG")
    yield "PNG RGB", "png", "PNG", saved(RGB, "PNG")
    yield "PNG RGBA", "png", "PNG", saved(RGBA, "PNG")
    big = DEEP.astype(">u2")
    for kind, channels, word in ((0, 1, "grey"), (4, 2, "grey with alpha"), (2, 3, "RGB"), (6, 4, "RGBA")):
        deep = [np.ascontiguousarray(row[:, :channels]).tobytes() for row in big]
        yield f"PNG {word} 16 bit", "png", "PNG", png(kind, 16, SIDE, deep)
    yield "PNG animated", "png", "PNG", saved(RGB, "PNG", save_all=True, append_images=[GREY.convert("RGB")])


def _jpegs() -> Iterator[tuple[str, str, str, bytes]]:
    yield "JPEG grey", "jpg", "JPEG", saved(GREY, "JPEG", quality=95)
    yield "JPEG RGB 444", "jpg", "JPEG", saved(RGB, "JPEG", subsampling=0, quality=95)
    yield "JPEG RGB 420", "jpg", "JPEG", saved(RGB, "JPEG", subsampling=2, quality=95)
    yield "JPEG progressive", "jpg", "JPEG", saved(RGB, "JPEG", progressive=True, quality=95)
    cmyk = saved(RGB.convert("CMYK"), "JPEG", quality=95)
    yield "JPEG CMYK", "jpg", "JPEG", cmyk
    yield "JPEG CMYK with a profile", "jpg", "JPEG", saved(RGB.convert("CMYK"), "JPEG", icc_profile=CMYK_TABLE)
    # the third byte from the end of Adobe's segment tells how the four channels are mixed: 2 is YCCK
    place = cmyk.index(b"Adobe") + 11
    yield "JPEG YCCK", "jpg", "JPEG", cmyk[:place] + b"\2" + cmyk[place + 1 :]
    yield "JPEG of several pictures (MPO)", "jpg", "JPEG", saved(RGB, "MPO", save_all=True, append_images=[RGB])


def _tiffs() -> Iterator[tuple[str, str, str, bytes]]:
    for image, word in (
        *((GREY.convert("1"), "1 bit"), (GREY, "grey"), (GREY_ALPHA, "grey with alpha"), (RGB, "RGB")),
        *((RGBA, "RGBA"), (INDEXED, "palette"), (RGB.convert("CMYK"), "CMYK")),
    ):
        yield f"TIFF {word}", "tif", "TIFF", saved(image, "TIFF")
    lab = Image.merge("LAB", [Image.new("L", (SIDE, SIDE), value) for value in (138, 208, 195)])
    yield "TIFF Lab", "tif", "TIFF", saved(lab, "TIFF")
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"TIFF {name}", "tif", "TIFF", saved(RGB, "TIFF", compression=name)
    yield "TIFF group4", "tif", "TIFF", saved(GREY.convert("1"), "TIFF", compression="group4")
    yield "TIFF BigTIFF", "tif", "TIFF", saved(RGB, "TIFF", big_tiff=True)
    yield "TIFF of several pages", "tif", "TIFF", saved(RGB, "TIFF", save_all=True, append_images=[RGB])
    for channels, word in ((1, "grey"), (3, "RGB"), (4, "RGBA")):
        deep = cv2.imencode(".tif", DEEP[..., :channels])[1].tobytes()
        yield f"TIFF {word} 16 bit", "tif", "TIFF", deep
    big = struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">H", 8)
    for tag, value in ((256, 4), (257, 4), (258, 16), (259, 1), (262, 1), (273, 110), (277, 1), (279, 32)):
        big += struct.pack(">HHIHH", tag, 3, 1, value, 0)
    big = (big + bytes(4)).ljust(110, b"\0") + DEEP[:4, :4, 0].astype(">u2").tobytes()
    yield "TIFF grey 16 bit, big-endian", "tif", "TIFF", big
    for kind, word in ((np.float32, "floating point"), (np.int32, "32 bit")):
        yield f"TIFF {word}", "tif", "", saved(Image.fromarray(DEEP[..., 0].astype(kind)), "TIFF")


def _others() -> Iterator[tuple[str, str, str, bytes]]:
    two = {"save_all": True, "append_images": [RGB.rotate(90)], "duration": 100}
    for lossless in (False, True):
        word = "lossless" if lossless else "lossy"
        yield f"WebP {word}", "webp", "WEBP", saved(RGB, "WEBP", lossless=lossless, quality=95)
        yield f"WebP {word} with alpha", "webp", "WEBP", saved(RGBA, "WEBP", lossless=lossless, quality=95)
    yield "WebP animated", "webp", "WEBP", saved(RGB, "WEBP", lossless=True, **two)
    for image, word in ((GREY, "grey"), (RGB, "RGB"), (RGBA, "RGBA"), (INDEXED, "palette")):
        yield f"TGA {word}", "tga", "TGA", saved(image, "TGA")
        yield f"TGA {word}, run-length", "tga", "TGA", saved(image, "TGA", compression="tga_rle", orientation=1)
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, SIDE, SIDE, 16, 0)
    five = (DEEP[..., 0] & 0x7FFF).astype("<u2").tobytes()
    yield "TGA 16 bit a pixel", "tga", "TGA", head + five
    for image, word in ((GREY.convert("1"), "1 bit"), (GREY, "grey"), (INDEXED, "palette"), (RGB, "RGB")):
        yield f"BMP {word}", "bmp", "BMP", saved(image, "BMP")
    yield "BMP RGBA", "bmp", "BMP", cv2.imencode(".bmp", np.asarray(RGBA))[1].tobytes()
    info = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 16, 3, 2 * SIDE * SIDE, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    whole = 66 + 2 * SIDE * SIDE
    five = struct.pack("<2sIHHI", b"BM", whole, 0, 0, 66) + info + masks + DEEP[..., 0].astype("<u2").tobytes()
    yield "BMP 16 bit a pixel", "bmp", "BMP", five
    run = b"".join(bytes([SIDE, row % 4, 0, 0]) for row in range(SIDE)) + b"\0\1"
    info = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 8, 1, len(run), 0, 0, 4, 0)
    colors = bytes([9, 99, 199, 0, 0, 255, 0, 0, 255, 0, 0, 0, 40, 50, 60, 0])
    yield "BMP run-length", "bmp", "BMP", struct.pack("<2sIHHI", b"BM", 70 + len(run), 0, 0, 70) + info + colors + run
    yield "GIF", "gif", "GIF", saved(INDEXED, "GIF")
    yield "GIF grey", "gif", "GIF", saved(GREY, "GIF")
    yield "GIF with transparency", "gif", "GIF", saved(INDEXED, "GIF", transparency=0)
    yield "GIF animated", "gif", "GIF", saved(RGB, "GIF", **two)
    yield "AVIF RGB", "avif", "AVIF", saved(RGB, "AVIF", quality=90)
    yield "AVIF RGBA", "avif", "AVIF", saved(RGBA, "AVIF", quality=90)
    for word in ("DXT1", "DXT3", "DXT5", "BC2", "BC3"):
        yield f"DDS {word}", "dds", "DDS", saved(RGBA, "DDS", pixel_format=word)
    yield "DDS BC5", "dds", "DDS", saved(RGB, "DDS", pixel_format="BC5")
    yield "DDS uncompressed", "dds", "DDS", saved(RGB, "DDS")
    yield "DDS uncompressed RGBA", "dds", "DDS", saved(RGBA, "DDS")
