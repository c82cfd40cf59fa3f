"""Published layouts: the literal names and shapes of their weights, and what they compute, written from those alone.

A line is a name, with ranges of numbers in braces, and the shape of `weight`; then what else the layer has: b a bias,
t that of a transposed convolution, n a norm (weight, bias, running statistics), a one
without statistics, s running statistics only, p a single slope, f a buffer `filt`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]

RESNET_9 = """
model.1 64,3,7,7 b
model.4 128,64,3,3 b
model.7 256,128,3,3 b
model.{10-18}.conv_block.1 256,256,3,3 b
model.{10-18}.conv_block.5 256,256,3,3 b
model.19 256,128,3,3 t
model.22 128,64,3,3 t
model.26 3,64,7,7 b
"""
RESNET_9_STRAY = (
    RESNET_9
    + """
model.2 64 s
model.5 128 s
model.8 256 s
model.{10-18}.conv_block.2 256 s
model.{10-18}.conv_block.6 256 s
model.20 128 s
model.23 64 s
"""
)
RESNET_6_BATCH_DROPOUT = """
model.1 64,3,7,7
model.2 64 n
model.4 128,64,3,3
model.5 128 n
model.7 256,128,3,3
model.8 256 n
model.{10-15}.conv_block.1 256,256,3,3
model.{10-15}.conv_block.2 256 n
model.{10-15}.conv_block.6 256,256,3,3
model.{10-15}.conv_block.7 256 n
model.16 256,128,3,3
model.17 128 n
model.19 128,64,3,3
model.20 64 n
model.23 3,64,7,7 b
"""
CUT_9 = """
model.1 64,3,7,7 b
model.4 128,64,3,3 b
model.7 128,1,3,3 f
model.8 256,128,3,3 b
model.11 256,1,3,3 f
model.{12-20}.conv_block.1 256,256,3,3 b
model.{12-20}.conv_block.5 256,256,3,3 b
model.21 256,1,4,4 f
model.22 128,256,3,3 b
model.25 128,1,4,4 f
model.26 64,128,3,3 b
model.30 3,64,7,7 b
"""
CUT_6_STRIDED_UP = """
model.1 64,3,7,7 b
model.4 128,64,3,3 b
model.7 128,1,3,3 f
model.8 256,128,3,3 b
model.11 256,1,3,3 f
model.{12-17}.conv_block.1 256,256,3,3 b
model.{12-17}.conv_block.5 256,256,3,3 b
model.18 256,128,3,3 t
model.21 128,64,3,3 t
model.25 3,64,7,7 b
"""
MMAGIC_RESNET_9 = """
model.0.conv 64,3,7,7 b
model.1.conv 128,64,3,3 b
model.2.conv 256,128,3,3 b
model.{3-11}.block.0.conv 256,256,3,3 b
model.{3-11}.block.1.conv 256,256,3,3 b
model.12.conv 256,128,3,3 t
model.13.conv 128,64,3,3 t
model.14.conv 3,64,7,7 b
"""
UNET_256 = """
model.model.0 64,3,4,4
model.model.1.model.1 128,64,4,4
model.model.1.model.2 128 n
model.model.1.model.3.model.1 256,128,4,4
model.model.1.model.3.model.2 256 n
model.model.1.model.3.model.3.model.1 512,256,4,4
model.model.1.model.3.model.3.model.2 512 n
model.model.1.model.3.model.3.model.3.model.1 512,512,4,4
model.model.1.model.3.model.3.model.3.model.2 512 n
model.model.1.model.3.model.3.model.3.model.3.model.1 512,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.2 512 n
model.model.1.model.3.model.3.model.3.model.3.model.3.model.1 512,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.3.model.2 512 n
model.model.1.model.3.model.3.model.3.model.3.model.3.model.3.model.1 512,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.3.model.3.model.3 512,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.3.model.3.model.4 512 n
model.model.1.model.3.model.3.model.3.model.3.model.3.model.5 1024,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.3.model.6 512 n
model.model.1.model.3.model.3.model.3.model.3.model.5 1024,512,4,4
model.model.1.model.3.model.3.model.3.model.3.model.6 512 n
model.model.1.model.3.model.3.model.3.model.5 1024,512,4,4
model.model.1.model.3.model.3.model.3.model.6 512 n
model.model.1.model.3.model.3.model.5 1024,256,4,4
model.model.1.model.3.model.3.model.6 256 n
model.model.1.model.3.model.5 512,128,4,4
model.model.1.model.3.model.6 128 n
model.model.1.model.5 256,64,4,4
model.model.1.model.6 64 n
model.model.3 128,3,4,4 t
"""
MMAGIC_UNET = """
model.model.0.conv 64,3,4,4
model.model.1.model.0.conv 128,64,4,4
model.model.1.model.0.bn 128 n
model.model.1.model.1.model.0.conv 256,128,4,4
model.model.1.model.1.model.0.bn 256 n
model.model.1.model.1.model.1.model.0.conv 512,256,4,4
model.model.1.model.1.model.1.model.1.conv 512,256,4,4
model.model.1.model.1.model.1.model.1.bn 256 n
model.model.1.model.1.model.2.conv 512,128,4,4
model.model.1.model.1.model.2.bn 128 n
model.model.1.model.2.conv 256,64,4,4
model.model.1.model.2.bn 64 n
model.model.2.conv 128,3,4,4 t
"""
LEFTTHOMAS = """
block1.0 64,3,9,9 b
block1.1 1 p
block{2-6}.conv1 64,64,3,3 b
block{2-6}.bn1 64 n
block{2-6}.prelu 1 p
block{2-6}.conv2 64,64,3,3 b
block{2-6}.bn2 64 n
block7.0 64,64,3,3 b
block7.1 1 p
block8.{0-1}.conv 256,64,3,3 b
block8.{0-1}.prelu 1 p
block8.2 3,64,9,9 b
"""
SGRVINOD = """
conv_block1.conv_block.0 64,3,9,9 b
conv_block1.conv_block.1 1 p
residual_blocks.{0-15}.conv_block1.conv_block.0 64,64,3,3 b
residual_blocks.{0-15}.conv_block1.conv_block.1 64 n
residual_blocks.{0-15}.conv_block1.conv_block.2 1 p
residual_blocks.{0-15}.conv_block2.conv_block.0 64,64,3,3 b
residual_blocks.{0-15}.conv_block2.conv_block.1 64 n
conv_block2.conv_block.0 64,64,3,3 b
conv_block2.conv_block.1 64 n
subpixel_convolutional_blocks.{0-1}.conv 256,64,3,3 b
subpixel_convolutional_blocks.{0-1}.prelu 1 p
conv_block3.conv_block.0 3,64,9,9 b
"""
ERIKLINDERNOREN = """
conv1.0 64,3,9,9 b
conv1.1 1 p
res_blocks.{0-15}.conv_block.0 64,64,3,3 b
res_blocks.{0-15}.conv_block.1 64 n
res_blocks.{0-15}.conv_block.2 1 p
res_blocks.{0-15}.conv_block.3 64,64,3,3 b
res_blocks.{0-15}.conv_block.4 64 n
conv2.0 64,64,3,3 b
conv2.1 64 n
upsampling.0 256,64,3,3 b
upsampling.1 256 n
upsampling.3 1 p
upsampling.4 256,64,3,3 b
upsampling.5 256 n
upsampling.7 1 p
conv3.0 3,64,9,9 b
"""
LORNATANG = """
conv1.0 64,3,9,9 b
conv1.1 1 p
trunk.{0-15}.rcb.0 64,64,3,3
trunk.{0-15}.rcb.1 64 n
trunk.{0-15}.rcb.2 1 p
trunk.{0-15}.rcb.3 64,64,3,3
trunk.{0-15}.rcb.4 64 n
conv2.0 64,64,3,3
conv2.1 64 n
upsampling.{0-1}.upsample_block.0 256,64,3,3 b
upsampling.{0-1}.upsample_block.2 1 p
conv3 3,64,9,9 b
"""
TWTYGQYY = """
conv_input 64,3,9,9
residual.{0-15}.conv1 64,64,3,3
residual.{0-15}.in1 64 a
residual.{0-15}.conv2 64,64,3,3
residual.{0-15}.in2 64 a
conv_mid 64,64,3,3
bn_mid 64 a
upscale4x.0 256,64,3,3
upscale4x.3 256,64,3,3
conv_output 3,64,9,9
"""
BASICSR_MSRRESNET = """
conv_first 64,3,3,3 b
body.{0-15}.conv1 64,64,3,3 b
body.{0-15}.conv2 64,64,3,3 b
upconv1 256,64,3,3 b
upconv2 256,64,3,3 b
conv_hr 64,64,3,3 b
conv_last 3,64,3,3 b
"""
MMAGIC_MSRRESNET = """
conv_first 64,3,3,3 b
trunk_net.{0-15}.conv1 64,64,3,3 b
trunk_net.{0-15}.conv2 64,64,3,3 b
upsample1.upsample_conv 256,64,3,3 b
upsample2.upsample_conv 256,64,3,3 b
conv_hr 64,64,3,3 b
conv_last 3,64,3,3 b
"""


def expanded(name: str) -> Iterator[str]:
    """`a.{1-3}` as a.1, a.2, a.3."""
    found = re.search(r"\{(\d+)-(\d+)\}", name)
    if not found:
        yield name
        return
    for number in range(int(found[1]), int(found[2]) + 1):
        yield name.replace(found[0], str(number))


def weights_of(layout: str, divide: int = 1) -> Weights:
    """Seeded weights of a layout, as they lie in a file; widths of 64 and more divided."""
    torch.manual_seed(0)
    weights: Weights = {}
    for line in layout.split("\n"):
        if not line:
            continue
        name, sides, kinds = (*line.split(), "", "")[:3]
        shape = [int(side) // divide if int(side) >= 64 else int(side) for side in sides.split(",")]
        for layer in expanded(name):
            weights |= _layer(layer, shape, kinds)
    return weights


def _layer(layer: str, shape: list[int], kinds: str) -> Weights:
    if kinds == "f":
        line = torch.tensor([1.0, 2, 1] if shape[-1] == 3 else [1.0, 3, 3, 1])
        kernel = torch.outer(line, line) / line.sum() ** 2 * (1 if shape[-1] == 3 else 4)
        return {f"{layer}.filt": kernel.repeat(shape[0], 1, 1, 1)}
    found: Weights = {}
    if kinds == "p":
        found[f"{layer}.weight"] = torch.tensor([0.3])
    elif len(shape) == 4:
        fan = shape[1] * shape[2] * shape[3]
        found[f"{layer}.weight"] = torch.randn(shape) * (1.5 / fan) ** 0.5
        if kinds in ("b", "t"):
            found[f"{layer}.bias"] = 0.1 * torch.randn(shape[kinds == "t"])
    if kinds in ("n", "a"):
        found |= {f"{layer}.weight": 1 + 0.2 * torch.randn(shape), f"{layer}.bias": 0.2 * torch.randn(shape)}
    if kinds in ("n", "s"):
        found |= {f"{layer}.running_mean": 0.2 * torch.randn(shape), f"{layer}.running_var": 0.5 + torch.rand(shape)}
        found[f"{layer}.num_batches_tracked"] = torch.tensor(9)
    return found


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
