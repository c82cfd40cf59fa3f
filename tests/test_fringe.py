"""No fringe: over no background does a result show a colour that the sprite did not show there; and the ways of alpha.

The measure: over black, white and magenta each pixel of the result, composited, must lie between the least and the
greatest value that the sprite, composited over the same, has in the 3 x 3 pixels around that place; what it lies
beyond, in levels of 255, is the fringe.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from pictures import Enlarge, enlarging, noise

from translate.alpha import enlarge_alphas
from translate.convert import translate_picture
from translate.inference.chain import Chain
from translate.picture import Picture

BACKGROUNDS = ((0, 0, 0), (255, 255, 255), (255, 0, 255))


class Mixes(Enlarge):
    """A network that mixes each pixel with its neighbours, hidden ones too, and invents nothing."""

    def translated(self, picture: Any) -> Any:
        scale = self.manifest.scale
        blurred = cv2.GaussianBlur(picture, (9, 9), 2)
        return cv2.resize(blurred, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def sprite(soft: bool, hidden: Any) -> Picture:
    """A bright ball; `hidden` is the colour under what is transparent."""
    y, x = np.mgrid[:24, :24]
    distance = np.hypot(x - 11.5, y - 11.5)
    alpha = np.uint8(np.round(np.clip((9 - distance) / (2 if soft else 1e-9), 0, 1) * 255))
    color = np.empty((24, 24, 3), np.uint8)
    color[:] = (230, 140, 60)
    color[alpha == 0] = hidden
    return Picture(color=color, alpha=alpha)


def over(color: Any, alpha: Any, background: Any) -> Any:
    cover = alpha[..., None] / 255
    return cover * color + (1 - cover) * np.array(background)


def fringe(small: Picture, large: Picture) -> float:
    """In levels of 255."""
    worst = 0.0
    assert large.alpha is not None
    for background in BACKGROUNDS:
        shown = over(small.color, small.alpha, background)
        low, high = (
            cv2.resize(bound(shown, np.ones((3, 3), np.uint8)), large.size, interpolation=cv2.INTER_NEAREST_EXACT)
            for bound in (cv2.erode, cv2.dilate)
        )
        result = over(large.color, large.alpha, background)
        worst = max(worst, float(np.maximum(low - result, result - high).max()))
    return worst


@pytest.mark.parametrize("task", ["super-resolution", "translation"])
@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("hidden", [0, 255, (255, 0, 255), (0, 255, 0)])
def test_no_fringe(task: Any, soft: bool, hidden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain((Mixes(4 if task == "super-resolution" else 1, task),), size="auto")
    small = sprite(soft, hidden)
    assert fringe(small, translate_picture(small, chain)) <= 2
    monkeypatch.setattr("translate.convert.bleed", lambda color, hidden, wraps: color)
    assert fringe(small, translate_picture(small, chain)) > 10


@pytest.mark.parametrize("how", ["auto", "model", "smooth", "nearest"])
@pytest.mark.parametrize("soft", [True, False])
def test_no_way_of_alpha_shows_a_fringe(how: Any, soft: bool) -> None:
    small = sprite(soft, 0).replace(alpha_path=how)
    large = translate_picture(small, Chain((Mixes(4),)))
    assert fringe(small, large) <= 2
    assert (set(np.unique(large.alpha)) == {0, 255}) is not soft


def test_drop_leaves_colours_only() -> None:
    small = sprite(True, 0).replace(alpha_path="drop")
    large = translate_picture(small, enlarging(2))
    assert large.alpha is None
    assert large.color.min() >= 60  # no black from under the transparent
    gloss = Picture(color=noise(8, 8, 3), alpha=np.zeros((8, 8), np.uint8), alpha_path="drop")
    np.testing.assert_array_equal(translate_picture(gloss, enlarging(2)).color[::2, ::2], gloss.color)


def test_smooth_does_not_ask_the_model_and_does_not_overshoot() -> None:
    model = Enlarge(4)
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, :4], alpha[2, 2] = 200, 90
    large = enlarge_alphas([alpha], Chain((model,)), "smooth")[0]
    assert not model.seen
    assert large[:, :8].min() >= 90 - 1
    assert large.max() == 200
    np.testing.assert_array_equal(enlarge_alphas([alpha], Chain((model,)), "model")[0], alpha.repeat(4, 0).repeat(4, 1))


def test_nearest_repeats() -> None:
    alpha = noise(5, 7)
    np.testing.assert_array_equal(enlarge_alphas([alpha], enlarging(2), "nearest")[0], alpha.repeat(2, 0).repeat(2, 1))


def test_specks_outlive_a_model_that_lets_them_fade() -> None:
    class Fades(Enlarge):
        def translated(self, picture: Any) -> Any:
            return super().translated(cv2.GaussianBlur(picture, (5, 5), 1.0))

    alpha = np.zeros((9, 9), np.uint8)
    alpha[4, 4] = 255
    large = enlarge_alphas([alpha], Chain((Fades(4, smooth=True),)))[0]
    assert 4 <= (large == 255).sum() <= 16


def test_a_slope_has_finer_steps_than_nearest() -> None:
    y, x = np.mgrid[:32, :32]
    alpha = np.where(x > y, 255, 0).astype(np.uint8)
    steps = {}
    for how in ("auto", "smooth", "nearest"):
        large = enlarge_alphas([alpha], enlarging(4, smooth=True), how)[0]
        begins = (large == 255).argmax(axis=1)[8:-8]
        steps[how] = np.diff(begins).max()
    assert steps["nearest"] == 4
    assert max(steps["auto"], steps["smooth"]) <= 2
