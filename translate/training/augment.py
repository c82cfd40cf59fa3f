"""What helps a discriminator that sees few pictures: differentiable augmentation, and a penalty on its slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.training.draws import Draws
from translate.training.memory_format import in_format_of
from translate.training.objective import Verdicts


class DiffAugment:
    """Changes each picture at random before it is judged, real and fake alike, and lets gradients through.

    Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", in their strengths. Pictures are
    [B, C, H, W] in [-1, 1]; what is moved or cut out leaves grey. Without kinds nothing is drawn.
    """

    def __init__(self, kinds: Sequence[str], seed: int) -> None:
        self.kinds = list(kinds)
        self.draws = Draws(seed)

    def __call__(self, pictures: Tensor) -> Tensor:
        changed = pictures
        for kind in self.kinds:
            changed = {"color": self.color, "translation": self.translation, "cutout": self.cutout}[kind](changed)
        return in_format_of(changed, pictures)

    def uniform(self, pictures: Tensor, low: float, high: float) -> Tensor:
        """A number for each picture, [B, 1, 1, 1]."""
        return self.draws.uniform(len(pictures), low, high).view(-1, 1, 1, 1).to(pictures, non_blocking=True)

    def color(self, pictures: Tensor) -> Tensor:
        """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5."""
        pictures = pictures + self.uniform(pictures, -0.5, 0.5)
        grey = pictures.mean(1, keepdim=True)
        pictures = grey + (pictures - grey) * self.uniform(pictures, 0.0, 2.0)
        mean = pictures.mean((1, 2, 3), keepdim=True)
        return mean + (pictures - mean) * self.uniform(pictures, 0.5, 1.5)

    def translation(self, pictures: Tensor) -> Tensor:
        """Moved by up to an eighth of each side."""
        down, right = (self.draws.whole(len(pictures), -(side // 8), side // 8) for side in pictures.shape[2:])
        moved = [F.pad(p, (x, -x, y, -y)) for p, x, y in zip(pictures, right, down, strict=True)]
        return torch.stack(moved)

    def cutout(self, pictures: Tensor) -> Tensor:
        """A rectangle of half of each side, its middle anywhere in the picture."""
        inside = [self.strip(len(pictures), side) for side in pictures.shape[2:]]
        keep = ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])
        return pictures * keep.to(pictures, non_blocking=True)

    def strip(self, count: int, side: int) -> Tensor:
        """Which positions of a side are cut out: [count, side]."""
        start = torch.tensor(self.draws.whole(count, 0, side - 1))[:, None] - side // 4
        positions = torch.arange(side)
        return (positions >= start) & (positions < start + side // 2)

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return self.draws.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.draws.load_state(state)


class InstanceNoise:
    """Gaussian noise on everything that is judged, less with each update until there is none at the end of the run.

    Sønderby et al. 2017, "Amortised MAP inference for image super-resolution", section 4.1. Not drawn at all where
    `deviation` is 0.

    Args:
        deviation: of the noise at the start, where pictures are in [-1, 1].
        updates: of the whole run.
    """

    def __init__(self, deviation: float, updates: int, seed: int) -> None:
        self.deviation, self.updates = deviation, updates
        self.draws = Draws(seed)
        self.done = 0
        self.now = deviation

    def advance(self) -> None:
        """Once an update, before it."""
        self.now = self.deviation * max(0.0, 1 - self.done / self.updates)
        self.done += 1

    def __call__(self, pictures: Tensor) -> Tensor:
        return pictures + self.now * self.draws.normal(pictures) if self.now > 0 else pictures

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"done": self.done, **self.draws.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.done = state["done"]
        self.draws.load_state(state)


def squared_slopes(discriminator: nn.Module, pictures: Tensor) -> Tensor:
    """Squared length of the gradient of each picture's verdict, [B] float32, to be differentiated again.

    A picture's verdict is the mean of its patches', summed over scales. `forward`, as what torch.compile makes has no
    second derivative.
    """
    pictures = pictures.detach().requires_grad_(True)
    with torch.autocast(pictures.device.type, enabled=False):
        found: Verdicts = discriminator.forward(pictures)
        scales = [found] if isinstance(found, Tensor) else found
        verdicts = torch.stack([scale.flatten(1).mean(1) for scale in scales]).sum()
        (slope,) = torch.autograd.grad(verdicts, pictures, create_graph=True)
    squares: Tensor = slope.square().sum((1, 2, 3))
    return squares


def slope_towards_one(discriminator: nn.Module, real: Tensor, fake: Tensor, place: Tensor) -> Tensor:
    """Squared distance of the critic's slope from 1 between real and fake pictures (Gulrajani et al. 2017, eq. 3).

    Args:
        place: where between them, [B, 1, 1, 1]: 1 is the real picture, 0 the fake one.
    """
    between = place * real.detach() + (1 - place) * fake.detach()
    length = (squared_slopes(discriminator, between) + 1e-12).sqrt()  # a slope of 0 has no direction to grow in
    return (length - 1).square().mean()


class SlopePenalty:
    """R1: the squared slope of a discriminator at real pictures (Mescheder et al. 2018, eq. 9).

    γ / 2 of it, a picture's verdict being the mean of its patches'; lazily, as in Karras et al. 2020 (StyleGAN2,
    section 3.1): in every `every`-th update only, and then that many times.
    """

    def __init__(self, weight: float, every: int) -> None:
        self.weight, self.every = weight, every
        self.updates = 0

    def due(self) -> bool:
        """Once an update: whether this is one of those with the penalty."""
        self.updates += 1
        return self.weight > 0 and self.updates % self.every == 0

    def __call__(self, discriminator: nn.Module, real: Tensor) -> Tensor:
        """Scalar, float32."""
        return self.weight / 2 * self.every * squared_slopes(discriminator, real).mean()

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"updates": self.updates}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.updates = state["updates"]
