"""Discriminators that judge patches: PatchGAN, several of it on smaller and smaller pictures, its one-pixel limit."""

from __future__ import annotations

from torch import Tensor, nn

from models.errors import ConfigError
from models.layers import Norm, norm_layer, normal_init, normalization_of
from models.receptive import conv, reach


class PatchDiscriminator(nn.Module):
    """PatchGAN (Isola et al. 2017, appendix 6.1.2).

    One verdict for each overlapping patch: C64, then C128, C256, C512, ... with stride 2 for `layers` in all,
    one more with stride 1, conv to one channel; kernels of 4 x 4, LeakyReLU 0.2, no norm after the first.
    `layers` 1, 3, 5 judge patches of 16, 70, 286 pixels a side (`field`). Biases where no BatchNorm follows.
    Initialisation: N(0, 0.02).

    Shapes: [B, C, H, W] in [-1, 1] -> [B, 1, h, w] logits; 256 -> 30 with three layers. Pix2Pix concatenates
    input and result (C = 6). 2,764,737 parameters with 3 channels and InstanceNorm, 2,768,705 with 6 and
    BatchNorm.
    """

    def __init__(self, channels: int = 3, width: int = 64, layers: int = 3, norm: Norm = "instance") -> None:
        super().__init__()
        if not 1 <= layers <= 5:
            raise ConfigError(f"a PatchGAN has 1 to 5 layers, not {layers}.")
        normalization_of(norm)
        widths = [width * min(2**level, 8) for level in range(layers + 1)]
        strides = [2] * (layers - 1) + [1]

        self.judge = nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
        for before, after, stride in zip(widths, widths[1:], strides, strict=False):
            self.judge.append(nn.Conv2d(before, after, 4, stride, padding=1, bias=norm != "batch"))
            self.judge.append(norm_layer(norm, after))
            self.judge.append(nn.LeakyReLU(0.2))
        self.judge.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        normal_init(self)

        first, last = reach([conv(4, stride, padding=1) for stride in (2, *strides, 1)], 0)
        self.channels, self.field = channels, last - first + 1

    def forward(self, image: Tensor) -> Tensor:
        return self.judge(image)

    def layers(self, image: Tensor) -> list[list[Tensor]]:
        """What each stage sees, [B, width, h, w], and last the verdicts: one list, as for one scale."""
        seen = []
        for layer in self.judge:
            image = layer(image)
            if isinstance(layer, nn.LeakyReLU):
                seen.append(image)
        return [[*seen, image]]


class MultiScaleDiscriminator(nn.Module):
    """pix2pixHD discriminator (Wang et al. 2018, "High-Resolution Image Synthesis", section 3.2).

    `scales` PatchGANs of the same form, each for pictures half as large as the one before (means of 3 x 3 pixels):
    the last one sees how the whole hangs together, the first one its detail.

    Shapes: [B, C, H, W] in [-1, 1] -> [B, 1, h, w] logits of each scale, as a list, the largest first.
    """

    def __init__(
        self, channels: int = 3, width: int = 64, layers: int = 3, scales: int = 3, norm: Norm = "instance"
    ) -> None:
        super().__init__()
        if not 1 <= scales <= 5:
            raise ConfigError(f"a multi-scale PatchGAN has 1 to 5 scales, not {scales}.")
        self.judges = nn.ModuleList(PatchDiscriminator(channels, width, layers, norm) for _ in range(scales))
        self.shrink = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.channels = channels

    def forward(self, image: Tensor) -> list[Tensor]:
        verdicts = []
        for number, judge in enumerate(self.judges):
            image = self.shrink(image) if number else image
            verdicts.append(judge(image))
        return verdicts

    def layers(self, image: Tensor) -> list[list[Tensor]]:
        """What the stages of each scale see, and last its verdicts."""
        seen = []
        for number, judge in enumerate(self.judges):
            image = self.shrink(image) if number else image
            seen += judge.layers(image)  # type: ignore[operator]
        return seen


class PixelDiscriminator(nn.Module):
    """PixelGAN (Isola et al. 2017, appendix 6.1.2).

    One verdict for each pixel, which improves colour only. C64-C128 and a conv to one channel, all 1 x 1.
    Biases where no BatchNorm is, as published also in the last layer. Initialisation: N(0, 0.02).

    Shapes: [B, C, H, W] in [-1, 1] -> [B, 1, H, W] logits.
    """

    def __init__(self, channels: int = 3, width: int = 64, norm: Norm = "instance") -> None:
        super().__init__()
        normalization_of(norm)
        bias = norm != "batch"
        self.judge = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 1, bias=bias),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 1, bias=bias),
        )
        normal_init(self)
        self.channels, self.field = channels, 1

    def forward(self, image: Tensor) -> Tensor:
        return self.judge(image)
