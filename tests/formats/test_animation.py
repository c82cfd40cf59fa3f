"""Every frame of an animation is converted; timings, loop count and appearance stay."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Enlarge, enlarging
from PIL import Image

from models.errors import BadPicture, TooLarge
from translate.convert import alike, translate_picture
from translate.formats.options import EncodingOptions
from translate.images import Picture, read_picture, write_picture
from translate.inference.chain import Chain

DURATIONS = [50, 100, 30, 200, 70]
FORMS = [("GIF", ".gif", {}), ("PNG", ".apng", {}), ("WEBP", ".webp", {"lossless": True}), ("AVIF", ".avif", {})]


def moving(covered: bool, count: int = 5) -> list[Any]:
    """A square that moves over a ground, or over nothing: [20, 24, 4] each."""
    frames = []
    for number in range(count):
        frame = np.full((20, 24, 4), (0, 0, 0, 0) if covered else (40, 40, 90, 255), np.uint8)
        frame[2 + number : 10 + number, 3 * number : 3 * number + 8] = (200, 10 * number, 50, 255)
        frames.append(frame)
    return frames


def save(path: Path, form: str, frames: list[Any], **options: Any) -> Path:
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(path, form, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize(("form", "suffix", "options"), FORMS)
@pytest.mark.parametrize("covered", [False, True])
def test_all_frames_are_translated(tmp_path: Path, form: str, suffix: str, options: Any, covered: bool) -> None:
    frames = moving(covered)
    disposal = {"disposal": 2} if form == "GIF" else {}
    path = save(tmp_path / f"x{suffix}", form, frames, duration=DURATIONS, loop=3, **disposal, **options)
    source = read_picture(path)
    assert source.notices == ()
    write_picture(translate_picture(source, enlarging(2)), path)
    with Image.open(path) as written:
        assert (written.n_frames, written.size) == (5, (48, 40))  # type: ignore[attr-defined]
    back = read_picture(path)
    assert back.durations == tuple(map(float, DURATIONS))
    assert back.loops == (3 if form != "AVIF" else None)
    for before, shown, after in zip(frames, source.frames, back.frames, strict=True):
        large = before.repeat(2, 0).repeat(2, 1)
        seen = large[..., 3] > 0
        if form != "AVIF":
            np.testing.assert_array_equal(after.color[seen], large[..., :3][seen])
        else:  # lossy
            assert np.abs(after.color[seen].astype(int) - shown.color.repeat(2, 0).repeat(2, 1)[seen]).mean() < 4
        assert (after.alpha is not None) == covered
        if covered and form != "AVIF":
            np.testing.assert_array_equal(after.alpha, large[..., 3])


def test_frames_that_only_change_a_part_appear_whole(tmp_path: Path) -> None:
    """Disposal 0 to 3 and frames smaller than the screen, as a program that saves bytes writes them."""
    frames = [Image.fromarray(frame) for frame in moving(covered=True)]
    path = tmp_path / "x.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, disposal=[1, 3, 2, 1, 0], loop=0)
    shown = []
    with Image.open(path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            shown.append(np.asarray(image.convert("RGBA")))
    write_picture(translate_picture(read_picture(path), enlarging(1)), path)
    back = read_picture(path)
    assert back.loops == 0
    for expected, frame in zip(shown, back.frames, strict=True):
        np.testing.assert_array_equal(frame.alpha, expected[..., 3])
        np.testing.assert_array_equal(frame.color[expected[..., 3] > 0], expected[..., :3][expected[..., 3] > 0])


def test_lossy_webp_stays_lossy(tmp_path: Path) -> None:
    path = save(tmp_path / "x.webp", "WEBP", moving(False), quality=60, duration=100)
    picture = read_picture(path)
    assert not picture.lossless
    write_picture(picture, path)
    assert b"VP8 " in path.read_bytes()
    write_picture(EncodingOptions(lossless=True).fit(picture), path)
    assert b"VP8 " not in path.read_bytes()


def test_frames_are_translated_in_groups_and_never_with_others(tmp_path: Path) -> None:
    class Batching(Enlarge):
        sizes: list[int] = []  # noqa: RUF012

        def batch(self, pictures: Any, /) -> Any:
            self.sizes.append(len(pictures))
            return super().batch(pictures)

        def together(self, height: int, width: int) -> int:
            return 2

    picture = read_picture(save(tmp_path / "x.png", "PNG", moving(False), duration=10))
    translator = Batching(2)
    assert len(translate_picture(picture, Chain((translator,))).frames) == 5
    assert translator.sizes == [2, 2, 1]
    assert not alike(picture, picture)
    assert alike(picture.frames[0], picture.frames[1])


def test_frames_count_together(tmp_path: Path) -> None:
    path = save(tmp_path / "x.webp", "WEBP", moving(False), duration=10)
    with pytest.raises(TooLarge, match=r"5 frames of 24 x 20 have 2,400 pixels, more than 2,399; raise --max-pixels"):
        read_picture(path, max_pixels=2399)
    picture = read_picture(path, max_pixels=2400)
    with pytest.raises(TooLarge, match=r"5 frames would have 9,600 pixels.*--max-pixels"):
        translate_picture(picture, Chain(enlarging(2).steps, max_pixels=9599))
    assert translate_picture(picture, Chain(enlarging(2).steps, max_pixels=9600)).size == (48, 40)


def test_a_still_before_the_animation_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", "PNG", moving(False), default_image=True, duration=10)
    picture = read_picture(path)
    assert len(picture.frames) == 4
    assert "still picture" in picture.notices[0]


def test_16_bit_animations_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", "PNG", moving(False), duration=10)
    content = bytearray(path.read_bytes())
    content[24] = 16
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(BadPicture, match="16 bits"):
        read_picture(path)


@pytest.mark.parametrize(("target", "moves"), [("PNG", True), ("GIF", True), ("WEBP", True), ("TIFF", False)])
def test_into_another_format(tmp_path: Path, target: str, moves: bool) -> None:
    picture = read_picture(save(tmp_path / "x.gif", "GIF", moving(False), duration=DURATIONS, loop=2))
    fitted = EncodingOptions(format=target).fit(picture)
    write_picture(translate_picture(fitted, enlarging(1)), tmp_path / "y")
    back = read_picture(tmp_path / "y")
    assert (back.format, len(back.frames), len(back.durations)) == (target, *((5, 5) if moves else (0, 0)))
    assert moves == ("first of its 5" not in " ".join(fitted.notices))
    if moves:
        assert (sum(back.durations), back.loops) == (450, 2)


def test_durations_of_a_gif_do_not_drift(tmp_path: Path) -> None:
    frames = tuple(Picture(color=frame[..., :3], format="GIF") for frame in moving(False))
    picture = frames[0].replace(frames=frames, durations=(16.0,) * 5)
    write_picture(picture, tmp_path / "x.gif")
    assert sum(read_picture(tmp_path / "x.gif").durations) == 80
