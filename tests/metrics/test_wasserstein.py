"""The sliced Wasserstein distance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.errors import DataError
from translate.metrics.wasserstein import pyramid, sliced_wasserstein


def pile(count: int, side: int = 64, seed: int = 0) -> Tensor:
    """Smooth pictures."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, side // 4, side // 4, generator=random)
    return torch.nn.functional.interpolate(small, size=(side, side), mode="bicubic") * 2 - 1


def test_a_pyramid_adds_up() -> None:
    images = pile(2)
    levels = pyramid(images)
    assert [level.shape[2] for level in levels] == [64, 32, 16]
    smoother = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    assert pyramid(smoother)[0].abs().mean() < 0.7 * levels[0].abs().mean()
    assert pyramid(torch.ones(1, 3, 64, 64))[0][:, :, 4:-4, 4:-4].abs().max() < 1e-6


def test_zero_for_the_same_pile_and_more_the_further_apart() -> None:
    real = pile(6)
    assert set(sliced_wasserstein(real, real)) == {64, 32, 16}
    assert max(sliced_wasserstein(real, real).values()) == 0
    noisy = [
        real + strength * torch.randn(real.shape, generator=torch.Generator().manual_seed(1))
        for strength in (0.05, 0.5)
    ]
    little, much = (sliced_wasserstein(real, fake)[64] for fake in noisy)
    assert 0 < little < much


def test_coarse_levels_see_what_fine_ones_do_not() -> None:
    """A contrast of whole pictures, not of their detail: normalization hides a mere shift or gain."""
    real = pile(8)
    halves = real.clone()
    halves[:, :, :, :32] += 1
    found = sliced_wasserstein(real, halves)
    assert found[16] > 3 * found[64]


def test_piles_may_differ_in_number() -> None:
    """Two samples of one kind are nearer than two kinds."""
    same = sliced_wasserstein(pile(12, seed=1), pile(8, seed=2))[64]
    other = sliced_wasserstein(pile(12, seed=1), torch.randn(8, 3, 64, 64))[64]
    assert same < other / 2


@pytest.mark.parametrize(
    ("one", "other"), [((1, 3, 64, 64), (4, 3, 64, 64)), ((4, 3, 64, 64), (4, 3, 64, 32)), ((4, 3, 8, 8), (4, 3, 8, 8))]
)
def test_refused(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        sliced_wasserstein(torch.zeros(one), torch.zeros(other))
