"""Losses that more than one method uses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import TrainingError


def full(values: Tensor) -> Tensor:
    """At least float32: what autocast made smaller is widened, float64 stays."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def vanilla(logits: Tensor, *, real: bool) -> Tensor:
    """Cross-entropy of real against fake, on logits (Goodfellow et al. 2014; for the generator non-saturating)."""
    logits = full(logits)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def least_squares(scores: Tensor, *, real: bool) -> Tensor:
    """Squared distance of the scores to 1 (real) or 0 (fake) (Mao et al. 2017)."""
    scores = full(scores)
    return F.mse_loss(scores, torch.full_like(scores, float(real)))


def belief(logits: Tensor) -> Tensor:
    """Mean probability of being real that logits stand for."""
    return full(logits.detach()).sigmoid().mean()


def mean_score(scores: Tensor) -> Tensor:
    """Mean of least-squares scores, whose aims are 1 for real and 0 for fake."""
    return full(scores.detach()).mean()


def kept(result: Tensor, picture: Tensor, pixels: int) -> Tensor:
    """Mean distance of the mean colours of squares (self-regularization with a feature transform, Shrivastava et al.
    2017, eq. 4). Both [B, C, H, W]; what is left over at the right and lower edge is not looked at."""
    return F.avg_pool2d(full(result - picture), pixels).abs().mean()


def peak_signal_to_noise(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB over [B, C, H, W] in [-1, 1], rounded to 8 bits as files are: one value per picture, [B]."""
    a, b = (((x.float().clamp(-1, 1) + 1) * 127.5).round() for x in (result, target))
    return 10 * torch.log10(255**2 / (a - b).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


class VGG54(nn.Module):
    """Features of VGG-19 after its fifth block's fourth convolution and ReLU (Ledig et al. 2017, eq. 5).

    [B, 3, H, W] in [-1, 1] -> [B, 512, H / 16, W / 16]. ImageNet weights are fetched by torchvision at first use.

    Raises:
        TrainingError: the weights are not in torchvision's cache and cannot be fetched.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import VGG19_Weights, vgg19

        try:
            features = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
        except OSError as error:
            raise TrainingError(
                f"cannot fetch the VGG-19 weights for the perceptual loss ({error}). Connect once so that "
                "torchvision can keep them, or train with --perceptual-weight 0."
            ) from None
        self.features = features[:36].eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.features(((image + 1) / 2 - self.mean) / self.std)
        return features
