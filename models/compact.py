"""Real-ESRGAN's compact network: a plain stack of convolutions, fast and small."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Generator
from models.receptive import conv, enlarge, receptive_radius


class CompactGenerator(Generator):
    """SRVGGNetCompact of Real-ESRGAN (Wang et al. 2021).

    conv3-64, (PReLU, conv3-64) x convs, PReLU, conv3 to scale² x channels, pixel shuffle; plus the input,
    nearest. PReLU has a slope for each channel. Initialisation: PyTorch's own, as published.

    Shapes: [B, C, H, W] -> [B, C, scale * H, scale * W], any size. No normalization. Radius: convs + 2.
    621,424 parameters with 64 channels, 16 convs, x4.
    """

    def __init__(self, channels: int = 3, width: int = 64, convs: int = 16, scale: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width))
        for _ in range(convs):
            self.body.append(nn.Conv2d(width, width, 3, padding=1))
            self.body.append(nn.PReLU(width))
        self.to_image = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, 1, 1
        self.normalization = "none"
        self.radius = receptive_radius([*[conv(3)] * (convs + 2), enlarge(scale)], scale=scale)

    def forward(self, image: Tensor) -> Tensor:
        nearest = F.interpolate(image, scale_factor=float(self.scale), mode="nearest")
        return self.to_image(self.body(image)) + nearest
