"""Published layouts: the literal names and shapes of their weights.

A line is a name, with ranges of numbers in braces, and the shape of `weight`; then what else the layer has: b a bias,
t that of a transposed convolution, n a norm (weight, bias, running statistics), a one
without statistics, s running statistics only, p a single slope, f a buffer `filt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
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
