"""Textures that tile do so afterwards, whatever the network; and which ones tile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from folders import config
from onnx_models import make_model
from pictures import Enlarge, enlarging

from translate.alpha import bleed
from translate.batch import run
from translate.convert import how, translate_picture
from translate.images import write_picture
from translate.inference.chain import Chain
from translate.inference.wrapped import Surroundings
from translate.picture import Picture
from translate.recognise import Treatment, recognised
from translate.seamless import tiles


def texture(height: int = 48, width: int = 40, seed: int = 1) -> Any:
    """Blobs that go on over the border: noise blurred on a torus."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    rows, columns = (np.fft.fftfreq(side) for side in (height, width))
    low = np.exp(-400 * (rows[:, None] ** 2 + columns**2))[..., None]
    smooth = np.fft.ifft2(np.fft.fft2(noise, axes=(0, 1)) * low, axes=(0, 1)).real
    return np.uint8(np.clip(128 + 55 * smooth / smooth.std(), 0, 255))


class Sees(Enlarge):
    """Darkens towards its border, as a network does that sees black beyond it."""

    def __init__(self, scale: int, task: Any, radius: int, multiple: int = 1) -> None:
        super().__init__(scale, task, smooth=True)
        self.manifest = replace(
            self.manifest, radius=radius + 2, multiple=multiple, work_size=32 if scale == 1 else None
        )

    def translated(self, picture: Any) -> Any:
        side = 2 * (self.manifest.radius - 2) + 1  # the enlargement reads two more pixels
        if self.manifest.radius > 100:
            # as if it knew the middle of the picture from its rim
            down, across = (np.linspace(0.6, 1, length) for length in picture.shape[:2])
            return (picture * (down[:, None] * across)[..., None]).astype(np.uint8)
        blurred = cv2.blur(picture, (side, side), borderType=cv2.BORDER_CONSTANT)
        return super().translated(cv2.addWeighted(picture, 0.5, blurred, 0.5, 0))


