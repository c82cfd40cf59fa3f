"""Real-ESRGAN's compact network: a plain stack of convolutions, fast and small."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Generator
from models.receptive import conv, enlarge, receptive_radius

FLAT = 2 * 2 / 255
"""Difference in 3 x 3 pixels, of a range of 2, from which on they are as uneven as any: two levels of 255."""


def unevenness(image: Tensor) -> Tensor:
    """How far 3 x 3 pixels are from one colour: [B, C, H, W] in [-1, 1] -> [B, 1, H, W], from 0 to 1."""
    highest, lowest = F.max_pool2d(image, 3, 1, 1), -F.max_pool2d(-image, 3, 1, 1)
    return ((highest - lowest).amax(1, keepdim=True) / FLAT).clamp(0, 1)


class CompactGenerator(Generator):
    """SRVGGNetCompact of Real-ESRGAN (Wang et al. 2021).

    conv3-64, (PReLU, conv3-64) x convs, PReLU, conv3 to scale² x channels, pixel shuffle; plus the input, enlarged:
    nearest as published, or bilinear with `smooth_base` (ours). PReLU has a slope for each channel. Initialisation:
    PyTorch's own, as published.

    Where the network has nothing to add, what it adds to is seen: what glows in pure red, of which few training
    pictures have any, becomes squares without `smooth_base`.

    `refine`, ours: each pixel of the input is painted as a square by itself, and a discriminator that wants grain gets
    a weave of such squares. With refine > 0, so many more channels are enlarged beside the picture, and two
    convolutions (3 x 3, twice as many channels, PReLU) among the pixels of the result add what crosses the squares.
    That is nothing at first.

    `keep_flat`, ours: nothing is added where the input is flat, that is where 3 x 3 pixels are one colour, and half
    where they are apart by one level of 255 at most: paint and signs stay the colour that they are, to the bit.

    Shapes: [B, C, H, W] -> [B, C, scale * H, scale * W], any size. No normalization. Radius: convs + 2 (x4: convs + 3
    with `refine`). 621,424 parameters with 64 channels, 16 convs, x4; with refine = 8: 697,331.
    """

    def __init__(
        self, channels: int = 3, width: int = 64, convs: int = 16, scale: int = 4, refine: int = 0,
        smooth_base: bool = False, keep_flat: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.keep_flat = bool(keep_flat)
        self.base = "bilinear" if smooth_base else "nearest"
        self.body = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width))
        for _ in range(convs):
            self.body.append(nn.Conv2d(width, width, 3, padding=1))
            self.body.append(nn.PReLU(width))
        self.to_image = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))

        self.refine = nn.ModuleDict()
        if refine:
            self.refine["features"] = nn.Sequential(
                nn.Conv2d(width, refine * scale**2, 3, padding=1), nn.PixelShuffle(scale)
            )
            last = nn.Conv2d(2 * refine, channels, 3, padding=1)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
            self.refine["image"] = nn.Sequential(
                nn.Conv2d(channels + refine, 2 * refine, 3, padding=1), nn.PReLU(2 * refine), last
            )

        self.channels, self.scale, self.multiple, self.minimum = channels, scale, 1, 1
        self.normalization = "none"
        crossing = [conv(3), conv(3)] if refine else []
        self.radius = receptive_radius([*[conv(3)] * (convs + 2), enlarge(scale), *crossing], scale=scale)

    def forward(self, image: Tensor) -> Tensor:
        enlarged = F.interpolate(image, scale_factor=float(self.scale), mode=self.base)
        seen = self.body(image)
        added: Tensor = self.to_image(seen)
        if self.refine:
            added = added + self.refine["image"](torch.cat([enlarged + added, self.refine["features"](seen)], 1))
        if self.keep_flat:
            added = added * F.interpolate(unevenness(image), scale_factor=float(self.scale), mode="bilinear")
        return enlarged + added

    def begin_with(self, other: nn.Module) -> bool:
        """Take the weights of one that is like it but for base, `keep_flat`, `refine` and fewer `convs`; whether it is.

        Convolutions that it lacks come last, and hand on what they get (Net2DeeperNet, Chen, Goodfellow & Shlens 2016):
        the result is that of `other`, until both learn. What another base changes is left to learn.
        """
        ours, theirs = self.state_dict(), other.state_dict()
        missing = ours.keys() - theirs.keys()
        alike = not missing and all(getattr(other, name, None) == getattr(self, name) for name in ("base", "keep_flat"))
        if alike or not all(name.startswith(("refine.", "body.")) for name in missing):
            return False
        if any(name not in ours or ours[name].shape != value.shape for name, value in theirs.items()):
            return False
        self.load_state_dict(theirs, strict=False)
        for place, layer in enumerate(self.body):
            if f"body.{place}.weight" not in missing:
                continue
            if isinstance(layer, nn.Conv2d):
                nn.init.dirac_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            else:
                nn.init.ones_(layer.weight)  # type: ignore[arg-type]
        return True
