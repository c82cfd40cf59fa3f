"""Pictures with a palette: all colours, or back to those of the palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import Enlarge, enlarging, noise
from PIL import Image

from translate.convert import translate_picture
from translate.finish import Finish, finished
from translate.images import Picture, read_picture, write_picture
from translate.indexed import Palette, to_palette
from translate.inference.chain import Chain

KEEP = Finish(palette="keep")
SUFFIXES = {"PNG": ".png", "GIF": ".gif", "BMP": ".bmp", "TGA": ".tga", "TIFF": ".tif"}


def indexed(bits: int = 4) -> Image.Image:
    image = Image.frombytes("P", (16, 16), (noise(16, 16).astype(int) % (1 << bits)).astype(np.uint8).tobytes())
    image.putpalette(np.random.default_rng(3).integers(0, 256, 3 << bits, np.uint8).tobytes())
    return image


def through(path: Path, chain: Chain, finish: Finish) -> Picture:
    result = finished(translate_picture(read_picture(path), chain), chain, finish)
    write_picture(result, path)
    return result


@pytest.mark.parametrize("form", SUFFIXES)
def test_a_kept_palette_is_the_same_palette(tmp_path: Path, form: str) -> None:
    path, image = tmp_path / f"x{SUFFIXES[form]}", indexed()
    image.save(path)
    colors = {tuple(color) for color in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    through(path, enlarging(4, smooth=True), KEEP)
    with Image.open(path) as written:
        assert (written.mode, written.size) == ("P", (64, 64))
        assert {tuple(color) for color in np.asarray(written.convert("RGB")).reshape(-1, 3)} <= colors
        assert written.getpalette()[:48] == image.getpalette()[:48]
    image.save(path)
    through(path, enlarging(4), KEEP)  # nothing is between two colours here
    np.testing.assert_array_equal(read_picture(path).color, np.asarray(image.convert("RGB")).repeat(4, 0).repeat(4, 1))


def test_all_colours_are_the_default(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    indexed().save(path)
    through(path, enlarging(4, smooth=True), Finish())
    with Image.open(path) as written:
        assert written.mode == "RGB"
        assert len(written.getcolors(1 << 20)) > 256


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_png_keeps_its_depth_and_transparency(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "x.png"
    image, alpha = indexed(bits), bytes([0, 100, 255, 200][: 1 << bits])
    image.save(path, bits=bits, transparency=alpha)
    assert path.read_bytes()[24:26] == bytes([bits, 3])
    before = read_picture(path)
    assert before.palette is not None
    assert before.palette.bits == bits
    result = through(path, enlarging(2), KEEP)
    assert path.read_bytes()[24:26] == bytes([bits, 3])
    with Image.open(path) as written:
        assert written.info["transparency"] == alpha.rstrip(b"\xff")
        entries = np.frombuffer(alpha.ljust(1 << bits, b"\xff"), np.uint8)
        np.testing.assert_array_equal(entries[np.asarray(written)], result.alpha)
    assert before.alpha is not None
    np.testing.assert_array_equal(result.alpha, before.alpha.repeat(2, 0).repeat(2, 1))


def test_a_gif_keeps_its_transparent_entry(tmp_path: Path) -> None:
    path, image = tmp_path / "x.gif", indexed()
    image.save(path, transparency=3)
    clear = np.asarray(image) == 3
    through(path, enlarging(2), KEEP)
    back = read_picture(path)
    assert back.alpha is not None
    np.testing.assert_array_equal(back.alpha == 0, clear.repeat(2, 0).repeat(2, 1))


def test_the_nearest_colour_is_the_nearest_to_the_eye() -> None:
    palette = Palette(np.array([[0, 0, 0], [0, 0, 255], [255, 255, 0], [90, 90, 90]], np.uint8))
    color = np.array([[[10, 10, 10], [30, 30, 240], [250, 240, 60], [100, 95, 90], [0, 0, 120]]], np.uint8)
    result = to_palette(Picture(color=color), palette)
    assert result.indices is not None
    assert result.indices[0].tolist() == [0, 1, 2, 3, 1]  # dark blue is nearer to blue than to black or grey
    grey = to_palette(Picture(color=np.array([[3, 80, 250]], np.uint8)), palette)
    assert grey.indices is not None
    assert grey.indices[0].tolist() == [0, 3, 2]


def test_cover_comes_before_colour() -> None:
    palette = Palette(np.array([[255, 0, 0], [0, 0, 255], [0, 255, 0]], np.uint8), np.array([0, 255, 0], np.uint8))
    color = np.array([[[255, 0, 0], [255, 0, 0], [0, 250, 0]]], np.uint8)
    result = to_palette(Picture(color=color, alpha=np.array([[255, 0, 10]], np.uint8)), palette)
    assert result.indices is not None
    assert result.indices[0].tolist() == [1, 0, 2]


def test_large_pictures_go_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    palette = Palette(noise(16, 3))
    picture = Picture(color=noise(40, 30, 3))
    whole = to_palette(picture, palette).indices
    monkeypatch.setattr("translate.indexed.BLOCK", 100)
    np.testing.assert_array_equal(to_palette(picture, palette).indices, whole)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "WEBP"}, "no palettes"),
        ({"format": "TGA", "palette": Palette(noise(4, 3), np.array([0, 1, 2, 3], np.uint8))}, "transparency"),
        ({"palette": None}, ""),
    ],
)
def test_a_palette_that_cannot_be_kept_is_told(changes: Any, told: str) -> None:
    picture = Picture(color=noise(4, 4, 3), palette=Palette(noise(4, 3))).replace(**changes)
    result = finished(picture, Chain((Enlarge(1),)), KEEP)
    assert result.indices is None
    assert (told in " ".join(result.notices)) if told else result.notices == ()


def test_a_gif_tells_when_its_colours_are_reduced(tmp_path: Path) -> None:
    path = tmp_path / "x.gif"
    for finish, told in ((Finish(), 1), (KEEP, 0)):
        indexed().save(path)
        assert len(through(path, enlarging(2), finish).notices) == told
