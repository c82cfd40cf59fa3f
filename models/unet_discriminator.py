"""Real-ESRGAN's discriminator: a verdict for each pixel that knows the neighbourhood."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


def sn_conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias under spectral norm (Miyato et al. 2018); LeakyReLU 0.2."""
    layer = nn.Conv2d(before, after, kernel, stride, padding=1, bias=False)
    return nn.Sequential(spectral_norm(layer), nn.LeakyReLU(0.2))


class UNetDiscriminator(nn.Module):
    """Real-ESRGAN discriminator (Wang et al. 2021, figure 6).

    U-Net of three halvings with spectral norm. conv3-64; 4 x 4 stride 2 to 128, 256, 512; three times
    (bilinear x2, conv3, sum with the features of that size); conv3-64 twice; conv3-1. Initialisation:
    PyTorch's own, as published.

    Shapes: [B, C, H, W] -> [B, 1, H, W] logits; H and W multiples of 8. 4,376,897 parameters.
    """

    def __init__(self, channels: int = 3, width: int = 64) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2))
        self.down = nn.ModuleList(sn_conv(width * 2**n, width * 2 ** (n + 1), 4, 2) for n in range(3))
        self.up = nn.ModuleList(sn_conv(width * 2 ** (n + 1), width * 2**n) for n in (2, 1, 0))
        self.judge = nn.Sequential(sn_conv(width, width), sn_conv(width, width), nn.Conv2d(width, 1, 3, padding=1))
        self.channels, self.multiple = channels, 8

    def forward(self, image: Tensor) -> Tensor:
        features = self.head(image)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(features)
        for up in self.up:
            larger = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            features = up(larger) + skips.pop()
        return self.judge(features)
