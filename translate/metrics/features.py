"""Networks that look at pictures for us: what a distance between piles, or to a target, is taken in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import BadModelFile, DataError
from models.published.files import read_weights

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, per channel: what torchvision's networks were trained with."""
SIDE = 224
"""Pixels that the networks were trained at; piles are resized to it (bilinear, antialiased)."""


@dataclass(frozen=True)
class Kind:
    """One architecture whose weights are recognised."""

    title: str
    builder: str
    """Its name in torchvision.models."""
    layers: tuple[int, ...]
    """Of `features`, whose outputs a perceptual distance compares."""


KINDS = (
    # layers as in LPIPS (Zhang et al. 2018) as far as they are ReLU outputs of a full resolution each
    Kind("SqueezeNet 1.1", "squeezenet1_1", (1, 4, 7, 9, 11)),
    Kind("VGG-19", "vgg19", (3, 8, 17, 26, 35)),
    Kind("VGG-16", "vgg16", (3, 8, 15, 22, 29)),
    Kind("AlexNet", "alexnet", (1, 4, 7, 9, 11)),
)


class FeatureNetwork(nn.Module):
    """A classifier of torchvision's, frozen, read from a file. Pictures are [B, 3, H, W] in [0, 1]."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, kind: Kind) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.kind = kind
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))

    @property
    def title(self) -> str:
        """What the numbers are to be called by."""
        return self.kind.title

    def forward(self, images: Tensor) -> Tensor:
        """Mean of the last features over the picture, resized to 224 x 224: [B, D]."""
        features: Tensor = self._features()(self._prepared(images))
        return features.mean(dim=(2, 3))

    def classes(self, images: Tensor) -> Tensor:
        """Scores of ImageNet's classes, [B, 1000]."""
        scores: Tensor = self.network(self._prepared(images))
        return scores

    def maps(self, images: Tensor) -> list[Tensor]:
        """Outputs of `kind.layers` at the pictures' own size."""
        values, found = self._standard(images), []
        for place, layer in enumerate(self._features()):
            values = layer(values)
            if place in self.kind.layers:
                found.append(values)
            if place == self.kind.layers[-1]:
                break
        return found

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Perceptual distance, [B]: squared distance of features of unit length at each place, averaged over the
        picture and summed over layers (Zhang et al. 2018, eq. 1, with all weights 1)."""
        total = torch.zeros(len(one), device=one.device)
        for a, b in zip(self.maps(one), self.maps(other), strict=True):
            total = total + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1).mean(dim=(1, 2))
        return total

    def _features(self) -> nn.Sequential:
        features: Any = self.network.features
        return features  # type: ignore[no-any-return]

    def _standard(self, images: Tensor) -> Tensor:
        result: Tensor = (images - self.mean) / self.deviation
        return result

    def _prepared(self, images: Tensor) -> Tensor:
        small = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        return self._standard(small)


def open_features(path: Path) -> FeatureNetwork:
    """Read a feature network: weights of a torchvision classifier, told by their names and shapes.

    Raises:
        DataError: unreadable, a pickled program, or weights of something else.
    """
    try:
        weights = read_weights(path)
    except BadModelFile as error:
        raise DataError(f"cannot read the feature network {path}: {error}") from None
    import torchvision.models

    for kind in KINDS:
        build: Callable[..., nn.Module] = getattr(torchvision.models, kind.builder)
        with torch.device("meta"):
            wanted = {name: value.shape for name, value in build(weights=None).state_dict().items()}
        if wanted == {name: value.shape for name, value in weights.items()}:
            network = build(weights=None)
            network.load_state_dict(weights)
            return FeatureNetwork(network, kind)
    known = ", ".join(kind.title for kind in KINDS)
    seen = ", ".join(list(weights)[:3])
    raise DataError(f"{path} holds weights of none of {known} as torchvision names them (it has {seen}, ...).")


def in_batches(images: Sequence[Tensor], network: Callable[[Tensor], Tensor], size: int = 16) -> Tensor:
    """What a network says of pictures [3, H, W], of any sizes, one by one where they differ: [N, ...]."""
    alike = len({image.shape for image in images}) == 1
    step = size if alike else 1
    with torch.no_grad():
        return torch.cat([network(torch.stack(list(images[i : i + step]))) for i in range(0, len(images), step)])
