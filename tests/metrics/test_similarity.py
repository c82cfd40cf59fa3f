"""Measures of a result and its target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noise

from translate.metrics.similarity import edge_agreement, luma, psnr, ssim, without_border


def test_psnr_of_a_known_error() -> None:
    grey = np.full((8, 9, 3), 100, np.uint8)
    assert psnr(grey + 5, grey) == pytest.approx(10 * np.log10(255**2 / 25))
    assert psnr(grey, grey) == 100


def test_ssim_is_the_papers_formula() -> None:
    """One window of 11 x 11, weighed and summed by hand."""
    a, b = noise(11, 11), noise(11, 11)
    axis = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    weights = np.outer(axis, axis) / np.outer(axis, axis).sum()
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    both = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    assert ssim(a, b) == pytest.approx(expected, abs=1e-9)


@given(st.integers(11, 40), st.integers(11, 40), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_ssim_is_1_only_for_equal_pictures(height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, 3), np.uint8)
    other = picture ^ random.integers(0, 2, picture.shape, np.uint8) * 8
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(picture, other) < 1


def test_luma_has_the_reduced_range() -> None:
    ends = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    assert luma(ends)[0] == pytest.approx([16, 235, 81.481])


def test_borders_are_left_out() -> None:
    picture = noise(9, 7, 3)
    assert without_border(picture, 0).shape == (9, 7, 3)
    assert (without_border(picture, 2) == picture[2:7, 2:5]).all()


def test_edges_that_stay_agree() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 20:44] = 200
    moved = np.roll(picture, 12, axis=1)
    assert edge_agreement(picture, 255 - picture) == pytest.approx(1)
    assert edge_agreement(picture, moved) < 0.5
    assert edge_agreement(picture, np.zeros_like(picture)) == 0
    assert edge_agreement(np.zeros_like(picture), np.zeros_like(picture)) == 1
