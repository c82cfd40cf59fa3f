"""The generator of Pix2Pix: an encoder, and a decoder that also sees the encoder's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.errors import ConfigError
from models.layers import Generator, Norm, norm_layer, normal_init, normalization_of
from models.receptive import conv, receptive_radius, transposed


class UNetGenerator(Generator):
    """U-Net of Pix2Pix (Isola et al. 2017, appendix 6.1.1).

    `depth` halvings: encoder C64-C128-C256-C512-C512-..., LeakyReLU 0.2; decoder
    CD512-...-C512-C256-C128-C64, ReLU, each joined with the encoder's features of its size; 4 x 4 kernels,
    stride 2. No norm after the first convolution, nor after the innermost: at 1 x 1 there is nothing to
    normalise over. `dropout`, the paper's only source of chance, drops half of each 512 in the decoder but
    the innermost and the last, as the authors' PyTorch code has it. Biases where no BatchNorm is.
    Initialisation: N(0, 0.02).

    Shapes: [B, C, H, W] -> [B, C, H, W]; H and W multiples of 2^depth; values in [-1, 1].
    54,413,955 parameters at depth 8 (unet_256), 41,828,995 at depth 7 (unet_128).
    """

    def __init__(
        self, channels: int = 3, width: int = 64, depth: int = 8, norm: Norm = "batch", dropout: bool = True
    ) -> None:
        super().__init__()
        if not 2 <= depth <= 10:
            raise ConfigError(f"a U-Net has a depth of 2 to 10 halvings, not {depth}.")
        self.channels, self.scale, self.multiple, self.minimum = channels, 1, 2**depth, 2**depth
        self.normalization = normalization_of(norm)
        deepest = [*[conv(4, 2, padding=1)] * depth, *[transposed(4, 2, padding=1)] * depth]
        self.radius = receptive_radius(deepest, multiple=self.multiple)

        bias = norm != "batch"
        widths = [width * min(2**level, 8) for level in range(depth)]
        self.down = nn.ModuleList([nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=bias)])
        for level in range(1, depth):
            after = widths[level]
            self.down.append(
                nn.Sequential(
                    nn.LeakyReLU(0.2),
                    nn.Conv2d(widths[level - 1], after, 4, stride=2, padding=1, bias=bias),
                    nn.Identity() if level == depth - 1 else norm_layer(norm, after),
                )
            )
        self.up = nn.ModuleList()
        for level in range(depth - 1, 0, -1):
            before = widths[level] if level == depth - 1 else 2 * widths[level]
            after = widths[level - 1]
            self.up.append(
                nn.Sequential(
                    nn.ReLU(),
                    nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias),
                    norm_layer(norm, after),
                    nn.Dropout(0.5) if dropout and 4 <= level < depth - 1 else nn.Identity(),
                )
            )
        self.to_image = nn.Sequential(
            nn.ReLU(), nn.ConvTranspose2d(2 * width, channels, 4, stride=2, padding=1), nn.Tanh()
        )
        normal_init(self)

    def forward(self, image: Tensor) -> Tensor:
        features, skips = image, []
        for down in self.down:
            features = down(features)
            skips.append(features)
        features = skips.pop()
        for up in self.up:
            features = torch.cat([skips.pop(), up(features)], dim=1)
        return self.to_image(features)
