"""LPIPS: how different two pictures look, as people said it of a network's features (Zhang et al. 2018)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import torch
import torch.nn.functional as F
from torch import Tensor

from translate.metrics.features import FeatureNetwork
from translate.training.losses import full

HEADS = {
    "SqueezeNet 1.1": ("squeeze", (1, 4, 7, 9, 10, 11, 12), "b8a52dc0"),
    "AlexNet": ("alex", (1, 4, 7, 9, 11), "7be5be79"),
    "VGG-16": ("vgg", (3, 8, 15, 22, 29), "397923af"),
}
"""Feature network -> what LPIPS with it is called, the layers of its `features` that are compared, and how the SHA-256
of the weights begins that it was learned with (torchvision's, which has it in their files' names)."""


def lpips(network: FeatureNetwork, one: Tensor, other: Tensor) -> Tensor | None:
    """Learned perceptual distance (Zhang et al. 2018, eq. 1, version 0.1), or None where none was learned: for another
    network, or another training of the same, whose channels mean other things.

    Features of unit length at each place, their squared difference weighted per channel, averaged over the picture and
    summed over layers. The standardization of `network` is that of the authors' code, who write it for [-1, 1].

    Args:
        one, other: [B, 3, H, W] in [0, 1].
    Returns:
        [B]; lower is more alike, 0 for equal pictures.
    """
    name, layers, weights_of = HEADS.get(network.title, ("", (), ""))
    if not name or not network.origin.startswith(weights_of):
        return None
    total = torch.zeros(len(one), device=one.device)
    maps = (network.maps(pictures, layers) for pictures in (one, other))
    for a, b, weights in zip(*maps, learned(name), strict=True):
        apart = F.normalize(full(a), dim=1) - F.normalize(full(b), dim=1)
        total = total + (apart.square() * weights.to(one.device)).sum(dim=1).mean(dim=(1, 2))
    return total


@cache
def learned(name: str) -> tuple[Tensor, ...]:
    """The weights of each layer's channels, none below 0, [1, C, 1, 1], that torchmetrics brings along (BSD licence).

    Args:
        name: squeeze, alex or vgg.
    """
    with (files("torchmetrics") / "functional" / "image" / "lpips_models" / f"{name}.pth").open("rb") as file:
        heads: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return tuple(heads[key] for key in sorted(heads))
