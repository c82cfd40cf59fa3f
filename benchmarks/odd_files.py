"""Picture files of every kind, intact, odd and hostile, made here byte by byte where no library writes them."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from benchmarks.profiles import CMYK_TABLE, GRAY_22, WIDE

PLACES = (0.0, 0.003, 0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)
"""Where files are cut off, as a share of their length."""
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
WORD = "picture"


@dataclass(frozen=True)
class OddFile:
    """One file and what may become of it."""

    kind: str
    """Row of the table."""
    name: str
    content: bytes
    format: str = ""
    """Pillow's name of the format. Converted if the format is known; refused if this is empty."""
    whole: bytes = b""
    """For a file that was cut off: the whole one. It may be converted if all its pixels are there."""


@functools.cache
def odd_files() -> list[OddFile]:
    """All of them; names are unique."""
    makers = (_intact, _sizes, _oriented, _profiled, _described, _misnamed, _cut, _hostile, _bombs)
    return [file for maker in makers for file in maker()]


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


def _intact() -> Iterator[OddFile]:
    for kind, extension, form, content in (*_pngs(), *_jpegs(), *_tiffs(), *_others()):
        name = kind.lower().replace(" ", "-").replace(",", "").replace("/", "-")
        yield OddFile(kind, f"{name}.{extension}", content, form)


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
    yield "JPEG RGB 4:4:4".replace(":", ""), "jpg", "JPEG", saved(RGB, "JPEG", subsampling=0, quality=95)
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
    for image, word in (
        *((Image.fromarray(DEEP[..., 0].astype(np.float32)), "floating point"),),
        *((Image.fromarray(DEEP[..., 0].astype(np.int32)), "32 bit"),),
    ):
        yield f"TIFF {word}", "tif", "", saved(image, "TIFF")


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


def _sizes() -> Iterator[OddFile]:
    for form, extension in (
        *(("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("TIFF", "tif"), ("TGA", "tga"), ("BMP", "bmp")),
        *(("GIF", "gif"), ("AVIF", "avif")),
    ):
        dot = Image.new("RGB", (1, 1), (200, 100, 50))
        yield OddFile("one pixel, each format", f"one-{form}.{extension}", saved(dot, form), form)
    for size in ((1, 30_000), (30_000, 1)):
        strip = saved(Image.new("RGB", size, (1, 2, 3)), "PNG")
        yield OddFile("1 x 30000 and 30000 x 1", f"strip-{size[0]}.png", strip, "PNG")
    strip = saved(Image.new("RGB", (10_000, 1)), "WEBP")
    yield OddFile("WebP whose result is beyond the format's 16383 pixels", "strip.webp", strip)


def _oriented() -> Iterator[OddFile]:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        for form, extension in (("JPEG", "jpg"), ("PNG", "png")):
            content = saved(RGB.crop((0, 0, SIDE, 9)), form, exif=exif)
            yield OddFile("EXIF orientation 1 to 8", f"turned-{orientation}-{form}.{extension}", content, form)


def _profiled() -> Iterator[OddFile]:
    for form, extension in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("WEBP", "webp")):
        for word, profile in (
            *(("that is garbage", b"garbage " * 40), ("cut off", WIDE[:200]), ("for CMYK on RGB", CMYK_TABLE)),
            *(("for grey on RGB", GRAY_22), ("of a wide RGB space", WIDE)),
        ):
            name = f"profile-{word.replace(' ', '-')}-{form}.{extension}"
            yield OddFile(f"profile {word}", name, saved(RGB, form, icc_profile=profile), form)
    yield OddFile("profile for grey on grey", "grey.png", saved(GREY, "PNG", icc_profile=GRAY_22), "PNG")
    deep = cv2.imencode(".png", DEEP[..., :3])[1].tobytes()
    wide = deep[:33] + chunk(b"iCCP", b"wide\0\0" + zlib.compress(WIDE)) + deep[33:]
    yield OddFile("profile of a wide RGB space, 16 bit", "wide-16.png", wide, "PNG")


def _described() -> Iterator[OddFile]:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    deep = b"<a>" * 5000 + b"</a>" * 5000
    for word, packet in (("with entities", bomb), ("nested deeply", deep), ("that is no XML", b"\xff<<&")):
        for form, extension in (("JPEG", "jpg"), ("WEBP", "webp"), ("PNG", "png")):
            if form == "PNG":
                info = PngImagePlugin.PngInfo()
                info.add_itxt("XML:com.adobe.xmp", packet.decode("latin-1"))
                content = saved(RGB, form, pnginfo=info)
            else:
                content = saved(RGB, form, xmp=packet)
            yield OddFile(f"XMP {word}", f"xmp-{word.replace(' ', '-')}-{form}.{extension}", content, form)
    for form, extension in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
        content = saved(RGB, form, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(200)))
        yield OddFile("EXIF that is garbage", f"exif-{form}.{extension}", content, form)
    whole = saved(RGB, "PNG")
    for word, block in (("text", b"zTXtk\0\0"), ("profile", b"iCCPk\0\0")):
        large = chunk(block[:4], block[4:] + zlib.compress(bytes(8_000_000)))
        # Pillow refuses to unpack so much; a lie in a file is no reason to believe the rest
        yield OddFile(f"PNG with 8 MB of zeros as {word}", f"large-{word}.png", whole[:33] + large + whole[33:], "?")


