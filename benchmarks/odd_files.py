"""Picture files of every kind, intact, odd and hostile, made here byte by byte where no library writes them."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
from PIL import Image, PngImagePlugin

from benchmarks.encodings import DEEP, GREY, RANDOM, RGB, SIDE, chunk, encodings, png, saved
from benchmarks.profiles import CMYK_TABLE, GRAY_22, WIDE

PLACES = (0.0, 0.003, 0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)
"""Where files are cut off, as a share of their length."""


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


def _intact() -> Iterator[OddFile]:
    for kind, extension, form, content in encodings():
        name = kind.lower().replace(" ", "-").replace(",", "").replace("/", "-")
        yield OddFile(kind, f"{name}.{extension}", content, form)


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
