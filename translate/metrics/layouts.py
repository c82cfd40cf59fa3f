"""Feature networks that torchvision does not have, in the layouts in which their weights are published."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Stem(nn.Module):
    """VGG-19 (Simonyan and Zisserman 2015) up to relu3_1, as style transfer by whitening uses it (Li et al. 2017).

    The weights are scaled so that channels have a mean of 1; a 1 x 1 convolution in front takes [0, 1], and edges are
    reflected. Shapes: [B, 3, H, W] -> [B, 256, H / 4, W / 4].
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 3, 1))
        for before, after, halve in ((3, 64, False), (64, 64, True), (64, 128, False), (128, 128, True)):
            self.features += padded(before, after)
            if halve:
                self.features.append(nn.MaxPool2d(2))
        self.features += padded(128, 256)


def padded(before: int, after: int) -> nn.Sequential:
    """conv3 with reflected edges, ReLU."""
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(before, after, 3), nn.ReLU())


class SameConv(nn.Conv2d):
    """Without bias, padded as TensorFlow's SAME: ceil(side / stride) results, the odd pixel right and below."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        lacking = []
        for side, kernel, stride in zip(input.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            lacking += [total // 2, total - total // 2]
        return super().forward(F.pad(input, lacking))


def normalised(conv: SameConv, active: bool = True) -> nn.Sequential:
    """conv, BN, ReLU6 if `active`."""
    layers = nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels, eps=1e-3))
    return layers.append(nn.ReLU6()) if active else layers


class InvertedBlock(nn.Module):
    """Widen, look at each channel by itself, narrow; the sum with the input where shapes allow (MBConv)."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        width = before * widen
        self.branch = nn.Sequential(
            *([normalised(SameConv(before, width, 1))] if widen > 1 else []),
            normalised(SameConv(width, width, kernel, stride, groups=width)),
            normalised(SameConv(width, after, 1), active=False),
        )
        self.adds = stride == 1 and before == after

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.branch(features)
        return features + result if self.adds else result


class EfficientNetLite(nn.Module):
    """EfficientNet (Tan and Le 2019) without squeeze-and-excitation and with ReLU6, as published for small devices.

    `features`: the stem, the blocks, the last 1 x 1 convolution. Shapes: [B, 3, H, W] -> [B, 1280, H / 32, W / 32].

    Args:
        number: which of the family: 0 has B0's 16 blocks, 1 has 21, and 2 as many that are a tenth wider.
    """

    STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
    """Kernel, stride of the first block, widening."""
    BLOCKS = ((1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1), (1, 3, 3, 4, 4, 5, 1))
    WIDTHS = ((16, 24, 40, 80, 112, 192, 320), (16, 24, 40, 80, 112, 192, 320), (16, 24, 48, 88, 120, 208, 352))

    def __init__(self, number: int = 0) -> None:
        super().__init__()
        self.features = nn.Sequential(normalised(SameConv(3, 32, 3, 2)))
        before = 32
        stages = zip(self.STAGES, self.BLOCKS[number], self.WIDTHS[number], strict=True)
        for (kernel, stride, widen), blocks, after in stages:
            for place in range(blocks):
                self.features.append(InvertedBlock(before, after, kernel, 1 if place else stride, widen))
                before = after
        self.features.append(normalised(SameConv(before, 1280, 1)))
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores of ImageNet's classes, [B, 1000]."""
        scores: Tensor = self.classifier(self.features(pictures).mean(dim=(2, 3)))
        return scores
