"""What published networks compute, written from the names and shapes of their weights alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from publishing import Weights
from torch import Tensor


class Net:
    """Layers by their names in the file."""

    def __init__(self, weights: Weights, eps: float = 1e-5) -> None:
        self.w, self.eps = weights, eps

    def conv(self, name: str, x: Tensor, stride: int = 1, padding: int | None = None) -> Tensor:
        weight = self.w[f"{name}.weight"]
        padding = weight.shape[-1] // 2 if padding is None else padding
        return F.conv2d(x, weight, self.w.get(f"{name}.bias"), stride, padding)

    def up(self, name: str, x: Tensor, **options: int) -> Tensor:
        return F.conv_transpose2d(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), 2, 1, **options)

    def picture_norm(self, name: str, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=self.w.get(f"{name}.weight"), bias=self.w.get(f"{name}.bias"))

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        named = [self.w[f"{name}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *named, eps=self.eps)

    def prelu(self, name: str, x: Tensor) -> Tensor:
        return F.prelu(x, self.w[f"{name}.weight"])


def reflected(x: Tensor, by: int) -> Tensor:
    return F.pad(x, (by,) * 4, "reflect")


def resnet(weights: Weights, x: Tensor) -> Tensor:
    """junyanz's and CUT's, by the numbers of its layers."""
    net = Net(weights)
    blocks = sorted({int(key.split(".")[1]) for key in weights if ".conv_block." in key})
    second = 5 if f"model.{blocks[0]}.conv_block.5.weight" in weights else 6

    def normed(number: int, x: Tensor) -> Tensor:
        return F.relu(net.picture_norm(f"model.{number + 1}", x))

    x = normed(1, net.conv("model.1", reflected(x, 3), padding=0))
    if "model.7.filt" in weights:
        for number in (4, 8):
            x = normed(number, net.conv(f"model.{number}", x))
            x = F.conv2d(reflected(x, 1), weights[f"model.{number + 3}.filt"], stride=2, groups=x.shape[1])
    else:
        for number in (4, 7):
            x = normed(number, net.conv(f"model.{number}", x, 2))
    for block in blocks:
        name = f"model.{block}.conv_block"
        y = net.picture_norm(f"{name}.2", net.conv(f"{name}.1", reflected(x, 1), padding=0))
        y = net.conv(f"{name}.{second}", reflected(F.relu(y), 1), padding=0)
        x = x + net.picture_norm(f"{name}.{second + 1}", y)
    at = blocks[-1] + 1
    for _ in range(2):
        if f"model.{at}.filt" in weights:
            padded, filt = F.pad(x, (1,) * 4, "replicate"), weights[f"model.{at}.filt"]
            x = F.conv_transpose2d(padded, filt, stride=2, padding=2, groups=x.shape[1])[:, :, 1:-1, 1:-1]
            x, at = normed(at + 1, net.conv(f"model.{at + 1}", x)), at + 4
        else:
            x, at = normed(at, net.up(f"model.{at}", x, output_padding=1)), at + 3
    return torch.tanh(net.conv(f"model.{at + 1}", reflected(x, 3), padding=0))


def mmagic_resnet(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)
    x = x.flip(1)
    for number in range(3):
        x = net.conv(f"model.{number}.conv", x if number else reflected(x, 3), 2 if number else 1, int(number > 0))
        x = F.relu(net.picture_norm(f"model.{number}.in", x))
    for number in range(3, 12):
        y = F.relu(net.picture_norm("", net.conv(f"model.{number}.block.0.conv", reflected(x, 1), padding=0)))
        x = x + net.picture_norm("", net.conv(f"model.{number}.block.1.conv", reflected(y, 1), padding=0))
    for number in (12, 13):
        x = F.relu(net.picture_norm("", net.up(f"model.{number}.conv", x, output_padding=1)))
    return torch.tanh(net.conv("model.14.conv", reflected(x, 3), padding=0)).flip(1)


def unet(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)

    def block(at: str, x: Tensor) -> Tensor:
        y = net.conv(f"{at}.1", F.leaky_relu(x, 0.2), 2, 1)
        if f"{at}.5.weight" in weights:
            y = net.up(f"{at}.5", F.relu(block(f"{at}.3.model", net.picture_norm(f"{at}.2", y))))
            return torch.cat([x, net.picture_norm(f"{at}.6", y)], 1)
        return torch.cat([x, net.picture_norm(f"{at}.4", net.up(f"{at}.3", F.relu(y)))], 1)

    y = block("model.model.1.model", net.conv("model.model.0", x, 2, 1))
    return torch.tanh(net.up("model.model.3", F.relu(y)))


def mmagic_unet(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)

    def block(at: str, x: Tensor) -> Tensor:
        y = net.conv(f"{at}.0.conv", F.leaky_relu(x, 0.2), 2, 1)
        if f"{at}.2.conv.weight" in weights:
            y = net.up(f"{at}.2.conv", F.relu(block(f"{at}.1.model", net.picture_norm(f"{at}.0.bn", y))))
            return torch.cat([x, net.picture_norm(f"{at}.2.bn", y)], 1)
        return torch.cat([x, net.picture_norm(f"{at}.1.bn", net.up(f"{at}.1.conv", F.relu(y)))], 1)

    y = block("model.model.1.model", net.conv("model.model.0.conv", x.flip(1), 2, 1))
    return torch.tanh(net.up("model.model.2.conv", F.relu(y))).flip(1)


def leftthomas(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)
    first = y = net.prelu("block1.1", net.conv("block1.0", x))
    for at in (f"block{number}" for number in range(2, 7)):
        z = net.prelu(f"{at}.prelu", net.batch_norm(f"{at}.bn1", net.conv(f"{at}.conv1", y)))
        y = y + net.batch_norm(f"{at}.bn2", net.conv(f"{at}.conv2", z))
    y = first + net.prelu("block7.1", net.conv("block7.0", y))
    for at in ("block8.0", "block8.1"):
        y = net.prelu(f"{at}.prelu", F.pixel_shuffle(net.conv(f"{at}.conv", y), 2))
    return torch.tanh(net.conv("block8.2", y))


def standardized(x: Tensor) -> Tensor:
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)


def sgrvinod(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)
    at = "conv_block1.conv_block"
    first = y = net.prelu(f"{at}.1", net.conv(f"{at}.0", standardized(x)))
    for number in range(16):
        at = f"residual_blocks.{number}.conv_block"
        z = net.batch_norm(f"{at}1.conv_block.1", net.conv(f"{at}1.conv_block.0", y))
        z = net.conv(f"{at}2.conv_block.0", net.prelu(f"{at}1.conv_block.2", z))
        y = y + net.batch_norm(f"{at}2.conv_block.1", z)
    y = first + net.batch_norm("conv_block2.conv_block.1", net.conv("conv_block2.conv_block.0", y))
    for at in ("subpixel_convolutional_blocks.0", "subpixel_convolutional_blocks.1"):
        y = net.prelu(f"{at}.prelu", F.pixel_shuffle(net.conv(f"{at}.conv", y), 2))
    return torch.tanh(net.conv("conv_block3.conv_block.0", y))


def eriklindernoren(weights: Weights, x: Tensor) -> Tensor:
    net, plain = Net(weights, eps=0.8), Net(weights)
    first = y = net.prelu("conv1.1", net.conv("conv1.0", standardized(x)))
    for number in range(16):
        at = f"res_blocks.{number}.conv_block"
        z = net.prelu(f"{at}.2", net.batch_norm(f"{at}.1", net.conv(f"{at}.0", y)))
        y = y + net.batch_norm(f"{at}.4", net.conv(f"{at}.3", z))
    y = first + net.batch_norm("conv2.1", net.conv("conv2.0", y))
    for number in (0, 4):
        y = plain.batch_norm(f"upsampling.{number + 1}", net.conv(f"upsampling.{number}", y))
        y = net.prelu(f"upsampling.{number + 3}", F.pixel_shuffle(y, 2))
    return torch.tanh(net.conv("conv3.0", y))


def lornatang(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)
    first = y = net.prelu("conv1.1", net.conv("conv1.0", x))
    for number in range(16):
        at = f"trunk.{number}.rcb"
        z = net.prelu(f"{at}.2", net.batch_norm(f"{at}.1", net.conv(f"{at}.0", y)))
        y = y + net.batch_norm(f"{at}.4", net.conv(f"{at}.3", z))
    y = first + net.batch_norm("conv2.1", net.conv("conv2.0", y))
    for at in ("upsampling.0.upsample_block", "upsampling.1.upsample_block"):
        y = net.prelu(f"{at}.2", F.pixel_shuffle(net.conv(f"{at}.0", y), 2))
    return net.conv("conv3", y)


def twtygqyy(weights: Weights, x: Tensor) -> Tensor:
    net = Net(weights)
    first = y = F.leaky_relu(net.conv("conv_input", x), 0.2)
    for at in (f"residual.{number}" for number in range(16)):
        z = F.leaky_relu(net.picture_norm(f"{at}.in1", net.conv(f"{at}.conv1", y)), 0.2)
        y = y + net.picture_norm(f"{at}.in2", net.conv(f"{at}.conv2", z))
    y = first + net.picture_norm("bn_mid", net.conv("conv_mid", y))
    for at in ("upscale4x.0", "upscale4x.3"):
        y = F.leaky_relu(F.pixel_shuffle(net.conv(at, y), 2), 0.2)
    return net.conv("conv_output", y)


def basicsr(weights: Weights, x: Tensor) -> Tensor:
    return _msrresnet(weights, x, "body", ("upconv1", "upconv2"), lambda y: F.leaky_relu(y, 0.1))


def mmagic_msrresnet(weights: Weights, x: Tensor) -> Tensor:
    return _msrresnet(weights, x, "trunk_net", ("upsample1.upsample_conv", "upsample2.upsample_conv"), lambda y: y)


def _msrresnet(
    weights: Weights, x: Tensor, body: str, ups: tuple[str, str], after: Callable[[Tensor], Tensor]
) -> Tensor:
    net = Net(weights)
    y = F.leaky_relu(net.conv("conv_first", x), 0.1)
    for number in range(16):
        y = y + net.conv(f"{body}.{number}.conv2", F.relu(net.conv(f"{body}.{number}.conv1", y)))
    for up in ups:
        y = after(F.pixel_shuffle(net.conv(up, y), 2))
    y = net.conv("conv_last", F.leaky_relu(net.conv("conv_hr", y), 0.1))
    return y + F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
