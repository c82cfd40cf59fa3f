"""ESRGAN's generator: residual-in-residual dense blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.errors import ConfigError
from models.layers import Generator, msra_init
from models.receptive import Step, conv, enlarge, receptive_radius
from models.receptive import unshuffle as folded

RESIDUAL = 0.2
"""β of the paper: how much of each branch is added."""


class DenseBlock(nn.Module):
    """Five 3 x 3 convolutions, each of which sees all features before it; the last is added, times β."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width + seen * growth, growth, 3, padding=1), nn.LeakyReLU(0.2))
            for seen in range(4)
        )
        self.gather = nn.Conv2d(width + 4 * growth, width, 3, padding=1)
        msra_init(self, gain=0.1)

    def forward(self, features: Tensor) -> Tensor:
        seen = features
        for grow in self.grow:
            seen = torch.cat([seen, grow(seen)], dim=1)
        return features + RESIDUAL * self.gather(seen)


class RRDB(nn.Module):
    """Residual in residual: three dense blocks, added times β."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, features: Tensor) -> Tensor:
        return features + RESIDUAL * self.branch(features)


def nearest_up(width: int) -> nn.Sequential:
    """Nearest-neighbour enlargement by 2, then a convolution: no checkerboard."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2)
    )


class RRDBNet(Generator):
    """ESRGAN generator (Wang et al. 2018, section 3.1).

    conv3-64; RRDB x blocks, conv3-64, sum with the first features; twice (nearest x2, conv3-64, LeakyReLU
    0.2); conv3-64, LeakyReLU, conv3-3. The network enlarges 4 times: for scale 2 and 1 the picture
    first goes through pixel unshuffle, by 2 and 4 (Real-ESRGAN, Wang et al. 2021); scale 8 takes a third
    enlargement. Initialisation: dense blocks He et al. 2015 times 0.1, the rest PyTorch's own, as published.

    Shapes: [B, C, H, W] -> [B, C, scale * H, scale * W]; any size at scale 4 and 8, multiples of 2 at scale 2
    and of 4 at scale 1. No normalization. 16,697,987 parameters with 23 blocks at scale 4.

    Args:
        unshuffle: False makes scale 2 and 1 by fewer enlargements instead, as ESRGAN's users do; any size then.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: int = 23,
        growth: int = 32,
        scale: int = 4,
        unshuffle: bool = True,
    ) -> None:
        super().__init__()
        if scale not in (1, 2, 4, 8):
            raise ConfigError(f"scale {scale} cannot be built; RRDBNet has 1, 2, 4 or 8.")
        enlarged = max(scale, 4) if unshuffle else scale
        doublings, fold = enlarged.bit_length() - 1, enlarged // scale
        self.unshuffle = nn.PixelUnshuffle(fold) if fold > 1 else nn.Identity()
        self.head = nn.Conv2d(channels * fold**2, width, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)), nn.Conv2d(width, width, 3, padding=1))
        self.up = nn.Sequential(*(nearest_up(width) for _ in range(doublings)))
        self.to_image = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, channels, 3, padding=1)
        )

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, fold, fold
        self.normalization = "none"
        path: list[Step] = [folded(fold), *[conv(3)] * (15 * blocks + 2)]
        path += [*[enlarge(2), conv(3)] * doublings, conv(3), conv(3)]
        self.radius = receptive_radius(path, scale=scale, multiple=fold)

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(self.unshuffle(image))
        return self.to_image(self.up(features + self.body(features)))
