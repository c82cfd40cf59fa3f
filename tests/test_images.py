"""Every kind of picture comes back as it was."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.errors import BadPicture, TooLarge
from models.manifest import Manifest
from translate.convert import bleed, enlarge_alpha, translate_picture
from translate.images import PARTIAL, Picture, read_picture, write_picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged files; the command silences it too
FORMATS = ["PNG", "JPEG", "TIFF", "TGA", "BMP", "GIF", "WEBP"]
LOSSLESS = {"PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "TGA": ".tga", "WEBP": ".webp"}
DEEP = [("PNG", np.uint16), ("TIFF", np.uint16)]
RANDOM = np.random.default_rng(0)


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


class Enlarge:
    """A translator that repeats pixels, or interpolates like a network does."""

    device = "test"

    def __init__(self, scale: int = 4, task: Any = "super-resolution", smooth: bool = False) -> None:
        self.manifest = Manifest(name="enlarge", task=task, source="a", target="b", generator="none", scale=scale)
        self.smooth = smooth
        self.seen: list[Any] = []

    def __call__(self, picture: Any, /) -> Any:
        self.seen.append(picture)
        scale = self.manifest.scale
        if self.smooth:
            return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        return picture.repeat(scale, 0).repeat(scale, 1)


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
        result = translate_picture(read_picture(path), Enlarge(2))
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
    write_picture(translate_picture(read_picture(path), Enlarge(2)), path)
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
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6">é</x>')
    meanings = ((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(range(32))), (b"sRGB", b"\1"))
    for name, content in (*meanings, (b"cICP", b"\x09\x10\0\1")):
        info.add(name, content)
    path = tmp_path / "x.png"
    Image.fromarray(noise(5, 8, 3)).save(path, pnginfo=info)
    write_picture(read_picture(path), path)
    back = read_picture(path)
    assert dict(back.texts) == {"Author": "Jörg", "XML:com.adobe.xmp": '<x tiff:Orientation="1">é</x>'}
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


def test_cmyk_is_converted_with_a_notice_and_gif_says_what_it_costs(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "x.jpg", quality=100)
    picture = read_picture(tmp_path / "x.jpg")
    assert picture.color[0, 0, 0] > 250 > 5 > picture.color[0, 0, 1]
    assert "CMYK" in picture.notices[0]
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert "first of its 2" in " ".join(read_picture(tmp_path / "x.gif").notices)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(noise(8, 8, 3)).save(path, format="JPEG")
    picture = read_picture(path)
    assert picture.format == "JPEG"
    write_picture(picture, path)
    assert path.read_bytes()[:2] == b"\xff\xd8"


def encoded(form: str, dtype: type = np.uint8) -> bytes:
    buffer = io.BytesIO()
    if dtype == np.uint16:
        return bytes(cv2.imencode(".png", noise(64, 64, 3, dtype=dtype))[1])
    Image.fromarray(noise(64, 64, 3)).save(buffer, format=form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "PNG16", "JPEG", "WEBP", "TIFF", "TGA", "BMP"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.3, 0.9])
def test_truncated_files_are_refused_with_a_reason(tmp_path: Path, form: str, part: float) -> None:
    content = encoded("PNG", np.uint16) if form == "PNG16" else encoded(form)
    path = tmp_path / "x.png"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(BadPicture, match=r"cannot read .*x\.png: "):
        read_picture(path)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    place=st.floats(0, 1),
    value=st.binary(min_size=1, max_size=8),
    form=st.sampled_from(["PNG", "JPEG", "TIFF", "TGA", "BMP", "GIF", "WEBP"]),
)
def test_damaged_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: bytes, form: str
) -> None:
    content = bytearray(encoded(form))
    start = int(place * 200)
    content[start : start + len(value)] = value
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(content)
    with contextlib.suppress(BadPicture, TooLarge):
        assert read_picture(path, max_pixels=10_000).color.dtype in (np.uint8, np.uint16)


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    for name, content, reason in (
        ("empty.png", b"", "empty"),
        ("text.png", b"hello, I am no picture at all, " * 9, "no PNG|known"),
        ("float.tif", None, "cannot be kept faithfully"),
        ("odd.tif", b"II*\0" + bytes(200), "this kind of TIFF is not known"),
    ):
        path = tmp_path / name
        if content is None:
            Image.fromarray(np.ones((4, 4), np.float32)).save(path)
        else:
            path.write_bytes(content)
        with pytest.raises(BadPicture, match=reason):
            read_picture(path)
    with pytest.raises(BadPicture, match="No such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(BadPicture, match=r"Is a directory|denied"):
        read_picture(tmp_path)


def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path) -> None:
    content = bytearray(encoded("PNG"))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path = tmp_path / "bomb.png"
    path.write_bytes(content)
    with pytest.raises(TooLarge, match=r"bomb.png"):
        read_picture(path)
    path.write_bytes(encoded("PNG"))
    with pytest.raises(TooLarge, match=r"64 x 64 = 4,096 pixels.*--max-pixels"):
        read_picture(path, max_pixels=4095)
    assert read_picture(path, max_pixels=4096).size == (64, 64)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "TGA"])
def test_only_our_limit_counts(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate import decode

    assert Image.MAX_IMAGE_PIXELS is None
    path = tmp_path / "x"
    path.write_bytes(encoded(form))
    monkeypatch.setattr(decode, "_frames", lambda image: pytest.fail("went on"))
    with pytest.raises(TooLarge, match="--max-pixels"):
        read_picture(path, max_pixels=4095)


def test_a_gif_frame_beyond_its_screen_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    frames = [Image.fromarray(noise(64, 64)) for _ in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = bytearray(path.read_bytes())
    content[6:10] = struct.pack("<HH", 8, 8)
    path.write_bytes(content)
    with pytest.raises(TooLarge, match="64 x 64"):
        read_picture(path, max_pixels=4095)


def test_opencv_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.tif"
    write_picture(Picture(color=noise(8, 8, 3, dtype=np.uint16), format="TIFF"), path)
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack("<I", content[4:8])
    content[start + 2 : start + 4] = struct.pack("<H", 60_000)  # a tag that nobody knows, out of order
    path.write_bytes(content)
    with contextlib.suppress(BadPicture):
        read_picture(path)
    cv2.imread(str(tmp_path / "missing.png"))
    assert capfd.readouterr().err == ""


def test_what_a_format_cannot_hold_is_refused_before_it_is_computed(tmp_path: Path) -> None:
    translator = Enlarge(4)
    with pytest.raises(BadPicture, match="16,383"):
        translate_picture(Picture(color=noise(1, 5000), format="WEBP"), translator)
    with pytest.raises(BadPicture, match="65,500"):
        translate_picture(Picture(color=noise(1, 16_376), format="JPEG"), translator)
    assert not translator.seen
    with pytest.raises(BadPicture, match="alpha"):
        write_picture(Picture(color=noise(4, 4), alpha=noise(4, 4), format="JPEG"), tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def fail(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(BadPicture, match="No space left"):
        write_picture(Picture(color=noise(4, 4)), path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.png"]


def test_a_file_is_complete_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Path, bytes]] = []
    monkeypatch.setattr("os.replace", lambda old, new: seen.append((old, new, old.read_bytes())))
    write_picture(Picture(color=noise(4, 4)), tmp_path / "x.png")
    ((old, new, content),) = seen
    assert new == tmp_path / "x.png"
    assert (old.parent, old.name.startswith(PARTIAL)) == (tmp_path, True)
    assert content.endswith(b"IEND\xaeB`\x82")


def ball(hidden: Any = 0, soft: bool = True, dtype: Any = np.uint8) -> Picture:
    """An orange ball on nothing; `hidden` is the colour under what is transparent."""
    y, x = np.mgrid[:24, :24]
    distance = np.hypot(x - 11.5, y - 11.5)
    white = np.iinfo(dtype).max
    alpha = np.clip((9 - distance) / (3 if soft else 1e-9), 0, 1) * white
    color = np.empty((24, 24, 3), dtype)
    color[:] = np.array([1, 0.6, 0.2]) * white
    color[alpha == 0] = hidden
    return Picture(color=color, alpha=alpha.round().astype(dtype))


@pytest.mark.parametrize("hidden", [0, 255, (255, 0, 255), "noise"])
@pytest.mark.parametrize("soft", [True, False])
def test_no_fringe_over_any_background(hidden: Any, soft: bool) -> None:
    picture = ball(noise(24, 24, 3)[np.hypot(*(np.mgrid[:24, :24] - 11.5)) >= 9] if hidden == "noise" else hidden, soft)
    result = translate_picture(picture, Enlarge(4, smooth=True))
    assert result.alpha is not None
    cover = result.alpha[..., None] / 255
    for background in ((0, 0, 0), (255, 255, 255), (255, 0, 255)):
        composite = cover * result.color + (1 - cover) * background
        ideal = cover * np.array([255, 153, 51]) + (1 - cover) * background
        assert np.abs(composite - ideal).max() <= 1.5


def test_without_bleeding_there_is_a_fringe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate.convert.bleed", lambda color, hidden: color)
    with pytest.raises(AssertionError):
        test_no_fringe_over_any_background(0, soft=True)


@pytest.mark.parametrize("task", ["super-resolution", "translation"])
def test_one_bit_alpha_stays_one_bit_and_constant_alpha_is_not_computed(task: Any) -> None:
    translator = Enlarge(4, task, smooth=True)
    one_bit = ball(soft=False).alpha
    large = enlarge_alpha(one_bit, translator)
    assert set(np.unique(large)) == {0, 255}
    assert large.mean() == pytest.approx(one_bit.mean(), rel=0.03)
    translator.seen.clear()
    flat = np.full((5, 6), 77, np.uint8)
    np.testing.assert_array_equal(enlarge_alpha(flat, translator), np.full((20, 24), 77))
    assert not translator.seen


@pytest.mark.parametrize("task", ["super-resolution", "translation"])
@pytest.mark.parametrize(
    "alpha", [np.tile([0, 0, 255, 255], (8, 2)), np.arange(0, 250, 10)[None], np.arange(9)[:, None]]
)
def test_alpha_with_rows_or_columns_alike_is_not_constant(task: Any, alpha: Any) -> None:
    alpha = alpha.astype(np.uint8)
    large = enlarge_alpha(alpha, Enlarge(2, task))
    np.testing.assert_allclose(large[::2, ::2].astype(int), alpha, atol=10)
    assert len(np.unique(large)) >= len(np.unique(alpha))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_soft_alpha_stays_empty_and_full_where_it_was(dtype: Any) -> None:
    picture = ball(dtype=dtype)
    assert picture.alpha is not None
    large = enlarge_alpha(picture.alpha, Enlarge(4, smooth=True))
    assert large.dtype == dtype
    around = np.ones((3, 3), np.uint8)
    for value, shrunk in (
        (0, cv2.dilate(picture.alpha, around)),
        (picture.white, cv2.erode(picture.alpha, around)),
    ):
        inside = (shrunk == value).repeat(4, 0).repeat(4, 1)
        assert inside.any()
        assert (large[inside] == value).all()


def test_alpha_of_a_translation_is_untouched() -> None:
    picture = ball()
    result = translate_picture(picture, Enlarge(1, "translation"))
    np.testing.assert_array_equal(result.alpha, picture.alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_translation_paints_grey_pictures_in_colour(tmp_path: Path, dtype: Any, alpha: bool) -> None:
    class Tint(Enlarge):
        def __call__(self, picture: Any, /) -> Any:
            return picture // np.array([1, 2, 4], picture.dtype) if picture.ndim == 3 else picture

    color, profile = noise(6, 5, dtype=dtype), b"." * 16 + b"GRAY" + b"." * 99
    cover = noise(6, 5, dtype=dtype) | 1 if alpha else None
    path = tmp_path / "x.png"
    write_picture(Picture(color=color, alpha=cover, icc_profile=profile), path)
    source = read_picture(path)
    assert (source.color.ndim, source.icc_profile) == (2, profile)
    result = translate_picture(source, Tint(1, "translation"))
    np.testing.assert_array_equal(result.color, np.dstack([color, color // 2, color // 4]))
    assert result.icc_profile is None
    assert "colour profile" in result.notices[0]
    kept = translate_picture(source, Tint(1))
    assert (kept.color.ndim, kept.icc_profile, kept.notices) == (2, profile, ())


def test_colour_under_data_alpha_is_kept() -> None:
    """Gloss maps hide nothing: where alpha is 0 the picture goes on."""
    color, alpha = noise(16, 16, 3), np.full((16, 16), 255, np.uint8)
    alpha[:, :8] = 0
    result = translate_picture(Picture(color=color, alpha=alpha), Enlarge(2))
    np.testing.assert_array_equal(result.color, color.repeat(2, 0).repeat(2, 1))


def test_bleeding_takes_the_nearest_visible_colour() -> None:
    color = np.zeros((1, 7, 3), np.uint16)
    color[0, 0], color[0, 6] = 60_000, 5
    hidden = np.array([[False, True, True, False, True, True, False]])
    color[0, 3] = (1, 2, 3)
    filled = bleed(color, hidden)
    np.testing.assert_array_equal(filled[0, :, 0], [60_000, 60_000, 1, 1, 1, 5, 5])
    np.testing.assert_array_equal(bleed(color, np.ones((1, 7), bool)), color)
