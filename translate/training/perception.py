"""The perceptual loss: how far pictures are apart in the features of a network that is not trained."""

from __future__ import annotations

from pathlib import Path

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
    """Distance of a result from its target as a frozen network sees them. Both [B, 3, H, W] in [-1, 1].

    srgan: squared, after VGG-19's last convolution and ReLU (Ledig et al. 2017, eq. 5). esrgan: absolute, before that
    ReLU (Wang et al. 2018, section 3.3). unit: squared, of features of unit length in several layers of any network,
    summed over the layers (Zhang et al. 2018, eq. 1, with all weights 1).

    Args:
        file: weights of a feature network; torchvision's VGG-19, which is fetched at first use, if None.
    Raises:
        ConfigError: a distance that is defined for VGG-19, and another network.
        TrainingError: the weights are not in torchvision's cache and cannot be fetched.
        DataError: the file cannot be read or holds no feature network.
    """

    def __init__(self, file: Path | None, distance: PerceptualDistance) -> None:
        super().__init__()
        self.network = open_features(file) if file else fetch_vgg19()
        self.kind = distance
        if distance != "unit" and self.network.kind != VGG19:
            raise ConfigError(
                f"--perceptual-distance {distance} looks at VGG-19's last convolution, and {file} is "
                f"{self.network.title}: use --perceptual-distance unit, whose values are of another size "
                "(--perceptual-weight 1 is about as much as a pixel distance)."
            )

    @property
    def judges(self) -> dict[str, str]:
        """For the Manifest: the network's family, and where its weights are from."""
        return {self.network.family: self.network.origin}

    def forward(self, result: Tensor, target: Tensor) -> Tensor:
        one, other = (result + 1) / 2, (target + 1) / 2
        if self.kind == "unit":
            return self.network.distance(one, other).mean()
        layer = LAST_CONVOLUTION + (self.kind == "srgan")
        a, b = (full(self.network.maps(image, [layer])[0]) for image in (one, other))
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
