"""Patchwise contrast: what a painted patch has in common with the patch it was painted from (Park et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.resnet import ResNetGenerator
from translate.training.losses import full


class Encoder(nn.Module):
    """The first half of a ResNet generator, looked at in the layers of Park et al. 2020, appendix C.1.

    The picture itself, both downsampling convolutions, the first and the middle residual block (the fifth of nine).
    It shares the generator's weights and has none of its own.

    Shapes: [B, C, H, W] in [-1, 1] and a [P] of places for each layer -> [B, P, width] for each layer.
    """

    def __init__(self, generator: ResNetGenerator) -> None:
        super().__init__()
        self.generator = generator
        middle = (len(generator.transform) - 1) // 2
        self.blocks = [0, middle] if middle else [0]
        width = int(generator.encode[0][1].out_channels)  # type: ignore[index]
        self.widths = [generator.channels, 2 * width, *[4 * width] * (1 + len(self.blocks))]
        self.strides = [1, 2, *[4] * (1 + len(self.blocks))]

    def forward(self, image: Tensor, places: Sequence[Tensor]) -> list[Tensor]:
        features, _ = self.walk(image)
        return [patches(layer, chosen) for layer, chosen in zip(features, places, strict=True)]

    def walk(self, image: Tensor) -> tuple[list[Tensor], Tensor]:
        """The layers looked at, and where the walk ends: after the last of them."""
        first, *downs = self.generator.encode
        layers, now = [image], first(image)
        for down in downs:
            convolve, normalise, cut = down.children()
            now = convolve(now)
            layers.append(now)
            now = cut(normalise(now))
        for number, block in enumerate(self.generator.transform):
            now = block(now)
            if number in self.blocks:
                layers.append(now)
            if number == self.blocks[-1]:
                break
        return layers, now


class Painter(Encoder):
    """The whole generator: its picture, and on the way what `Encoder` sees, for the price of the picture alone."""

    def forward(self, image: Tensor, places: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:  # type: ignore[override]
        features, now = self.walk(image)
        for block in list(self.generator.transform)[self.blocks[-1] + 1 :]:
            now = block(now)
        seen = [patches(layer, chosen).detach() for layer, chosen in zip(features, places, strict=True)]
        return self.generator.painted(now, image), seen


def patches(features: Tensor, places: Tensor) -> Tensor:
    """[B, C, H, W] at the places [P], counted along rows -> [B, P, C]."""
    return features.flatten(2).transpose(1, 2).index_select(1, places)


def draw_places(sides: tuple[int, int], strides: Sequence[int], count: int, random: torch.Generator) -> list[Tensor]:
    """For each layer `count` different places, or all of them where it has fewer: [P] int64 each, on the CPU.

    Args:
        sides: height and width of the picture.
        strides: side of the picture / side of the layer.
    """
    sizes = [(sides[0] // stride) * (sides[1] // stride) for stride in strides]
    return [torch.randperm(size, generator=random)[:count] for size in sizes]


def mirror_places(places: Sequence[Tensor], width: int, strides: Sequence[int]) -> list[Tensor]:
    """Where the same places are after the picture was mirrored left to right."""
    widths = [width // stride for stride in strides]
    return [chosen + (side - 1) - 2 * (chosen % side) for chosen, side in zip(places, widths, strict=True)]


class PatchNCE(nn.Module):
    """Each patch of a painting must recognise the patch at its place among the others (Park et al. 2020, eq. 3 and 4).

    A perceptron of two layers for each feature layer (the paper's H_l) projects patches onto a unit sphere; the loss
    is the cross-entropy of picking the right patch of the same picture by its cosine / `temperature`.
    Initialisation: Xavier times 0.02, as published.

    Shapes: queries and keys, [B, P, width] for each layer -> [B], the mean over patches and layers. No gradient goes
    to or through the keys.
    """

    def __init__(self, widths: Sequence[int], features: int = 256, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = temperature
        self.project = nn.ModuleList(
            nn.Sequential(nn.Linear(width, features), nn.ReLU(), nn.Linear(features, features)) for width in widths
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight, gain=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, queries: Sequence[Tensor], keys: Sequence[Tensor]) -> Tensor:
        layers = zip(self.project, queries, keys, strict=True)
        return torch.stack([self.layer_loss(*layer) for layer in layers]).mean(0)

    def layer_loss(self, project: nn.Module, query: Tensor, key: Tensor) -> Tensor:
        """[B, P, width] twice -> [B]."""
        with torch.no_grad():
            target = F.normalize(full(project(key)), dim=2)
        source = F.normalize(full(project(query)), dim=2)
        with torch.autocast(source.device.type, enabled=False):  # cosines / 0.07 are too coarse in bfloat16
            likeness = source @ target.transpose(1, 2) / self.temperature
        right = torch.arange(likeness.shape[1], device=likeness.device).expand(likeness.shape[:2])
        return F.cross_entropy(likeness.transpose(1, 2), right, reduction="none").mean(1)
