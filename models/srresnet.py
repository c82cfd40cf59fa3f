"""Residual super-resolution: SRGAN's generator, and its followers' variant without BatchNorm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import ConfigError
from models.layers import Generator, Norm, msra_init, norm_layer, normalization_of, shuffle_factors, shuffle_up
from models.receptive import bilinear, conv, enlarge, receptive_radius


class Standardized(nn.Module):
    """[0, 1] to ImageNet's mean 0 and deviation 1, of red, green and blue."""

    def __init__(self) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation


class NormalizedBlock(nn.Module):
    """k3n64s1, BN, PReLU, k3n64s1, BN, elementwise sum."""

    def __init__(self, width: int, norm: Norm = "batch") -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            norm_layer(norm, width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            norm_layer(norm, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.branch(features)


class SRResNet(Generator):
    """SRGAN generator (Ledig et al. 2017, figure 4).

    k9n64, PReLU; B x residual block; k3n64, BN, sum with the first features; (k3n256, shuffle x2, PReLU) for
    each factor of 2; k9n3. Initialisation: He et al. 2015, a tenth of it in the last layer so that training
    starts from grey, not from noise of several times the range (the paper says nothing; BatchNorm undoes
    scale elsewhere).

    Shapes: [B, C, H, W] -> [B, C, scale * H, scale * W], any size. BatchNorm with running statistics.
    1,549,462 parameters at x4.

    Args:
        norm, after_body, output, imagenet: what published versions have in place of the paper's BatchNorm, BN after
            the last conv of the body ("prelu": no BN but PReLU), linear output ("tanh"), and unscaled input.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: int = 16,
        scale: int = 4,
        norm: Norm = "batch",
        after_body: str = "norm",
        output: str = "linear",
        imagenet: bool = False,
    ) -> None:
        super().__init__()
        if after_body not in ("norm", "prelu") or output not in ("linear", "tanh") or (imagenet and channels != 3):
            raise ConfigError("SRResNet has norm or prelu after its body, a linear or tanh output, and 3 channels.")
        factors = shuffle_factors(scale)
        self.standardize = Standardized() if imagenet else nn.Identity()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(NormalizedBlock(width, norm) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            norm_layer(norm, width) if after_body == "norm" else nn.PReLU(),
        )
        self.up = nn.Sequential(*(shuffle_up(width, factor, nn.PReLU()) for factor in factors))
        self.to_image = nn.Conv2d(width, channels, 9, padding=4)
        self.end = nn.Tanh() if output == "tanh" else nn.Identity()
        msra_init(self, gain=1.0)
        msra_init(self.to_image, gain=0.1)

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, 1, 1
        self.normalization = normalization_of(norm)
        shuffles = [step for factor in factors for step in (conv(3), enlarge(factor))]
        path = [conv(9), *[conv(3)] * (2 * blocks + 1), *shuffles, conv(9)]
        self.radius = receptive_radius(path, scale=scale)

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(self.standardize(image))
        return self.end(self.to_image(self.up(features + self.body(features))))


class PlainBlock(nn.Module):
    """conv3, ReLU, conv3, sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.branch(features)


class MSRResNet(Generator):
    """SRResNet without BatchNorm, as BasicSR trains it.

    Wang et al. 2018, section 3.1, found that BatchNorm brings artefacts to super-resolution.

    conv3-64; B x (conv3, ReLU, conv3, sum); (conv3, shuffle) for each step of 2; conv3-64; conv3-3; plus the
    input, bilinear. LeakyReLU 0.1 outside the blocks. Initialisation: He et al. 2015 times 0.1, as published.

    Shapes: [B, C, H, W] -> [B, C, scale * H, scale * W], any size. No normalization. 1,517,571 parameters at
    x4.

    Args:
        activated: LeakyReLU after each shuffle; mmagic's version has none there.
    """

    def __init__(
        self, channels: int = 3, width: int = 64, blocks: int = 16, scale: int = 4, activated: bool = True
    ) -> None:
        super().__init__()
        factors = shuffle_factors(scale)
        after = nn.LeakyReLU(0.1) if activated else nn.Identity()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.1))
        self.body = nn.Sequential(*(PlainBlock(width) for _ in range(blocks)))
        self.up = nn.Sequential(*(shuffle_up(width, factor, after) for factor in factors))
        self.to_image = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(width, channels, 3, padding=1)
        )
        msra_init(self, gain=0.1)

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, 1, 1
        self.normalization = "none"
        shuffles = [step for factor in factors for step in (conv(3), enlarge(factor))]
        path = [*[conv(3)] * (2 * blocks + 1), *shuffles, conv(3), conv(3)]
        self.radius = receptive_radius(path, [bilinear(scale)], scale=scale)

    def forward(self, image: Tensor) -> Tensor:
        detail = self.to_image(self.up(self.body(self.head(image))))
        skip = F.interpolate(image, scale_factor=float(self.scale), mode="bilinear", align_corners=False)
        return detail + skip
