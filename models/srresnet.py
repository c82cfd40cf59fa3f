"""Residual super-resolution: SRGAN's generator, and its followers' variant without BatchNorm."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Generator, msra_init, shuffle_factors, shuffle_up
from models.receptive import bilinear, conv, enlarge, receptive_radius


class NormalizedBlock(nn.Module):
    """k3n64s1, BN, PReLU, k3n64s1, BN, elementwise sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
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
    """

    def __init__(self, channels: int = 3, width: int = 64, blocks: int = 16, scale: int = 4) -> None:
        super().__init__()
        factors = shuffle_factors(scale)
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(NormalizedBlock(width) for _ in range(blocks)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        self.up = nn.Sequential(*(shuffle_up(width, factor, nn.PReLU()) for factor in factors))
        self.to_image = nn.Conv2d(width, channels, 9, padding=4)
        msra_init(self, gain=1.0)
        msra_init(self.to_image, gain=0.1)

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, 1, 1
        self.normalization = "fixed"
        shuffles = [step for factor in factors for step in (conv(3), enlarge(factor))]
        path = [conv(9), *[conv(3)] * (2 * blocks + 1), *shuffles, conv(9)]
        self.radius = receptive_radius(path, scale=scale)

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(image)
        return self.to_image(self.up(features + self.body(features)))


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
    """

    def __init__(self, channels: int = 3, width: int = 64, blocks: int = 16, scale: int = 4) -> None:
        super().__init__()
        factors = shuffle_factors(scale)
        self.head = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.1))
        self.body = nn.Sequential(*(PlainBlock(width) for _ in range(blocks)))
        self.up = nn.Sequential(*(shuffle_up(width, factor, nn.LeakyReLU(0.1)) for factor in factors))
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
