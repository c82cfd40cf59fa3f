"""Inception-v3 as the published FID, KID and Inception Score take it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from models.errors import DataError

TITLE = "Inception-v3"
PARTS = 10
"""Parts that a pile is cut into for the Inception Score (Salimans et al. 2016)."""
FEWEST = 10
"""Pictures in each of them; a small pile is cut into fewer parts."""


class Inception:
    """torch-fidelity's Inception-v3, whose weights are TensorFlow's of 2015, with the resize of torchmetrics.

    Raises:
        DataError: the weights are not in PyTorch's cache and cannot be fetched.
    """

    title = TITLE
    family = TITLE
    resize = "299 x 299 (bilinear, antialiased)"

    def __init__(self) -> None:
        from torchmetrics.image.fid import NoTrainInceptionV3

        try:
            self.network = NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"])
        except OSError as error:  # URLError is one
            raise DataError(
                f"cannot fetch the weights of Inception-v3 ({error}). Connect once, or name a feature network "
                "with --features FILE."
            ) from None

    def __call__(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] -> [B, 2048]."""
        features: Tensor = self.network((images * 255).round().byte())
        return features

    def score(self, features: Tensor) -> tuple[int, float, float | None]:
        """Inception Score of a pile, higher is better: how sure the network is of each picture, and how varied its
        answers are.

        Args:
            features: [N, 2048].
        Returns:
            Into how many parts the pile was cut, the mean over them, and its deviation if there are several.
        """
        from torchmetrics.image.inception import InceptionScore

        parts = max(1, min(PARTS, len(features) // FEWEST))
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.no_grad():
            warnings.simplefilter("ignore")  # that features are kept; that one part has no deviation
            logits = features.mm(self.network.fc.weight.T)  # without the bias, as published
            measure = InceptionScore(torch.nn.Identity(), splits=parts)
            measure.update(logits)
            torch.manual_seed(0)
            mean, deviation = measure.compute()
        return parts, float(mean), float(deviation) if parts > 1 else None
