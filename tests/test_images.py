"""Every kind of picture comes back as it was."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import DEEP, LOSSLESS, enlarging, noise
from PIL import Image

from translate.convert import translate_picture
from translate.finish import Finish, finished
from translate.images import Picture, read_picture, write_picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged files; the command silences it too


@pytest.mark.parametrize(("form", "dtype"), [*((f, np.uint8) for f in LOSSLESS), *DEEP])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_written_pixels_are_read_again(tmp_path: Path, form: str, grey: bool, alpha: bool, dtype: type) -> None:
    color = noise(9, 7, dtype=dtype) if grey else noise(9, 7, 3, dtype=dtype)
    cover = noise(9, 7, dtype=dtype) if alpha else None
    path = tmp_path / f"deep/er/x{LOSSLESS[form]}"
    write_picture(Picture(color=color, alpha=cover, format=form), path)
    back = read_picture(path)
    assert back.format == form
    assert back.color.dtype == dtype
    expanded = grey and back.color.ndim == 3
    np.testing.assert_array_equal(back.color, color[..., None].repeat(3, 2) if expanded else color)
    # no grey in WebP; no grey with alpha in BMP; no reader knows a TIFF of 16-bit grey with alpha
    assert expanded == (grey and (form == "WEBP" or (alpha and (form == "BMP" or (form, dtype) == DEEP[1]))))
    if cover is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, cover)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_jpeg_is_written_with_full_colour_and_stays_near(tmp_path: Path) -> None:
    color = cv2.resize(noise(6, 8, 3), (64, 48), interpolation=cv2.INTER_CUBIC)
    write_picture(Picture(color=color, format="JPEG", lossless=False), tmp_path / "x.jpg")
    with Image.open(tmp_path / "x.jpg") as image:
        assert all(layer[1:3] == (1, 1) for layer in image.layer)  # 4:4:4
    assert np.abs(read_picture(tmp_path / "x.jpg").color.astype(int) - color).mean() < 3


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("profile", [None, noise(10_001).tobytes().replace(b"VP8", b"...") + b"VP8L"])
def test_webp_stays_what_it_was(tmp_path: Path, lossless: bool, frames: int, profile: bytes | None) -> None:
    path = tmp_path / "x.webp"
    first, *others = (Image.fromarray(noise(32, 32, 3)) for _ in range(frames))
    first.save(path, lossless=lossless, icc_profile=profile, save_all=True, append_images=others)
    picture = read_picture(path)
    assert (picture.lossless, picture.icc_profile) == (lossless, profile)
    write_picture(picture, path)
    if lossless:
        np.testing.assert_array_equal(read_picture(path).color, np.asarray(first))
    else:
        assert b"VP8 " in path.read_bytes()


def test_16_bit_gradient_keeps_its_levels(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    for form in ("PNG", "TIFF"):
        path = tmp_path / f"x{LOSSLESS[form]}"
        write_picture(Picture(color=np.dstack([ramp] * 3), format=form), path)
        result = translate_picture(read_picture(path), enlarging(2))
        write_picture(result, path)
        assert len(np.unique(read_picture(path).color)) == 4096


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("form", "suffix"), [("PNG", ".png"), ("TIFF", ".tif"), ("WEBP", ".webp")])
def test_orientation_is_applied_once(tmp_path: Path, form: str, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274], exif[315] = orientation, "me"
    image = Image.fromarray(noise(5, 8, 3))
    path = tmp_path / f"x{suffix}"
    image.save(path, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    upright = np.asarray(image if turn is None else image.transpose(turn))
    for _ in range(2):  # also after being written again
        picture = read_picture(path)
        np.testing.assert_array_equal(picture.color, upright)
        write_picture(picture, path)
    with Image.open(path) as written:
        assert 274 not in written.getexif()
        assert written.getexif()[315] == "me"


def test_16_bit_orientation(tmp_path: Path) -> None:
    color = noise(5, 8, 3, dtype=np.uint16)
    for form in ("PNG", "TIFF"):
        exif = Image.Exif()
        exif[274], exif[315] = 6, "me"
        path = tmp_path / f"x{LOSSLESS[form]}"
        write_picture(Picture(color=color, format=form, exif=exif.tobytes()), path)
        picture = read_picture(path)
        np.testing.assert_array_equal(picture.color, color.swapaxes(0, 1)[:, ::-1])


@pytest.mark.parametrize(("form", "dtype"), [*((f, np.uint8) for f in (*LOSSLESS, "JPEG")), *DEEP])
def test_profile_exif_and_resolution_survive(tmp_path: Path, form: str, dtype: type) -> None:
    exif = Image.Exif()
    exif[315] = "me"
    exif.get_ifd(34665).update({40962: 8, 40963: 5, 37386: 50.0})
    exif.get_ifd(34853)[1] = "N"
    icc = zlib.compress(b"profile") * 9
    color = noise(5, 8, 3, dtype=dtype)
    source = Picture(color=color, format=form, icc_profile=icc, exif=exif.tobytes(), dpi=(300, 150))
    path = tmp_path / "x"
    write_picture(source, path)
    write_picture(translate_picture(read_picture(path), enlarging(2)), path)
    back = read_picture(path)
    if form in ("PNG", "TIFF", "JPEG", "WEBP"):
        assert back.icc_profile == icc
        kept = Image.Exif()
        assert back.exif is not None
        kept.load(back.exif)
        details = kept.get_ifd(34665)
        assert (kept[315], details[40962], details[40963], details[37386]) == ("me", 16, 10, 50.0)
        assert kept.get_ifd(34853)[1] == "N"
    if form in ("PNG", "TIFF", "JPEG", "BMP"):
        assert back.dpi == pytest.approx((300, 150), rel=1e-3)


def test_png_text_and_colour_description_survive(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", "Jörg")
    rdf = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:t="http://ns.adobe.com/tiff/1.0/"'
    info.add_itxt("XML:com.adobe.xmp", f'<r:RDF {rdf}><r:Description t:Orientation="6">é</r:Description></r:RDF>')
    meanings = ((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(range(32))), (b"sRGB", b"\1"))
    for name, content in (*meanings, (b"cICP", b"\x09\x10\0\1")):
        info.add(name, content)
    path = tmp_path / "x.png"
    Image.fromarray(noise(5, 8, 3)).save(path, pnginfo=info)
    write_picture(read_picture(path), path)
    back = read_picture(path)
    assert dict(back.texts) == {"Author": "Jörg"}
    upright = f'<r:RDF {rdf}><r:Description t:Orientation="1">é</r:Description></r:RDF>'
    assert back.xmp == upright.encode()
    assert back.color_space == (*meanings, (b"cICP", b"\x09\x10\0\1"))
    assert path.read_bytes().index(b"cHRM") < path.read_bytes().index(b"IDAT")


@pytest.mark.parametrize("key", ["Raw profile type exif", "Raw profile type APP1"])
def test_exif_in_a_text_is_not_applied_twice(tmp_path: Path, key: str) -> None:
    """ImageMagick writes EXIF as hexadecimal text, orientation included."""
    from PIL.PngImagePlugin import PngInfo

    exif = Image.Exif()
    exif[274], exif[315] = 6, "me"
    block = exif.tobytes()
    info, color, path = PngInfo(), noise(5, 8, 3), tmp_path / "x.png"
    info.add_text(key, f"\n{key.split()[-1]}\n{len(block):8}\n{block.hex()}\n")
    Image.fromarray(color).save(path, pnginfo=info)
    picture = read_picture(path)
    assert picture.texts == ()
    if key.endswith("exif"):
        np.testing.assert_array_equal(picture.color, color.swapaxes(0, 1)[:, ::-1])
        assert (picture.exif is None, picture.notices) == (False, ())
    else:
        assert "was not kept" in picture.notices[0]
    write_picture(picture, path)
    np.testing.assert_array_equal(read_picture(path).color, picture.color)


@pytest.mark.parametrize("form", ["JPEG", "GIF"])
def test_comments_survive(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    Image.fromarray(noise(8, 8)).save(path, format=form, comment=b"by \xffme")
    write_picture(read_picture(path), path)
    with Image.open(path) as image:
        assert image.info["comment"] == b"by \xffme"
    write_picture(read_picture(path).replace(format="PNG"), path)
    assert dict(read_picture(path).texts) == {"Comment": "by \ufffdme"}


def test_tga_keeps_its_row_order_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "x.tga"
    for orientation in (-1, 1):
        for compression in (None, "tga_rle"):
            Image.fromarray(noise(5, 8, 3)).save(path, orientation=orientation, compression=compression)
            before = path.read_bytes()[:18]
            write_picture(read_picture(path), path)
            assert path.read_bytes()[:18] == before


def png(color_type: int, bits: int, rows: list[bytes], **chunks: bytes) -> bytes:
    """A PNG of which Pillow writes none: low bit depths, tRNS beside grey and RGB."""

    def chunk(name: str, content: bytes) -> bytes:
        body = name.encode() + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    width = {0: 8 * len(rows[0]) // bits, 2: len(rows[0]) * 8 // bits // 3}[color_type]
    header = struct.pack(">IIBBBBB", width, len(rows), bits, color_type, 0, 0, 0)
    parts = [chunk("IHDR", header), *(chunk(name, content) for name, content in chunks.items())]
    parts.append(chunk("IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk("IEND", b"")


@pytest.mark.parametrize(
    ("content", "color", "alpha"),
    [
        (png(0, 1, [b"\x55"], tRNS=b"\0\1"), [[0, 255] * 4], [[255, 0] * 4]),
        (png(0, 2, [b"\x1b"], tRNS=b"\0\2"), [[0, 85, 170, 255]], [[255, 255, 0, 255]]),
        (png(0, 4, [b"\x0f"], tRNS=b"\0\x0f"), [[0, 255]], [[255, 0]]),
        (png(0, 8, [b"\x07\x09"], tRNS=b"\0\7"), [[7, 9]], [[0, 255]]),
        (png(0, 16, [b"\x01\x02\x03\x04"], tRNS=b"\3\4"), [[258, 772]], [[65535, 0]]),
        (png(2, 8, [b"\1\2\3\4\5\6"], tRNS=b"\0\1\0\2\0\3"), [[[1, 2, 3], [4, 5, 6]]], [[0, 255]]),
        (
            png(2, 16, [b"\0\1\0\2\0\3\0\4\0\5\0\6"], tRNS=b"\0\4\0\5\0\6"),
            [[[1, 2, 3], [4, 5, 6]]],
            [[65535, 0]],
        ),
    ],
)
def test_transparent_colours_become_alpha(tmp_path: Path, content: bytes, color: Any, alpha: Any) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.color, color)
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_palette_with_transparency_becomes_rgba(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    image.save(tmp_path / "x.png", transparency=bytes([128, 0]))
    picture = read_picture(tmp_path / "x.png")
    np.testing.assert_array_equal(picture.color, [[[255, 0, 0], [0, 0, 255]]])
    np.testing.assert_array_equal(picture.alpha, [[128, 0]])


def test_cmyk_is_converted_with_a_notice(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=100)
    picture = read_picture(tmp_path / "x.jpg")
    assert picture.color[0, 0, 0] > 250 > 5 > picture.color[0, 0, 1]
    assert "CMYK" in picture.notices[0]


def test_gif_says_what_it_costs() -> None:
    gif = finished(Picture(color=noise(4, 4), format="GIF"), enlarging(), Finish())
    assert "256 colours" in " ".join(gif.notices)
    assert not finished(Picture(color=noise(4, 4)), enlarging(), Finish()).notices


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(noise(8, 8, 3)).save(path, format="JPEG")
    picture = read_picture(path)
    assert picture.format == "JPEG"
    write_picture(picture, path)
    assert path.read_bytes()[:2] == b"\xff\xd8"
