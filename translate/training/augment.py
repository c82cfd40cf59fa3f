"""What helps a discriminator that sees few pictures: differentiable augmentation, and a penalty on its slope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.training import processes


class DiffAugment:
    """Changes each picture at random before it is judged, real and fake alike, and lets gradients through.

    Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", in their strengths. Pictures are
    [B, C, H, W] in [-1, 1]; what is moved or cut out leaves grey. The draws are made on the CPU with a random state of
    their own, which is part of `state`: every device draws the same, and without kinds nothing is drawn. Several
    processes draw for the whole batch and take their parts.
    """

    def __init__(self, kinds: Sequence[str], seed: int) -> None:
        self.kinds = list(kinds)
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, pictures: Tensor) -> Tensor:
        for kind in self.kinds:
            pictures = {"color": self.color, "translation": self.translation, "cutout": self.cutout}[kind](pictures)
        return pictures.contiguous(memory_format=torch.channels_last) if self.kinds else pictures

    def uniform(self, pictures: Tensor, low: float, high: float) -> Tensor:
        """A number for each picture, [B, 1, 1, 1]."""
        drawn = torch.rand(len(pictures) * processes.count(), 1, 1, 1, generator=self.random) * (high - low) + low
        return processes.mine(drawn).to(pictures, non_blocking=True)

    def color(self, pictures: Tensor) -> Tensor:
        """Brightness by up to a quarter of the range, saturation by 0 to 2, contrast by 0.5 to 1.5."""
        pictures = pictures + self.uniform(pictures, -0.5, 0.5)
        grey = pictures.mean(1, keepdim=True)
        pictures = grey + (pictures - grey) * self.uniform(pictures, 0.0, 2.0)
        mean = pictures.mean((1, 2, 3), keepdim=True)
        return mean + (pictures - mean) * self.uniform(pictures, 0.5, 1.5)

    def translation(self, pictures: Tensor) -> Tensor:
        """Moved by up to an eighth of each side."""
        down, right = (self.whole(len(pictures), -(side // 8), side // 8) for side in pictures.shape[2:])
        moved = [F.pad(p, (x, -x, y, -y)) for p, x, y in zip(pictures, right, down, strict=True)]
        return torch.stack(moved)

    def cutout(self, pictures: Tensor) -> Tensor:
        """A rectangle of half of each side, its middle anywhere in the picture."""
        inside = [self.strip(len(pictures), side) for side in pictures.shape[2:]]
        keep = ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])
        return pictures * keep.to(pictures, non_blocking=True)

    def strip(self, count: int, side: int) -> Tensor:
        """Which positions of a side are cut out: [count, side]."""
        start = torch.tensor(self.whole(count, 0, side - 1))[:, None] - side // 4
        positions = torch.arange(side)
        return (positions >= start) & (positions < start + side // 2)

    def whole(self, count: int, low: int, high: int) -> list[int]:
        """Numbers from low to high."""
        drawn = torch.randint(low, high + 1, (count * processes.count(),), generator=self.random)
        return [int(number) for number in processes.mine(drawn)]

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"random": self.random.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.random.set_state(state["random"])


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
        """Scalar, float32. `forward`, as what torch.compile makes has no second derivative."""
        real = real.detach().requires_grad_(True)
        with torch.autocast(real.device.type, enabled=False):
            verdicts = discriminator.forward(real).flatten(1).mean(1)
            (slope,) = torch.autograd.grad(verdicts.sum(), real, create_graph=True)
        penalty: Tensor = slope.square().sum((1, 2, 3)).mean()
        return self.weight / 2 * self.every * penalty

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"updates": self.updates}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.updates = state["updates"]
