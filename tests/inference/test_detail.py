"""Work size: shrinking, and carrying the original's detail over to an enlarged translation."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate.inference.detail import carry_detail, shrink

WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
RNG = np.random.default_rng(0)


def photograph(height: int, width: int, dtype: Any = np.float32, seed: int = 0) -> Any:
    """Detail at every scale, as photographs have it: [height, width, 3]."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for step in (1, 2, 4, 8, 16, 32):
        coarse = random.random((height // step + 2, width // step + 2, 3), np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    total = (total - total.min()) / (total.max() - total.min())
    return as_type(total, dtype)


def as_type(values: Any, dtype: Any) -> Any:
    scaled = values * WHITE[np.dtype(dtype).name]
    return (scaled if dtype == np.float32 else np.rint(scaled)).astype(dtype)


def enlarged(small: Any, like: Any) -> Any:
    """Bicubic, unrounded, by OpenCV, which knows nothing of bands."""
    large = cv2.resize(small.astype(np.float32), like.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return large.reshape(*like.shape[:2], *small.shape[2:]).clip(0, WHITE[small.dtype.name])


def grade(picture: Any) -> Any:
    """A night: darker, bluer, other channels mixed in."""
    return (picture @ np.array([[0.3, 0.1, 0.1], [0, 0.3, 0.2], [0.1, 0, 0.4]], np.float32) + 0.05).astype(np.float32)


def psnr(result: Any, reference: Any) -> float:
    return float(-10 * np.log10(np.mean((result - reference) ** 2)))


@given(
    height=st.integers(1, 300), width=st.integers(1, 300), long_side=st.integers(1, 320), multiple=st.integers(1, 64)
)
@settings(deadline=None)
def test_shrink_never_enlarges_and_keeps_the_shape(height: int, width: int, long_side: int, multiple: int) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    small = shrink(picture, long_side, multiple)
    if max(height, width) <= long_side:
        assert small is picture
        return
    for side, full in zip(small.shape, picture.shape[:2], strict=False):
        wanted = full * long_side / max(height, width)
        assert 1 <= side <= full
        assert abs(side - wanted) <= max(wanted / 16, 1)


def test_shrink_rounds_to_the_multiple_only_where_the_picture_keeps_its_shape() -> None:
    picture = np.zeros((3000, 4000, 3), np.uint8)
    assert shrink(picture, 256, 4).shape == (192, 256, 3)
    assert shrink(picture, 250, 4).shape == (188, 248, 3)
    assert shrink(picture, 256, 256).shape == (192, 256, 3)
    assert shrink(picture[:100, :31], 99, 32).shape == (96, 31, 3)  # 32 would be nearer to 30.7, but enlarge it


def test_shrink_averages_all_pixels() -> None:
    grain = RNG.integers(0, 256, (256, 256), np.uint8)
    means = grain.reshape(32, 8, 32, 8).mean(axis=(1, 3))
    assert np.abs(shrink(grain, 32) - means).max() <= 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(90, 70), (90, 70, 1), (90, 70, 3)])
def test_type_and_shape_are_kept(dtype: Any, shape: tuple[int, ...]) -> None:
    picture = as_type(RNG.random(shape, np.float32), dtype)
    small = shrink(picture, 24)
    assert small.dtype == dtype
    assert small.shape == (24, 19, *shape[2:])
    result = carry_detail(picture, small, small[::-1].copy())
    assert (result.dtype, result.shape) == (picture.dtype, picture.shape)


def test_a_grey_picture_may_get_colour() -> None:
    picture = photograph(96, 96)[:, :, 0]
    colour = np.array([0.2, 0.5, 0.9], np.float32)
    result = carry_detail(picture, shrink(picture, 24), shrink(picture, 24)[:, :, None] * colour)
    assert psnr(result, picture[:, :, None] * colour) > 34


@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    small=st.tuples(st.integers(1, 120), st.integers(1, 120)),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_of_a_flat_picture_the_enlarged_translation_is_left(
    height: int, width: int, small: tuple[int, int], dtype: Any, seed: int
) -> None:
    size = (min(small[0], height), min(small[1], width), 3)
    translated = as_type(np.random.default_rng(seed).random(size, np.float32), dtype)
    flat = np.full((height, width, 3), WHITE[np.dtype(dtype).name] * 0.3).astype(dtype)
    result = carry_detail(flat, np.full(size, flat.flat[0], dtype), translated)
    # OpenCV counts places in float32: up to 1e-5 of a pixel off
    rounding = {"uint8": 0.51, "uint16": 2, "float32": 5e-5}[result.dtype.name]
    assert np.abs(result - enlarged(translated, flat)).max() <= rounding


@given(height=st.integers(1, 200), width=st.integers(1, 200), long_side=st.integers(1, 64))
@settings(deadline=None, max_examples=60)
def test_any_size_gives_finite_values_in_range(height: int, width: int, long_side: int) -> None:
    picture = np.random.default_rng(height).random((height, width, 3), np.float32)
    small = shrink(picture, long_side, 4)
    result = carry_detail(picture, small, 1 - small)
    assert result.shape == picture.shape
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


def test_nothing_shrunk_nothing_changed() -> None:
    picture = photograph(40, 50, np.uint8)
    translated = photograph(40, 50, np.uint8, seed=1)
    assert carry_detail(picture, shrink(picture, 50), translated) is translated


@pytest.mark.parametrize("factor", [2, 3.7, 8])
def test_detail_comes_back_as_the_network_coloured_it(factor: float) -> None:
    picture = photograph(300, 400)
    reference = grade(picture)
    small = shrink(picture, round(400 / factor))
    result = carry_detail(picture, small, grade(small))
    assert psnr(result, reference) > psnr(enlarged(grade(small), picture), reference) + 10


def test_each_part_follows_its_own_map() -> None:
    picture = photograph(320, 320)
    reference = np.concatenate([grade(picture)[:, :160], (1 - picture)[:, 160:]], axis=1)
    small = shrink(picture, 80)
    translated = np.concatenate([grade(small)[:, :40], (1 - small)[:, 40:]], axis=1)
    result = carry_detail(picture, small, translated)
    for part in (slice(0, 140), slice(180, 320)):
        plain = psnr(enlarged(translated, picture)[:, part], reference[:, part])
        assert psnr(result[:, part], reference[:, part]) > plain + 8


def test_texture_that_shrinking_averages_out_follows_its_surroundings() -> None:
    picture = photograph(256, 256)
    patch = np.index_exp[96:160, 96:160]
    checks = np.indices((64, 64)).sum(axis=0)[:, :, None] % 2 - 0.5
    picture[patch] = 0.5 + 0.2 * checks
    small = shrink(picture, 64)
    detail = carry_detail(picture, small, small * 0.4)[patch] - 0.2
    assert np.mean(detail[16:48, 16:48] * np.sign(checks[16:48, 16:48])) == pytest.approx(0.04, rel=0.25)


def test_what_was_painted_anew_stays_without_a_ghost_of_the_original() -> None:
    picture = photograph(384, 384)
    small = shrink(picture, 96)
    stripes = np.broadcast_to((np.arange(96) // 4 % 2)[None, :, None], small.shape).astype(np.float32)
    plain = enlarged(stripes, picture)
    result = carry_detail(picture, small, stripes)
    lost = picture - enlarged(small, picture)
    ghost = np.std(result - plain) / np.std(lost)
    assert ghost < 0.4  # 0.6 without the allowance for chance, 0.9 with all detail of the luminance


@pytest.mark.parametrize(("height", "width", "long_side"), [(200, 330, 100), (331, 97, 60), (640, 640, 40)])
def test_the_result_is_not_shifted(height: int, width: int, long_side: int) -> None:
    picture = photograph(height, width)
    small = shrink(picture, long_side)
    result = carry_detail(picture, small, grade(small)).mean(axis=2)
    reference = grade(picture).mean(axis=2)
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(np.float32(result - result.mean()), reference - reference.mean(), window)
    assert abs(right) < 0.05
    assert abs(down) < 0.05


def test_mirrored_pictures_give_mirrored_results() -> None:
    picture = photograph(210, 160)
    small = shrink(picture, 42)
    translated = 1 - grade(small)
    result = carry_detail(picture, small, translated)
    for axis in (0, 1):
        mirrored = carry_detail(*(np.flip(array, axis).copy() for array in (picture, small, translated)))
        assert np.abs(np.flip(mirrored, axis) - result).max() < 1e-4


def test_bands_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photograph(150, 130)
    small = shrink(picture, 40)
    whole = carry_detail(picture, small, grade(small))
    for pixels in (1, 130 * 7):
        monkeypatch.setattr("translate.inference.detail.BAND", pixels)
        assert np.abs(carry_detail(picture, small, grade(small)) - whole).max() < 1e-6


def test_a_large_work_size_gets_a_coarser_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photograph(240, 320)
    small = shrink(picture, 160)
    monkeypatch.setattr("translate.inference.detail.MAX_GRID", 1000)
    result = carry_detail(picture, small, grade(small))
    plain = enlarged(grade(small), picture)
    assert psnr(result, grade(picture)) > psnr(plain, grade(picture)) + 8


def test_16_bit_gradients_stay_smooth() -> None:
    ramp = np.linspace(20000, 24000, 512).astype(np.uint16)
    picture = np.broadcast_to(ramp[None, :, None], (64, 512, 3)).copy()
    small = shrink(picture, 128)
    result = carry_detail(picture, small, small // 2)
    inner = result[:, 16:-16].astype(float)
    assert np.abs(inner - picture[:, 16:-16] / 2).max() < 4
    assert len(np.unique(inner)) > 450  # in 8 bits there would be 8


@pytest.mark.skipif(sys.platform != "linux", reason="counts resident memory as Linux does")
def test_memory_is_bounded() -> None:
    """A picture of 24 megapixels: less than 150 MB beside it and the result."""
    code = """
import resource, numpy as np
from translate.inference.detail import carry_detail, shrink
picture = np.tile(np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8), (10, 10, 1))
small = shrink(picture, 512)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
carry_detail(picture, small, small[::-1].copy())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - picture.nbytes / 2**20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150
