"""Distances of two piles of pictures in the features of a network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.errors import DataError
from translate.metrics.features import FeatureNetwork, in_batches

SUBSETS = 100
"""Draws that a kernel distance is averaged over."""
INCEPTION = "Inception-v3"


@dataclass(frozen=True)
class PileDistances:
    """How far a pile of results is from a pile of real pictures, and by whose features."""

    features: str
    """Name of the network. Only with Inception-v3 are these the published FID and KID."""
    fid: float
    """Fréchet distance of Gaussians (Heusel et al. 2017); for fewer pictures than features it is far too large."""
    kid: float
    """Mean kernel distance over subsets (Bińkowski et al. 2018); unbiased, so near 0 for equal piles."""
    kid_deviation: float
    """Its standard deviation over the subsets."""


def pile_distances(real: Sequence[Tensor], fake: Sequence[Tensor], network: FeatureNetwork | None) -> PileDistances:
    """Fréchet and kernel distance of two piles.

    Args:
        real, fake: pictures [3, H, W] float in [0, 1], of any sizes; 2 or more on each side.
        network: None for Inception-v3, whose weights torch-fidelity fetches.
    Raises:
        DataError: too few pictures; the weights cannot be fetched.
    """
    fewest = min(len(real), len(fake))
    if fewest < 2:
        raise DataError(f"a distance of piles needs 2 pictures or more on each side, not {len(real)} and {len(fake)}.")
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # that features are kept in memory
        from torchmetrics.image import FrechetInceptionDistance, KernelInceptionDistance

        look = _inception() if network is None else network
        seen = [in_batches(pile, look) for pile in (real, fake)]
        given = _Given(seen[0].shape[1])
        # half of a small pile: subsets of all of it would all be the same
        size = 1000 if fewest >= 2000 else max(fewest // 2, 2)
        frechet, kernel = FrechetInceptionDistance(given), KernelInceptionDistance(given, SUBSETS, size)
        for metric in (frechet, kernel):
            for features, is_real in zip(seen, (True, False), strict=True):
                metric.update(features, real=is_real)
        torch.manual_seed(0)
        mean, deviation = kernel.compute()
        title = INCEPTION if network is None else network.title
        return PileDistances(title, float(frechet.compute()), float(mean), float(deviation))


def _inception() -> Callable[[Tensor], Tensor]:
    """[B, 3, H, W] in [0, 1] -> [B, 2048], by the weights and the resize of torch-fidelity."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    try:
        network = NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"])
    except OSError as error:  # URLError is one
        raise DataError(
            f"cannot fetch the weights of Inception-v3 ({error}). Connect once, or name a feature network "
            "with --features FILE."
        ) from None
    return lambda images: network((images * 255).round().byte())


class _Given(nn.Module):
    """Stands where torchmetrics looks for a network: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features
