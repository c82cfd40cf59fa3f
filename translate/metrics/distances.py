"""Distances of two piles of pictures in the features of a network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import DataError
from translate.metrics.features import NAMES, FeatureNetwork, fetch_features, in_batches, open_features
from translate.metrics.inception import Inception

SUBSETS = 100
"""Draws that a kernel distance is averaged over."""
Network = FeatureNetwork | Inception
Scores = dict[str, float]
"""Name, with the network or colour space that it is taken in -> value."""


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


def open_network(features: Path | None) -> Network | None:
    """What --features names: `inception` or one of torchvision's networks, which are fetched, or a file.

    Raises:
        DataError: the weights cannot be fetched, or the file is no feature network.
    """
    if features is None:
        return None
    if features == Path("inception"):
        return Inception()
    return fetch_features(str(features)) if str(features) in NAMES else open_features(features)


def pile_distances(real: Sequence[Tensor], fake: Sequence[Tensor], network: Network) -> PileDistances:
    """Fréchet and kernel distance of two piles.

    Args:
        real, fake: pictures [3, H, W] float in [0, 1], of any sizes; 2 or more on each side.
    Raises:
        DataError: too few pictures.
    """
    check_count(real, fake)
    return feature_distances(in_batches(real, network), in_batches(fake, network), network.title)


def feature_distances(real: Tensor, fake: Tensor, title: str) -> PileDistances:
    """The same of what a network called `title` has made of the pictures: [N, D] each, 2 or more.

    Raises:
        DataError: too few pictures.
    """
    fewest = check_count(real, fake)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # that features are kept in memory
        from torchmetrics.image import FrechetInceptionDistance, KernelInceptionDistance

        given = _Given(real.shape[1])
        # half of a small pile: subsets of all of it would all be the same
        size = 1000 if fewest >= 2000 else max(fewest // 2, 2)
        frechet, kernel = FrechetInceptionDistance(given), KernelInceptionDistance(given, SUBSETS, size)
        for metric in (frechet, kernel):
            for features, is_real in ((real, True), (fake, False)):
                metric.update(features, real=is_real)
        torch.manual_seed(0)
        mean, deviation = kernel.compute()
        return PileDistances(title, float(frechet.compute()), float(mean), float(deviation))


def distance_scores(real: Tensor, fake: Tensor, network: Network) -> Scores:
    """Distances of two piles of features, [N, D] each, named by the network; FID, KID and Inception Score are those by
    Inception-v3 alone.

    Raises:
        DataError: fewer than 2 pictures on a side.
    """
    found = feature_distances(real, fake, network.title)
    if not isinstance(network, Inception):
        return {
            f"Fréchet distance ({found.features})": found.fid,
            f"kernel distance ({found.features})": found.kid,
            f"kernel distance, deviation ({found.features})": found.kid_deviation,
        }
    scores = {"FID": found.fid, "KID": found.kid, "KID, deviation": found.kid_deviation}
    parts, mean, deviation = network.score(fake)
    words = f"{parts} parts" if parts > 1 else "1 part"
    scores[f"Inception Score ({words})"] = mean
    return scores if deviation is None else scores | {f"Inception Score, deviation ({words})": deviation}


def check_count(real: Sequence[Tensor] | Tensor, fake: Sequence[Tensor] | Tensor) -> int:
    """Pictures on the smaller side.

    Raises:
        DataError: fewer than 2.
    """
    if min(len(real), len(fake)) < 2:
        raise DataError(f"a distance of piles needs 2 pictures or more on each side, not {len(real)} and {len(fake)}.")
    return min(len(real), len(fake))


class _Given(nn.Module):
    """Stands where torchmetrics looks for a network: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features
