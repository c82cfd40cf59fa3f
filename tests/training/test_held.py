"""What holds results to their pictures where there is no target: --keep-weight and --smooth-weight."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ConfigError
from translate.training.config import CUTConfig, CycleGANConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.losses import kept, rough
from translate.training.method import Batch

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "data": Path("data"), "out": Path("run"), "generator_arguments": {"width": 4, "blocks": 3},
    "discriminator_arguments": {"width": 4, "layers": 1},
}  # fmt: skip
METHODS: list[Any] = [(CUT, CUTConfig), (CycleGAN, CycleGANConfig)]


def pictures(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_squares_are_kept_by_their_means() -> None:
    picture = pictures(1, 1)
    stripes = torch.ones(1, 3, 32, 32)
    stripes[..., ::2] = -1
    assert float(kept(picture + stripes, picture, 8)) == pytest.approx(0, abs=1e-6)
    assert float(kept(picture + stripes, picture, 1)) == pytest.approx(1)
    assert float(kept(picture + 0.25, picture, 8)) == pytest.approx(0.25)
    with pytest.raises(ConfigError, match="--keep-pixels 20 must be 1 to 16, the smallest size"):
        CUTConfig(**TINY, size=32, sizes=(16, 32), keep_pixels=20)


def test_with_a_knee_few_strong_changes_cost_less_than_many_weak_ones() -> None:
    picture = pictures(1, 1)
    everywhere, somewhere = torch.full((1, 3, 32, 32), 0.1), torch.zeros(1, 3, 32, 32)
    somewhere[..., :16, :8] = 0.8  # as much in all, over an eighth
    assert float(kept(picture + everywhere, picture, 1)) == pytest.approx(float(kept(picture + somewhere, picture, 1)))
    assert float(kept(picture + everywhere, picture, 1, 0.1)) == pytest.approx(0.5)
    assert float(kept(picture + somewhere, picture, 1, 0.1)) == pytest.approx(0.8 / 0.9 / 8)
    with pytest.raises(ConfigError, match=r"--keep-knee 0\.1 needs a --keep-weight above 0"):
        CUTConfig(**TINY, keep_knee=0.1)


def test_cut_keeps_what_it_is_told_to_keep() -> None:
    def far_after(keep_weight: float) -> float:
        torch.manual_seed(0)
        a = pictures(1, 1)
        arguments = {"width": 8, "blocks": 1}
        method = CUT(
            CUTConfig(**{**TINY, "generator_arguments": arguments}, keep_weight=keep_weight, learning_rate=2e-3), CPU
        )
        losses = [method.step(Batch(a, -a)) for _ in range(40)]
        assert ("g_keep" in losses[0]) == (keep_weight > 0)
        with torch.no_grad():
            return float((method.g(a) - a).abs().mean())

    assert far_after(20.0) < 0.6 * far_after(0.0)


def test_steps_count_where_the_picture_has_none() -> None:
    even, edge = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 0.3
    faint = edge / 10  # one step of 0.03 in each row, of the 7 steps there
    assert float(rough(even, even)) == float(rough(even, edge)) == 0
    assert float(rough(edge, even)) == pytest.approx(0.3 / 7 / 2)  # columns have none
    assert float(rough(edge, faint)) == pytest.approx(0.3 / 7 / 2 / math.e)
    assert float(rough(edge, edge)) < 1e-5
    assert float(rough(edge.mT, even)) == pytest.approx(0.3 / 7 / 2)
    with pytest.raises(ConfigError, match=r"--smooth-weight -1\.0 must be 0 or more"):
        CUTConfig(**TINY, smooth_weight=-1.0)


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_even_pictures_get_even_results(method: Any, config: Any) -> None:
    """Of pictures that are dark and even, and noise that they should become."""

    def roughness_after(weight: float) -> float:
        torch.manual_seed(0)
        arguments = {**TINY, "generator_arguments": {"width": 8, "blocks": 1}}
        trained = method(config(**arguments, smooth_weight=weight, learning_rate=2e-3), CPU)
        dark = pictures(1, 1) * 0.01 - 0.9
        losses = [trained.step(Batch(dark, pictures(1, 2))) for _ in range(40)]
        assert ("g_smooth" in losses[0]) == (weight > 0)
        with torch.no_grad():
            return float(rough((trained.g if method is CUT else trained.g_ab)(dark), dark))

    assert roughness_after(20.0) < 0.5 * roughness_after(0.0)