def _misnamed() -> Iterator[OddFile]:
    for form, extension in (
        *(("JPEG", "png"), ("PNG", "jpg"), ("GIF", "tga"), ("WEBP", "bmp"), ("BMP", "gif"), ("TIFF", "png")),
        *(("TGA", "png"), ("PNG", "PNG.jpeg")),
    ):
        yield OddFile("wrong extension", f"really-{form}.{extension}", saved(RGB, form), form)


def _cut() -> Iterator[OddFile]:
    for name, form, content in (
        *((f"x.{ext}", form, saved(RGB, form)) for form, ext in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"))),
        *((f"x.{ext}", form, saved(RGB, form)) for form, ext in (("TIFF", "tif"), ("TGA", "tga"), ("BMP", "bmp"))),
        *((f"x.{ext}", form, saved(RGB, form)) for form, ext in (("GIF", "gif"), ("AVIF", "avif"), ("DDS", "dds"))),
        ("progressive.jpg", "JPEG", saved(RGB, "JPEG", progressive=True)),
        ("deep.png", "PNG", cv2.imencode(".png", DEEP)[1].tobytes()),
        ("deep.tif", "TIFF", cv2.imencode(".tif", DEEP)[1].tobytes()),
        ("lossless.webp", "WEBP", saved(RGB, "WEBP", lossless=True)),
        ("run-length.tga", "TGA", saved(RGB, "TGA", compression="tga_rle")),
        ("lzw.tif", "TIFF", saved(RGB, "TIFF", compression="tiff_lzw")),
    ):
        for place in PLACES:
            part = content[: int(place * len(content))]
            yield OddFile(f"{form} cut off at ten places", f"cut-{place}-{name}", part, form, whole=content)


def _hostile() -> Iterator[OddFile]:
    whole = saved(RGB, "PNG")
    for name, content in (
        *(("empty.png", b""), ("zeros.png", bytes(5000)), ("text.jpg", b"no picture " * 99)),
        *(
            ("page.gif", b"<!DOCTYPE html><svg/>" * 9),
            ("noise.tga", RANDOM.bytes(999)),
            ("noise.png", RANDOM.bytes(999)),
        ),
        *(("heic.heic", b"\0\0\0\x18ftypheic" + bytes(99)), ("psd.png", b"8BPS\0\1" + bytes(99))),
        *(("eps.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), ("exe.png", b"MZ" + bytes(999))),
    ):
        yield OddFile("no picture", name, content)
    yield OddFile("PNG whose header is damaged", "crc.png", whole[:20] + b"\xff" + whole[21:])
    place = whole.index(b"IDAT") + 10
    yield OddFile("PNG whose pixels are damaged", "crc2.png", whole[:place] + b"\xff\xff\xff" + whole[place + 3 :])
    yield OddFile("PNG without height", "flat.png", png(0, 8, SIDE, []))
    yield OddFile("junk behind the end", "junk.png", whole + RANDOM.bytes(99), "PNG")
    yield OddFile("junk behind the end", "junk.jpg", saved(RGB, "JPEG") + RANDOM.bytes(99), "JPEG")
    loop = saved(RGB, "TIFF")
    (start,) = struct.unpack_from("<I", loop, 4)
    (count,) = struct.unpack_from("<H", loop, start)
    end = start + 2 + 12 * count
    yield OddFile(
        "TIFF whose pages go in a circle", "loop.tif", loop[:end] + struct.pack("<I", start) + loop[end + 4 :], "?"
    )


def _bombs() -> Iterator[OddFile]:
    large = struct.pack(">II", 60_000, 60_000)
    whole = saved(RGB, "PNG")
    head = b"IHDR" + large + whole[24:29]
    yield OddFile(
        "bomb: more pixels than allowed",
        "bomb.png",
        whole[:12] + head + struct.pack(">I", zlib.crc32(head)) + whole[33:],
    )
    for name, form, place, size in (
        ("bomb.bmp", "BMP", 18, struct.pack("<ii", 60_000, 60_000)),
        ("bomb.tga", "TGA", 12, struct.pack("<HH", 60_000, 60_000)),
        ("bomb.gif", "GIF", 6, struct.pack("<HH", 60_000, 60_000)),
    ):
        content = saved(RGB, form)
        yield OddFile("bomb: more pixels than allowed", name, content[:place] + size + content[place + len(size) :])
    jpeg = saved(RGB, "JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    yield OddFile(
        "bomb: more pixels than allowed",
        "bomb.jpg",
        jpeg[:place] + struct.pack(">HH", 60_000, 60_000) + jpeg[place + 4 :],
    )
