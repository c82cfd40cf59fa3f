"""A classifier that is not trained, and what it takes results for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import ConfigError
from translate.metrics.features import SIDE, open_classifier
from translate.training.losses import full


class Recognition(nn.Module):
    """How far results are from being taken for their classes: cross-entropy, as in AC-GAN (Odena et al. 2017), but by a
    classifier that was trained elsewhere.

    Args:
        file: weights of a classifier.
        classes: number of the class of each pile of results.
    Raises:
        DataError: no classifier in the file.
        ConfigError: it has no such class.
    """

    def __init__(self, file: Path, classes: Sequence[int]) -> None:
        super().__init__()
        self.classifier, self.classes = open_classifier(file), classes
        count = self.classifier(torch.zeros(1, 3, SIDE, SIDE)).shape[1]
        for number in classes:
            if number >= count:
                raise ConfigError(f"--classes {number}: {self.classifier.network.title} knows 0 to {count - 1}.")

    @property
    def judges(self) -> dict[str, str]:
        """For the Manifest: the network's family, and where its weights are from."""
        return {self.classifier.network.family: self.classifier.network.origin}

    def forward(self, *results: Tensor) -> Tensor:
        """Piles of results, [B, 3, H, W] in [-1, 1], as many as classes -> the sum of their means."""
        losses = [self.missed(pile, number) for pile, number in zip(results, self.classes, strict=True)]
        return torch.stack(losses).sum()

    def missed(self, results: Tensor, number: int) -> Tensor:
        """Of one pile."""
        scores = full(self.classifier((results + 1) / 2))
        return F.cross_entropy(scores, torch.full((len(scores),), number, device=scores.device))
