"""The generator of CycleGAN: an encoder, residual blocks, a decoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import ConfigError
from models.layers import Generator, Norm, norm_layer, normal_init, normalization_of
from models.receptive import bilinear, conv, enlarge, receptive_radius, transposed


def c7s1(before: int, after: int, norm: Norm) -> nn.Sequential:
    """7 x 7 convolution, stride 1, reflected border; norm; ReLU."""
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        nn.Conv2d(before, after, 7, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
    )


def down(before: int, after: int, norm: Norm) -> nn.Sequential:
    """3 x 3 convolution, stride 2; norm; ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
    )


def up(before: int, after: int, norm: Norm) -> nn.Sequential:
    """3 x 3 transposed convolution, stride 1/2; norm; ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
    )


def resize_up(before: int, after: int, norm: Norm) -> nn.Sequential:
    """Nearest-neighbour enlargement, then a 3 x 3 convolution with a reflected border; norm; ReLU.

    In place of `up`, whose overlapping strokes paint a checkerboard (Odena, Dumoulin & Olah 2016).
    """
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.ReflectionPad2d(1),
        nn.Conv2d(before, after, 3, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
    )


class BlurDown(nn.Module):
    """[1 2 1]² / 16 at every other pixel, reflected border (Zhang 2019): halves without aliases."""

    def __init__(self, width: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.filter: Tensor
        self.register_buffer("filter", torch.outer(line, line).repeat(width, 1, 1, 1), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        padded = F.pad(features, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.filter, stride=2, groups=len(self.filter))


def smooth_down(before: int, after: int, norm: Norm) -> nn.Sequential:
    """3 x 3 convolution, stride 1; norm; ReLU; blurred halving. CUT's in place of `down`."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
        BlurDown(after),
    )


def smooth_up(before: int, after: int, norm: Norm) -> nn.Sequential:
    """Enlargement through [1 3 3 1], which is bilinear; 3 x 3 convolution; norm; ReLU. CUT's in place of `up`."""
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(before, after, 3, padding=1, bias=norm != "batch"),
        norm_layer(norm, after),
        nn.ReLU(),
    )


def to_image(before: int, channels: int) -> nn.Sequential:
    """7 x 7 convolution with a reflected border; tanh."""
    return nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(before, channels, 7), nn.Tanh())


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with reflected borders, added to their input; no ReLU after the sum."""

    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=norm != "batch"),
            norm_layer(norm, width),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=norm != "batch"),
            norm_layer(norm, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.branch(features)


class ResNetGenerator(Generator):
    """Johnson et al. 2016 generator as CycleGAN uses it (Zhu et al. 2017, appendix 7.2).

    c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3. InstanceNorm has no parameters; convolutions have
    biases where no BatchNorm follows. Initialisation: N(0, 0.02).

    Shapes: [B, C, H, W] -> [B, C, H, W]; H and W multiples of 4, at least 8 (a border of one pixel is
    reflected at a quarter of the size); values in [-1, 1]. 11,378,179 parameters with 9 blocks, 7,837,699
    with 6.

    Args:
        resize: enlarge by `resize_up` in place of transposed convolutions; as many parameters.
        smooth: halve, enlarge or do both ("down", "up", "both") by `smooth_down` and `smooth_up` (Park et al. 2020);
            as many parameters.
        masked: paint one channel more, a mask, through which the painting is laid over the picture (Mejjati et al.
            2018, Tang et al. 2019): what the mask leaves out stays as it was. In training mode the mask is no lower
            than the buffer `shown`, 0 if nobody sets it: early on a low mask would leave nothing to learn from. With
            `tells_mask` set, it follows the result in training mode, -1 to 1: [B, C + 1, H, W].
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: Norm = "instance",
        resize: bool = False,
        smooth: str = "",
        masked: bool = False,
    ) -> None:
        super().__init__()
        if smooth not in ("", "down", "up", "both") or (resize and smooth in ("up", "both")):
            raise ConfigError(f"smooth {smooth!r} is unknown, or contradicts resize; use down, up or both.")
        smooth_first, smooth_last = smooth in ("down", "both"), smooth in ("up", "both")
        self.channels, self.scale, self.multiple, self.minimum = channels, 1, 4, 8
        self.masked = bool(masked)
        self.tells_mask = False
        self.shown: Tensor
        self.register_buffer("shown", torch.zeros(()), persistent=False)
        self.normalization = normalization_of(norm)
        halves = [conv(3), conv(3, stride=2)] * 2 if smooth_first else [conv(3, stride=2)] * 2
        if smooth_last:
            doubles = [bilinear(2), conv(3)] * 2
        else:
            doubles = [enlarge(2), conv(3)] * 2 if resize else [transposed(3, stride=2, padding=1)] * 2
        path = [conv(7), *halves, *[conv(3)] * (2 * blocks), *doubles, conv(7)]
        self.radius = receptive_radius(path, multiple=self.multiple)

        halved = smooth_down if smooth_first else down
        self.encode = nn.Sequential(
            c7s1(channels, width, norm), halved(width, 2 * width, norm), halved(2 * width, 4 * width, norm)
        )
        self.transform = nn.Sequential(*(ResidualBlock(4 * width, norm) for _ in range(blocks)))
        enlarged = smooth_up if smooth_last else resize_up if resize else up
        self.decode = nn.Sequential(
            enlarged(4 * width, 2 * width, norm), enlarged(2 * width, width, norm), to_image(width, channels + masked)
        )
        normal_init(self)

    def begin_with(self, other: nn.Module) -> bool:
        """Take the weights of a network that is the same but for the mask; whether it is."""
        ours, theirs = self.state_dict(), other.state_dict()
        more = {name for name in ours.keys() & theirs.keys() if ours[name].shape != theirs[name].shape}
        last = {f"decode.2.1.{name}" for name in ("weight", "bias")}
        if not self.masked or ours.keys() != theirs.keys() or more != last:
            return False
        if any(ours[name][:-1].shape != theirs[name].shape for name in last):
            return False
        self.load_state_dict(theirs | {name: torch.cat([theirs[name], ours[name][-1:]]) for name in last})
        return True

    def forward(self, image: Tensor) -> Tensor:
        return self.painted(self.transform(self.encode(image)), image)

    def painted(self, features: Tensor, image: Tensor) -> Tensor:
        """The result, of what the residual blocks found in the picture."""
        painting: Tensor = self.decode(features)
        if not self.masked:
            return painting
        painting, drawn = painting[:, :-1], painting[:, -1:]
        mask = (drawn + 1) / 2
        if self.training:
            mask = torch.maximum(mask, self.shown.to(mask.dtype))  # no gradient below: nothing closes before its time
        result = image + mask * (painting - image)
        return torch.cat([result, drawn], 1) if self.training and self.tells_mask else result
