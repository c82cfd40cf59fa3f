"""Losses that more than one method uses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def full(values: Tensor) -> Tensor:
    """At least float32: what autocast made smaller is widened, float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def kept(result: Tensor, picture: Tensor, pixels: int, knee: float = 0.0) -> Tensor:
    """Mean distance of the mean colours of squares (self-regularization with a feature transform, Shrivastava et al.
    2017, eq. 4). Both [B, C, H, W]; what is left over at the right and lower edge is not looked at.

    Args:
        knee: above 0, d / (d + knee) is taken in place of each distance d, so that distances well above count alike.
    """
    distances = F.avg_pool2d(full(result) - full(picture), pixels).abs()
    return (distances / (distances + knee) if knee else distances).mean()


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
