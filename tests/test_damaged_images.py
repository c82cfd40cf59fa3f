"""What cannot be read or written is refused with a reason, and nothing half-done is left."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Enlarge, encoded, noise
from PIL import Image

from models.errors import BadPicture, DiskFull, TooLarge
from translate.convert import translate_picture
from translate.images import PARTIAL, Picture, read_picture, write_picture
from translate.inference.chain import Chain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged files; the command silences it too


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
    chain = Chain((translator,))
    with pytest.raises(BadPicture, match="16,383"):
        translate_picture(Picture(color=noise(1, 5000), format="WEBP"), chain)
    with pytest.raises(BadPicture, match="65,500"):
        translate_picture(Picture(color=noise(1, 16_376), format="JPEG"), chain)
    assert not translator.seen
    with pytest.raises(BadPicture, match="alpha"):
        write_picture(Picture(color=noise(4, 4), alpha=noise(4, 4), format="JPEG"), tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        """Once the content was written under its hidden name."""
        raise OSError(28, "No space left on device")

    picture = Picture(color=noise(4, 4))
    with monkeypatch.context() as patch:
        patch.setattr("translate.images.os.fstat", fail)
        with pytest.raises(DiskFull, match="No space left"):
            write_picture(picture, path)
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
