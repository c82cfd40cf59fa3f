"""Sliced Wasserstein distance: how far apart two piles of pictures are, without any network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.errors import DataError

SIDE = 7
"""Of a patch, in pixels."""
SMALLEST = 16
"""Side of the coarsest level, in pixels."""
PROJECTIONS = 512
KERNEL = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


def sliced_wasserstein(real: Tensor, fake: Tensor, patches: int = 128, seed: int = 0) -> dict[int, float]:
    """Sliced Wasserstein distance between two piles of images, per pyramid level (Karras et al. 2018, sec. 5).

    Each level of a Laplacian pyramid gives 7 x 7 patches, their channels normalized over the pile; the distance is
    the mean over random directions of that between the sorted projections.

    Args:
        real, fake: [N, 3, H, W] float; N may differ, H and W may not; sides of at least 16 pixels.
        patches: drawn from each image at each level.
        seed: of the places and directions; the same for both piles.
    Returns:
        Level (its shorter side in pixels) -> distance times 1e3. Lower is closer; 0 for identical piles.
    Raises:
        DataError: fewer than 2 images on either side, or other sizes.
    """
    if min(len(real), len(fake)) < 2:
        raise DataError(f"a distance of piles needs 2 pictures or more on each side, not {len(real)} and {len(fake)}.")
    if real.shape[1:] != fake.shape[1:] or min(real.shape[2:]) < SMALLEST:
        raise DataError(f"pictures of {tuple(real.shape[1:])} and {tuple(fake.shape[1:])}: sizes must be equal.")
    distances: dict[int, float] = {}
    for level, (one, other) in enumerate(zip(pyramid(real), pyramid(fake), strict=True)):
        drawn = [_patches(pile, patches, seed + level) for pile in (one, other)]
        random = torch.Generator().manual_seed(seed + level)
        directions = torch.randn(drawn[0][0].numel(), PROJECTIONS, generator=random)
        directions /= directions.norm(dim=0)
        a, b = ((_normalized(part) @ directions).sort(dim=0).values for part in drawn)
        if len(a) != len(b):  # quantiles of the smaller pile
            a, b = (F.interpolate(p.T[None], size=min(len(a), len(b)), mode="linear")[0].T for p in (a, b))
        distances[min(one.shape[2:])] = float((a - b).abs().mean() * 1e3)
    return distances


def pyramid(images: Tensor) -> list[Tensor]:
    """Laplacian pyramid (Burt & Adelson 1983), finest level first; the last is what remains."""
    levels = []
    while min(images.shape[2:]) >= 2 * SMALLEST:
        smaller = _blur(images)[:, :, ::2, ::2]
        raised = torch.zeros_like(images)
        raised[:, :, ::2, ::2] = smaller
        levels.append(images - 4 * _blur(raised))
        images = smaller
    return [*levels, images]


def _blur(images: Tensor) -> Tensor:
    channels = images.shape[1]
    kernel = (KERNEL[:, None] * KERNEL).expand(channels, 1, 5, 5).to(images)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)


def _patches(images: Tensor, count: int, seed: int) -> Tensor:
    """[N, C, H, W] -> [N * count, C * 7 * 7], at places that depend on the seed and the image's number alone."""
    _, channels, height, width = images.shape
    found = []
    for number, image in enumerate(images):
        random = torch.Generator().manual_seed(seed * 1_000_003 + number)
        y = torch.randint(height - SIDE + 1, (count, 1, 1), generator=random) + torch.arange(SIDE)[None, :, None]
        x = torch.randint(width - SIDE + 1, (count, 1, 1), generator=random) + torch.arange(SIDE)[None, None, :]
        found.append(image[:, y, x].transpose(0, 1).reshape(count, channels, -1))
    return torch.cat(found)


def _normalized(patches: Tensor) -> Tensor:
    """Each channel to mean 0 and variance 1 over the pile; [M, C, 49] -> [M, C * 49]."""
    mean = patches.mean(dim=(0, 2), keepdim=True)
    deviation = patches.std(dim=(0, 2), keepdim=True)
    return ((patches - mean) / deviation.clamp_min(1e-8)).flatten(1)
