"""Transparency: no fringe, nothing lost, nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import Enlarge, enlarging, noise

from translate.alpha import bleed, enlarge_alphas
from translate.convert import translate_picture
from translate.images import Picture, read_picture, write_picture
from translate.inference.chain import Chain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged files; the command silences it too


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
    result = translate_picture(picture, enlarging(4, smooth=True))
    assert result.alpha is not None
    cover = result.alpha[..., None] / 255
    for background in ((0, 0, 0), (255, 255, 255), (255, 0, 255)):
        composite = cover * result.color + (1 - cover) * background
        ideal = cover * np.array([255, 153, 51]) + (1 - cover) * background
        assert np.abs(composite - ideal).max() <= 1.5


def test_without_bleeding_there_is_a_fringe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate.convert.bleed", lambda color, hidden, wraps: color)
    with pytest.raises(AssertionError):
        test_no_fringe_over_any_background(0, soft=True)


@pytest.mark.parametrize("task", ["super-resolution", "translation"])
def test_one_bit_alpha_stays_one_bit_and_constant_alpha_is_not_computed(task: Any) -> None:
    translator = Enlarge(4, task, smooth=True)
    one_bit = ball(soft=False).alpha
    large = enlarge_alphas([one_bit], Chain((translator,)))[0]
    assert set(np.unique(large)) == {0, 255}
    assert large.mean() == pytest.approx(one_bit.mean(), rel=0.03)
    translator.seen.clear()
    flat = np.full((5, 6), 77, np.uint8)
    np.testing.assert_array_equal(enlarge_alphas([flat], Chain((translator,)))[0], np.full((20, 24), 77))
    assert not translator.seen


@pytest.mark.parametrize("task", ["super-resolution", "translation"])
@pytest.mark.parametrize(
    "alpha", [np.tile([0, 0, 255, 255], (8, 2)), np.arange(0, 250, 10)[None], np.arange(9)[:, None]]
)
def test_alpha_with_rows_or_columns_alike_is_not_constant(task: Any, alpha: Any) -> None:
    alpha = alpha.astype(np.uint8)
    large = enlarge_alphas([alpha], enlarging(2, task))[0]
    np.testing.assert_allclose(large[::2, ::2].astype(int), alpha, atol=10)
    assert len(np.unique(large)) >= len(np.unique(alpha))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_soft_alpha_stays_empty_and_full_where_it_was(dtype: Any) -> None:
    picture = ball(dtype=dtype)
    assert picture.alpha is not None
    large = enlarge_alphas([picture.alpha], enlarging(4, smooth=True))[0]
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
    result = translate_picture(picture, enlarging(1, "translation"))
    np.testing.assert_array_equal(result.alpha, picture.alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_translation_paints_grey_pictures_in_colour(tmp_path: Path, dtype: Any, alpha: bool) -> None:
    class Tint(Enlarge):
        def translated(self, picture: Any) -> Any:
            return picture // np.array([1, 2, 4], picture.dtype) if picture.ndim == 3 else picture

    color, profile = noise(6, 5, dtype=dtype), b"." * 16 + b"GRAY" + b"." * 99
    cover = noise(6, 5, dtype=dtype) | 1 if alpha else None
    path = tmp_path / "x.png"
    write_picture(Picture(color=color, alpha=cover, icc_profile=profile), path)
    source = read_picture(path)
    assert (source.color.ndim, source.icc_profile) == (2, profile)
    result = translate_picture(source, Chain((Tint(1, "translation"),)))
    np.testing.assert_array_equal(result.color, np.dstack([color, color // 2, color // 4]))
    assert result.icc_profile is None
    assert "colour profile" in result.notices[0]
    kept = translate_picture(source, Chain((Tint(1),)))
    assert (kept.color.ndim, kept.icc_profile) == (2, profile)
    assert "taken as sRGB" in kept.notices[0]


def test_colour_under_data_alpha_is_kept() -> None:
    """Gloss maps hide nothing: where alpha is 0 the picture goes on."""
    color, alpha = noise(16, 16, 3), np.full((16, 16), 255, np.uint8)
    alpha[:, :8] = 0
    result = translate_picture(Picture(color=color, alpha=alpha), enlarging(2))
    np.testing.assert_array_equal(result.color, color.repeat(2, 0).repeat(2, 1))


def test_bleeding_takes_the_nearest_visible_colour() -> None:
    color = np.zeros((1, 7, 3), np.uint16)
    color[0, 0], color[0, 6] = 60_000, 5
    hidden = np.array([[False, True, True, False, True, True, False]])
    color[0, 3] = (1, 2, 3)
    filled = bleed(color, hidden)
    np.testing.assert_array_equal(filled[0, :, 0], [60_000, 60_000, 1, 1, 1, 5, 5])
    np.testing.assert_array_equal(bleed(color, np.ones((1, 7), bool)), color)
