"""Small pictures from large ones on the training device, damaged on the way as a list in the settings says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from kornia.enhance import jpeg_codec_differentiable
from kornia.filters import filter2d
from torch import Tensor

from translate.training.draws import Draws
from translate.training.memory_format import in_format_of
from translate.training.settings_damage import Damage, parse_damage

RADIUS = 10
"""Of blur kernels, in pixels: 21 across, as Real-ESRGAN's (Wang et al. 2021)."""
ROUNDS = 4
"""Of k-means for a palette."""
BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""Thresholds of ordered dithering, of 16."""


@dataclass(frozen=True)
class Filter:
    """A resampling kernel: its weight by distance, which is 0 from `support` on, in pixels of the smaller picture."""

    support: float
    weight: Callable[[Tensor], Tensor]


def _box(x: Tensor) -> Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x)


def _bicubic(x: Tensor, a: float = -0.5) -> Tensor:
    x = x.abs()
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0.0)


FILTERS = {"box": Filter(0.5, _box), "bicubic": Filter(2.0, _bicubic), "lanczos": Filter(3.0, _lanczos)}
"""As Pillow has them; nearest takes a pixel each."""


class Degrader:
    """High resolution -> low resolution, by the entries of a list in turn, of strengths drawn for each picture.

    A size is drawn for the whole batch, for its pictures must stay of one size. What is left of another size than the
    small one is brought to it at the end, and rounded to 8 bits as in a file.

    Args:
        damages: as `SRGANConfig.degradations` has them.
        kernels: for shrinking and resizing, and how often each is drawn.
        dither: chance that a palette is dithered.
        scale: large side / small side.
        parts: that a batch is computed in afterwards.
    """

    def __init__(
        self, damages: tuple[str, ...], kernels: dict[str, float], dither: float, scale: int, seed: int, parts: int = 1
    ) -> None:
        self.damages = [parse_damage(text) for text in damages]
        self.kernels, self.dither, self.scale = kernels, dither, scale
        self.draws = Draws(seed, parts)

    @torch.no_grad()
    def __call__(self, high: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 3, H / scale, W / scale], both in [-1, 1], float32."""
        small = (high.shape[2] // self.scale, high.shape[3] // self.scale)
        with torch.autocast(high.device.type, enabled=False):
            pictures = (high.float() + 1) / 2
            for damage in self.damages:
                pictures = self.resized(pictures, small) if damage.name == "shrink" else self.damaged(pictures, damage)
            if pictures.shape[2:] != small:
                pictures = self.resized(pictures, small)
            low = (pictures.clamp(0, 1) * 255).round() / 127.5 - 1
        return in_format_of(low, high)

    def damaged(self, pictures: Tensor, damage: Damage) -> Tensor:
        """Those of the batch that chance chooses, by a strength for each."""
        if damage.name == "resize":
            chance, factor = self.draws.common(), self.draws.common(damage.low, damage.high)
            return self.rescaled(pictures, factor) if chance < damage.chance else pictures
        chosen = self.draws.uniform(len(pictures)) < damage.chance
        strengths = self.draws.uniform(len(pictures), damage.low, damage.high)
        changes: dict[str, Callable[[], Tensor]] = {
            "blur": lambda: self.blurred(pictures, strengths, strengths),
            "uneven-blur": lambda: self.blurred(
                pictures, strengths, self.draws.uniform(len(pictures), damage.low, damage.high)
            ),
            "noise": lambda: pictures + across(strengths / 255, pictures) * self.draws.normal(pictures),
            "poisson": lambda: shot_noise(pictures, strengths, self.draws),
            "jpeg": lambda: jpeg_codec_differentiable(pictures.clamp(0, 1), strengths.round().to(pictures)),
            "palette": lambda: self.reduced(pictures, strengths),
        }
        return torch.where(across(chosen, pictures), changes[damage.name](), pictures)

    def resized(self, pictures: Tensor, size: tuple[int, int]) -> Tensor:
        """By a kernel that is drawn for the batch."""
        kernel = list(self.kernels)[self.draws.choice(list(self.kernels.values()))]
        return resample(pictures, size, kernel)

    def rescaled(self, pictures: Tensor, factor: float) -> Tensor:
        """To so many times its sides, 8 pixels at least."""
        height, width = (max(round(side * factor), 8) for side in pictures.shape[2:])
        return self.resized(pictures, (height, width))

    def blurred(self, pictures: Tensor, along: Tensor, sideways: Tensor) -> Tensor:
        """By Gaussians of these deviations in pixels, in a direction that is drawn."""
        kernels = gaussians(along, sideways, self.draws.uniform(len(pictures), 0, math.pi)).to(pictures)
        inside = min(RADIUS, *(side - 1 for side in pictures.shape[2:]))  # what reflection allows
        kernels = kernels[:, RADIUS - inside : RADIUS + inside + 1, RADIUS - inside : RADIUS + inside + 1]
        result: Tensor = filter2d(pictures, kernels, border_type="reflect", normalized=True)
        return result

    def reduced(self, pictures: Tensor, colors: Tensor) -> Tensor:
        """Each in so many colours of its own, some of them dithered."""
        dithered = self.draws.uniform(len(pictures)) < self.dither
        each = zip(pictures, colors.round().int().tolist(), dithered.tolist(), strict=True)
        return torch.stack([palette(picture, count, dither=dither) for picture, count, dither in each])

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return self.draws.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.draws.load_state(state)


def across(values: Tensor, pictures: Tensor) -> Tensor:
    """[B] -> [B, 1, 1, 1], where the pictures are."""
    return values.to(pictures.device, non_blocking=True).view(-1, 1, 1, 1)


def resample(pictures: Tensor, size: tuple[int, int], kernel: str) -> Tensor:
    """[B, C, H, W] -> [B, C, *size], as Pillow does it but without rounding: kernels widen where pictures shrink."""
    rows, columns = (
        _weights(before, after, kernel).to(pictures) for before, after in zip(pictures.shape[2:], size, strict=True)
    )
    return rows @ pictures @ columns.T


def _weights(before: int, after: int, kernel: str) -> Tensor:
    centers = (torch.arange(after, dtype=torch.float64) + 0.5) * before / after
    if kernel == "nearest":
        return torch.nn.functional.one_hot(centers.floor().long(), before).double()
    stretch = max(before / after, 1.0)
    places = torch.arange(before, dtype=torch.float64) + 0.5
    weights = FILTERS[kernel].weight((places - centers[:, None]) / stretch)
    return weights / weights.sum(1, keepdim=True)


def gaussians(along: Tensor, sideways: Tensor, angle: Tensor) -> Tensor:
    """Kernels of two deviations in pixels, [B] each, turned by an angle: [B, 21, 21]."""
    place = torch.arange(-RADIUS, RADIUS + 1.0)
    down, right = torch.meshgrid(place, place, indexing="ij")
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    one, other = (cos * right + sin * down) / along.view(-1, 1, 1), (cos * down - sin * right) / sideways.view(-1, 1, 1)
    kernels = (-(one.square() + other.square()) / 2).exp()
    return kernels / kernels.sum((1, 2), keepdim=True)


def shot_noise(pictures: Tensor, strengths: Tensor, draws: Draws) -> Tensor:
    """Poisson noise of light that is counted in 255 steps at strength 1, in fewer and coarser ones above."""
    steps = 255 / across(strengths, pictures).square()
    each = zip(pictures.clamp(0, 1) * steps, draws.generators(len(pictures), pictures.device), strict=True)
    return torch.stack([torch.poisson(light, generator=random) for light, random in each]) / steps


def palette(picture: Tensor, colors: int, *, dither: bool) -> Tensor:
    """[3, H, W] with at most that many colours, the picture's own (k-means from evenly spaced brightnesses).

    With `dither` the nearest colour is looked up after a fixed pattern of 4 x 4 is added, as strong as neighbouring
    colours are apart.
    """
    pixels = picture.flatten(1).T
    order = pixels.sum(1).argsort(stable=True)
    spaced = torch.linspace(0, len(order) - 1, colors, device=order.device).round().long()
    centers = pixels[order[spaced]]
    for _ in range(ROUNDS):
        nearest = torch.nn.functional.one_hot(torch.cdist(pixels, centers).argmin(1), colors).to(pixels)
        count = nearest.sum(0)[:, None]
        centers = torch.where(count > 0, nearest.T @ pixels / count.clamp_min(1), centers)
    if dither:
        height, width = picture.shape[1:]
        pattern = (torch.tensor(BAYER, device=picture.device, dtype=picture.dtype) + 0.5) / 16 - 0.5
        tiled = pattern.repeat(-(-height // 4), -(-width // 4))[:height, :width]
        apart = torch.cdist(centers, centers).fill_diagonal_(math.inf).amin(1).median() / math.sqrt(3)
        pixels = pixels + tiled.reshape(-1, 1) * apart
    chosen = centers[torch.cdist(pixels, centers).argmin(1)]
    return chosen.T.reshape(picture.shape)
