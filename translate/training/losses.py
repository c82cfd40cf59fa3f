"""Losses that more than one method uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from translate.training.masks import unlike

if TYPE_CHECKING:
    from translate.training.unpaired_settings import UnpairedConfig

PERIOD = 4
"""Pixels, of the pattern that two doublings, or one enlargement by four, leave; it holds period 2, too."""
CELL = 32
"""Pixels, of the squares in which such a pattern is looked for."""
WINDOW = 16
"""The same for the loss: weaves that change from place to place are woven, too."""
STEEP = 0.03
"""Step between neighbours, 4 of 255, at which a picture is taken for an edge rather than for noise."""
EDGES_WINDOW = 64
"""The same for the strength of edges, which has one sign wherever it is woven, and more noise."""


def full(values: Tensor) -> Tensor:
    """At least float32: what autocast made smaller is widened, float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def kept(result: Tensor, picture: Tensor, pixels: int, knee: float = 0.0, masks: Tensor | None = None) -> Tensor:
    """Mean distance of the mean colours of squares (self-regularization with a feature transform, Shrivastava et al.
    2017, eq. 4). Both [B, C, H, W]; what is left over at the right and lower edge is not looked at.

    Args:
        knee: above 0, d / (d + knee) is taken in place of each distance d, so that distances well above count alike.
        masks: [B, 1, H, W], from 1 where nothing is held to 0; [B, 0, H, W] if there are none.
    """
    apart = full(result) - full(picture)
    if masks is not None and masks.shape[1]:
        apart = apart * (1 - masks)
    distances = F.avg_pool2d(apart, pixels).abs()
    return (distances / (distances + knee) if knee else distances).mean()


def rough(result: Tensor, picture: Tensor) -> Tensor:
    """How steep the result is where the picture is even: mean step between neighbours, each counted e^(-s / 0.03) where
    the picture has a step of s (edge-aware smoothness, Heise et al. 2013, Godard et al. 2017). Both [B, C, H, W]."""
    steps = [
        (one.abs() * torch.exp(-other.abs().mean(1, keepdim=True) / STEEP)).mean()
        for one, other in zip(_steps(full(result)), _steps(full(picture)), strict=True)
    ]
    return torch.stack(steps).mean()


def woven(result: Tensor, picture: Tensor) -> Tensor:
    """How strong a pattern is that repeats every 4 pixels of the result and not of the picture, [B, C, H, W] both.

    The sum of how unevenly the difference (in squares of 16 pixels) and the strength of edges (of 64; mean over four
    directions) are spread over the 16 places of such a pattern. The first sees a pattern of one sign, the second one
    whose sign follows the picture.
    """
    result, picture = full(result), full(picture)
    edges = [
        uneven(one.abs() - other.abs(), EDGES_WINDOW)
        for one, other in zip(_edges(result), _edges(picture), strict=True)
    ]
    return uneven(result - picture, WINDOW) + torch.stack(edges).mean()


def uneven(values: Tensor, window: int) -> Tensor:
    """How unevenly values [B, C, H, W] are spread over places in squares of 4 x 4 pixels.

    In squares of `window` pixels (or what there is), every half of it, they are averaged over places that are 4 pixels
    apart: 16 means, one for each place. Mean distance of these from their own mean. Noise averages out to 4 / window;
    what is left over at the right and lower edge is not looked at.
    """
    phases = F.pixel_unshuffle(_whole(values, PERIOD), PERIOD)
    cell = min(window // PERIOD, *phases.shape[-2:])
    means = F.avg_pool2d(phases, cell, stride=max(cell // 2, 1))
    means = means.reshape(len(means), -1, PERIOD**2, *means.shape[-2:])
    return (means - means.mean(dim=2, keepdim=True)).abs().mean()


def held(
    config: UnpairedConfig, done: float, *translated: tuple[Tensor, Tensor, Tensor, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """What holds results to the pictures that they are of, without a target: --keep-weight, --smooth-weight,
    --grid-weight, --masks.

    `translated` are results, their pictures, the masks of these and those that were drawn ([B, 0, H, W] if there are
    none); `done` is the part of the run that is over. Returns the sum, and its parts without their weights; 0 and none
    if no weight is set.
    """
    total, found = translated[0][0].new_zeros(()), {}
    pairs = [(result, picture) for result, picture, *_ in translated]
    if config.keep_weight > 0:
        found["g_keep"] = _sum(
            kept(result, picture, config.keep_pixels, config.keep_knee, masks)
            for result, picture, masks, _ in translated
        )
        total = total + config.keep_weight * config.risen(done) * found["g_keep"]
    if config.smooth_weight > 0:
        found["g_smooth"] = _sum(rough(*pair) for pair in pairs)
        total = total + config.smooth_weight * found["g_smooth"]
    if config.grid_weight > 0:
        found["g_grid"] = _sum(woven(*pair) for pair in pairs)
        total = total + config.grid_weight * found["g_grid"]
    if all(masks.shape[1] and drawn.shape[1] for *_, masks, drawn in translated):
        found["g_mask"] = _sum(unlike(drawn, masks) for *_, masks, drawn in translated)
        total = total + config.mask_weight * found["g_mask"]
    return total, found


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """Distance of what a discriminator sees in its layers, but for the verdicts (Wang et al. 2018, pix2pixHD, eq. 4).

    Both are layers of each scale, [B, C, h, w] each. Means over each layer, summed over layers and scales; their code
    has the means of both. Gradients go to the fake ones.
    """
    pairs = [pair for f, r in zip(fake, real, strict=True) for pair in zip(f[:-1], r[:-1], strict=True)]
    return torch.stack([F.l1_loss(full(f), full(r.detach())) for f, r in pairs]).sum()


def peak_signal_to_noise(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB over [B, C, H, W] in [-1, 1], rounded to 8 bits as files are: one value per picture, [B]."""
    a, b = (((x.float().clamp(-1, 1) + 1) * 127.5).round() for x in (result, target))
    return 10 * torch.log10(255**2 / (a - b).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def _edges(pictures: Tensor) -> Iterable[Tensor]:
    """Differences of neighbours: side by side, one above the other, and along both diagonals."""
    above, below = pictures[..., :-1, :], pictures[..., 1:, :]
    yield from _steps(pictures)
    yield below[..., 1:] - above[..., :-1]
    yield below[..., :-1] - above[..., 1:]


def _steps(pictures: Tensor) -> Iterable[Tensor]:
    """Differences of neighbours: side by side, and one above the other."""
    yield pictures[..., 1:] - pictures[..., :-1]
    yield pictures[..., 1:, :] - pictures[..., :-1, :]


def _whole(pictures: Tensor, step: int) -> Tensor:
    return pictures[..., : pictures.shape[-2] // step * step, : pictures.shape[-1] // step * step]


def _sum(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum()
