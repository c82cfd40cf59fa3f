"""SRGAN's discriminator: one verdict for a whole crop, from a stack in the manner of VGG."""

from __future__ import annotations

from torch import Tensor, nn

from models.errors import ConfigError


class VGGDiscriminator(nn.Module):
    """SRGAN discriminator (Ledig et al. 2017, figure 4).

    For crops of `size` pixels. Each stage is conv3 s1 and conv `kernel` s2, both followed by BatchNorm
    (except the very first conv) and LeakyReLU 0.2; widths double up to 512; stages go on until the side is
    below 8. Then two dense layers. Defaults are BasicSR's VGG128: 4 x 4 strided kernels, 100 dense units,
    14,499,401 parameters at 128 pixels. The paper's own is size 96, kernel 3, dense 1024. Initialisation:
    PyTorch's own, as published.

    Shapes: [B, C, size, size] -> [B, 1] logits; no other size fits. Size rule: 8 or more, and 4, 5, 6 or 7
    times a power of two.
    """

    def __init__(self, channels: int = 3, width: int = 64, size: int = 128, kernel: int = 4, dense: int = 100) -> None:
        super().__init__()
        stages = max(size.bit_length() - 3, 0)  # halvings until the side is 4 to 7
        side = size >> stages
        if stages == 0 or side << stages != size:
            raise ConfigError(
                f"no VGG discriminator fits crops of {size} pixels: the side must be 8 or more and 4, 5, 6 "
                f"or 7 times a power of two (32, 48, 64, 96, 128 ...)."
            )
        if kernel not in (3, 4):
            raise ConfigError(f"the strided kernels of the VGG discriminator are 3 or 4 pixels wide, not {kernel}.")
        self.stages = nn.Sequential()
        before = channels
        for stage in range(stages):
            after = width * min(2**stage, 8)
            self.stages.append(nn.Conv2d(before, after, 3, padding=1, bias=stage == 0))
            if stage > 0:
                self.stages.append(nn.BatchNorm2d(after))
            self.stages.append(nn.LeakyReLU(0.2))
            self.stages.append(nn.Conv2d(after, after, kernel, stride=2, padding=1, bias=False))
            self.stages.append(nn.BatchNorm2d(after))
            self.stages.append(nn.LeakyReLU(0.2))
            before = after
        self.verdict = nn.Sequential(
            nn.Flatten(), nn.Linear(before * side**2, dense), nn.LeakyReLU(0.2), nn.Linear(dense, 1)
        )
        self.channels, self.size = channels, size

    def forward(self, image: Tensor) -> Tensor:
        return self.verdict(self.stages(image))
