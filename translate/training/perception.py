"""The perceptual loss: how far pictures are apart in the features of a network that is not trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ConfigError, TrainingError
from translate.metrics.features import VGG19, FeatureNetwork, open_features
from translate.training.config import PerceptualDistance
from translate.training.losses import full

FETCHED = "torchvision IMAGENET1K_V1"
LAST_CONVOLUTION = 34
"""Of VGG-19's features: the fourth of the fifth block; its ReLU follows."""


class Perception(nn.Module):
    """Distance of a result from its target as frozen networks see them. Both [B, 3, H, W] in [-1, 1].

    srgan: squared, after VGG-19's last convolution and ReLU (Ledig et al. 2017, eq. 5). esrgan: absolute, before that
    ReLU (Wang et al. 2018, section 3.3). unit: squared, of features of unit length in several layers of any network,
    summed over the layers (Zhang et al. 2018, eq. 1, with all weights 1). Distances of several networks are summed.

    Args:
        files: weights of feature networks; torchvision's VGG-19, which is fetched at first use, if none.
    Raises:
        ConfigError: a distance that is defined for VGG-19, and another network.
        TrainingError: the weights are not in torchvision's cache and cannot be fetched.
        DataError: the file cannot be read or holds no feature network.
    """

    def __init__(self, files: Sequence[Path], distance: PerceptualDistance) -> None:
        super().__init__()
        networks = [open_features(file) for file in files] or [fetch_vgg19()]
        self.networks: Sequence[FeatureNetwork] = nn.ModuleList(networks)  # type: ignore[assignment]
        self.kind = distance
        other = next((network for network in networks if network.kind != VGG19), None)
        if distance != "unit" and other is not None:
            raise ConfigError(
                f"--perceptual-distance {distance} looks at VGG-19's last convolution, and among "
                f"{' '.join(map(str, files))} is {other.title}: use --perceptual-distance unit, whose values are of "
                "another size (--perceptual-weight 1 is about as much as a pixel distance)."
            )

    @property
    def judges(self) -> dict[str, str]:
        """For the Manifest: each network's family, and where its weights are from."""
        return {network.family: network.origin for network in self.networks}

    def forward(self, result: Tensor, target: Tensor) -> Tensor:
        one, other = (result + 1) / 2, (target + 1) / 2
        return torch.stack([self._distance(network, one, other) for network in self.networks]).sum()

    def _distance(self, network: FeatureNetwork, one: Tensor, other: Tensor) -> Tensor:
        if self.kind == "unit":
            return network.distance(one, other).mean()
        layer = LAST_CONVOLUTION + (self.kind == "srgan")
        a, b = (full(network.maps(image, [layer])[0]) for image in (one, other))
        return F.mse_loss(a, b) if self.kind == "srgan" else F.l1_loss(a, b)


def fetch_vgg19() -> FeatureNetwork:
    """torchvision's, with ImageNet weights.

    Raises:
        TrainingError: they are not in torchvision's cache and cannot be fetched.
    """
    from torchvision.models import VGG19_Weights, vgg19

    try:
        features = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
    except OSError as error:
        raise TrainingError(
            f"cannot fetch the VGG-19 weights for the perceptual loss ({error}). Connect once so that torchvision can "
            "keep them, name a file with --perceptual-features, or train with --perceptual-weight 0."
        ) from None
    return FeatureNetwork(features, VGG19, FETCHED)