def seam(picture: Any, axis: int) -> float:
    """Step over the seam of the picture tiled 2 x 2 / the largest step within it."""
    tiled = np.moveaxis(np.concatenate([picture, picture], axis), axis, 0).astype(float)
    steps = np.abs(np.diff(tiled, axis=0)).reshape(len(tiled) - 1, -1).mean(axis=1)
    return float(steps[len(picture if axis == 0 else picture[0]) - 1] / steps[: len(tiled) // 2 - 1].max())


CHAINS = {
    "super-resolution": lambda: Chain((Sees(4, "super-resolution", 6),)),
    "scale": lambda: Chain((Sees(4, "super-resolution", 6),), scale=1.5),
    "twice": lambda: Chain((Sees(2, "super-resolution", 9), Sees(2, "super-resolution", 9))),
    "translation": lambda: Chain((Sees(1, "translation", 8, multiple=4),), size="full"),
    "work size": lambda: Chain((Sees(1, "translation", 5, multiple=4),)),
    "strength": lambda: Chain((Sees(4, "super-resolution", 6),), strength=0.5),
    "sees everything": lambda: Chain((Sees(1, "translation", 200),), size="full"),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_the_result_of_a_seamless_picture_tiles(kind: str) -> None:
    picture = recognised(Picture(color=texture()))
    assert picture.wraps == (True, True)
    result = translate_picture(picture, CHAINS[kind]())
    unwrapped = translate_picture(picture.replace(wraps=(False, False)), CHAINS[kind]())
    assert result.size == unwrapped.size
    for axis in (0, 1):
        assert seam(result.color, axis) < 1.1
    assert max(seam(unwrapped.color, axis) for axis in (0, 1)) > 1.3


@pytest.mark.parametrize("normalization", ["none", "picture"])
def test_real_networks_tile(tmp_path: Path, normalization: Any) -> None:
    model = make_model(tmp_path / "m.onnx", radius=4, normalization=normalization, scale=2)
    chain = Chain.open([model], "cpu")
    picture = Picture(color=texture(), wraps=(True, True))
    result = translate_picture(picture, chain)
    assert max(seam(result.color, axis) for axis in (0, 1)) < 1.1
    shifted = picture.replace(color=np.roll(picture.color, (17, 9), (0, 1)))
    moved = np.roll(translate_picture(shifted, chain).color, (-34, -18), (0, 1))
    # where the picture is cut makes no difference
    difference = np.abs(moved.astype(int) - result.color)
    if normalization == "none":
        assert difference.max() <= 1
    else:  # its statistics count the surroundings: other parts of the picture twice
        assert difference.mean() < 4


def test_one_axis_alone() -> None:
    chain = CHAINS["super-resolution"]()
    result = translate_picture(Picture(color=texture(), wraps=(True, False)), chain).color
    assert seam(result, 1) < 1.1
    np.testing.assert_array_equal(
        result[:, 36:-36], translate_picture(Picture(color=texture()), chain).color[:, 36:-36]
    )


@pytest.mark.parametrize("alpha", ["auto", "smooth", "nearest"])
@pytest.mark.parametrize("soft", [True, False])
def test_alpha_tiles_too(alpha: Any, soft: bool) -> None:
    cover = texture(seed=2)[..., 0]
    cover = cover if soft else np.where(cover > 128, 255, 0).astype(np.uint8)
    picture = Picture(color=texture(), alpha=cover, wraps=(True, True), alpha_path=alpha)
    chain = CHAINS["super-resolution"]()
    result = translate_picture(picture, chain)
    shifted = picture.replace(color=np.roll(picture.color, 11, 1), alpha=np.roll(cover, 11, 1))
    moved = np.roll(translate_picture(shifted, chain).alpha, -44, 1)
    assert np.mean(np.abs(moved.astype(int) - result.alpha) > 1) < (1e-9 if soft else 0.005)


def test_bleeding_reaches_over_the_border() -> None:
    color, hidden = np.zeros((1, 8), np.uint8), np.ones((1, 8), bool)
    color[0, [2, 7]], hidden[0, [2, 7]] = (20, 70), False
    np.testing.assert_array_equal(bleed(color, hidden)[0], [20, 20, 20, 20, 20, 70, 70, 70])
    np.testing.assert_array_equal(bleed(color, hidden, (True, False))[0], [70, 20, 20, 20, 20, 70, 70, 70])


def test_surroundings_come_off_again() -> None:
    color = texture(5, 7)
    for wraps in ((True, False), (False, True), (True, True)):
        around = Surroundings.needed(wraps, 30, 4, 0.5)
        wide = around.added(color)
        assert wide.shape[0] == 5 + 2 * around.down
        assert around.across == (40 if wraps[0] else 0)
        np.testing.assert_array_equal(around.removed(wide, 1), color)


def photo_like() -> Any:
    y, x = np.mgrid[:64, :64]
    return np.clip(texture(64, 64) // 4 + (2 * x + y)[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_tiles_is_detected(dtype: Any) -> None:
    unit = np.iinfo(dtype).max // 255
    whole = texture(64, 64).astype(dtype) * unit
    assert tiles(whole) == (True, True)
    assert tiles(whole[..., 0]) == (True, True)
    assert tiles(whole[:, 5:47]) == (False, True)
    assert tiles(whole[3:50]) == (True, False)
    assert tiles(photo_like().astype(dtype) * unit) == (False, False)


def test_what_does_not_tell_is_not_taken_for_seamless() -> None:
    empty = np.full((32, 32, 3), 90, np.uint8)
    assert tiles(empty) == (False, False)
    framed = empty.copy()
    framed[4:-4, 4:-4] = texture(24, 24)
    assert tiles(framed) == (False, False)
    assert tiles(texture(64, 64)[:7, :7]) == (False, False)
    assert tiles(np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 3, 64, 0)) == (False, True)
    sprite = np.zeros((32, 32), np.uint8)
    sprite[4:-4, 4:-4] = 255
    assert tiles(texture(32, 32), sprite) == (False, False)
    touching = sprite.copy()
    touching[14:18, :] = 255
    assert tiles(texture(32, 32), touching) == (False, False)


def test_fences_tile_and_cut_ones_do_not() -> None:
    fence = np.where(texture(64, 64, seed=3)[..., 0] > 128, 255, 0).astype(np.uint8)
    grey = np.full((64, 64), 90, np.uint8)
    assert tiles(grey, fence) == (True, True)
    assert tiles(grey[:, 5:47], fence[:, 5:47]) == (False, True)


@pytest.mark.parametrize(("wanted", "wraps"), [("both", (1, 1)), ("x", (1, 0)), ("y", (0, 1)), ("off", (0, 0))])
def test_the_user_knows_better(wanted: Any, wraps: Any) -> None:
    for color in (texture(), photo_like()):
        assert recognised(Picture(color=color), "x.png", Treatment(seamless=wanted)).wraps == wraps


def test_the_outcome_says_so() -> None:
    chain = CHAINS["super-resolution"]()
    assert how(recognised(Picture(color=texture())), chain) == "in one piece; seamless in x and y"
    assert how(Picture(color=texture(), wraps=(False, True)), chain).endswith("; seamless in y")
    assert how(Picture(color=texture()), chain) == "in one piece"


def test_the_run_recognises_textures(tmp_path: Path) -> None:
    sources = tmp_path / "in"
    for name in ("floor.png", "floor_height.png"):
        write_picture(Picture(color=texture()), sources / name)
    report = run(config(sources, out=tmp_path / "out"), enlarging(2))
    said = {outcome.input.stem: outcome.how for outcome in report.outcomes}
    assert said["floor"] == "in one piece; seamless in x and y"
    assert said["floor_height"].startswith("data, not colour")
    plain = run(config(sources, out=tmp_path / "off", seamless="off", normal_map="off"), enlarging(2))
    assert {outcome.how for outcome in plain.outcomes} == {"in one piece"}
