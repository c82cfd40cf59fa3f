"""SRGAN's generator in the layouts of widespread implementations: 9 x 9 head, residual blocks, pixel shuffles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import torch

from models.errors import BadCheckpoint
from models.published.weights import UNIT, Published, Weights, build, count, fill, same_channels

FAMILY = "an SRGAN generator"
STEPS = {4: 2, 9: 3}
LEAKY = 0.2


@dataclass(frozen=True)
class Layout:
    """Names of layers. {i} counts blocks and enlargements; {n} is the number of blocks plus `first`, {m} one more."""

    who: str
    head: str
    head_act: str | float
    block: tuple[str, str, str | float, str, str]
    """conv, norm, activation, conv, norm."""
    middle: str
    after: str
    """What follows `middle`: a norm, or PReLU."""
    up: str
    up_act: str | float
    tail: str
    first: int = 0
    """Number of the first block."""
    stride: int = 1
    """How far the numbers of two enlargements are apart."""
    norm: Literal["batch", "instance-affine"] = "batch"
    output: Literal["linear", "tanh"] = "linear"
    imagenet: bool = False
    eps: float = 1e-5
    """What its BatchNorm adds to a variance."""


LAYOUTS = (
    Layout(
        who="leftthomas",
        head="block1.0", head_act="block1.1",
        block=("block{i}.conv1", "block{i}.bn1", "block{i}.prelu", "block{i}.conv2", "block{i}.bn2"),
        middle="block{n}.0", after="block{n}.1",
        up="block{m}.{i}.conv", up_act="block{m}.{i}.prelu", tail="block{m}.{ups}",
        first=2, output="tanh",
    ),
    Layout(
        who="sgrvinod",
        head="conv_block1.conv_block.0", head_act="conv_block1.conv_block.1",
        block=(
            "residual_blocks.{i}.conv_block1.conv_block.0", "residual_blocks.{i}.conv_block1.conv_block.1",
            "residual_blocks.{i}.conv_block1.conv_block.2",
            "residual_blocks.{i}.conv_block2.conv_block.0", "residual_blocks.{i}.conv_block2.conv_block.1",
        ),
        middle="conv_block2.conv_block.0", after="conv_block2.conv_block.1",
        up="subpixel_convolutional_blocks.{i}.conv", up_act="subpixel_convolutional_blocks.{i}.prelu",
        tail="conv_block3.conv_block.0",
        output="tanh", imagenet=True,
    ),
    Layout(
        who="eriklindernoren",
        head="conv1.0", head_act="conv1.1",
        block=(
            "res_blocks.{i}.conv_block.0", "res_blocks.{i}.conv_block.1", "res_blocks.{i}.conv_block.2",
            "res_blocks.{i}.conv_block.3", "res_blocks.{i}.conv_block.4",
        ),
        middle="conv2.0", after="conv2.1",
        up="upsampling.{i}", up_act="upsampling.{act}", tail="conv3.0",
        stride=4, output="tanh", imagenet=True, eps=0.8,
    ),
    Layout(
        who="Lornatang",
        head="conv1.0", head_act="conv1.1",
        block=("trunk.{i}.rcb.0", "trunk.{i}.rcb.1", "trunk.{i}.rcb.2", "trunk.{i}.rcb.3", "trunk.{i}.rcb.4"),
        middle="conv2.0", after="conv2.1",
        up="upsampling.{i}.upsample_block.0", up_act="upsampling.{i}.upsample_block.2", tail="conv3",
    ),
    Layout(
        who="twtygqyy",
        head="conv_input", head_act=LEAKY,
        block=("residual.{i}.conv1", "residual.{i}.in1", LEAKY, "residual.{i}.conv2", "residual.{i}.in2"),
        middle="conv_mid", after="bn_mid",
        up="upscale4x.{i}", up_act=LEAKY, tail="conv_output",
        stride=3, norm="instance-affine",
    ),
)  # fmt: skip


def srgan(weights: Weights) -> list[Published]:
    """Every way to read the file, the published one first; no key tells of tanh and of ImageNet's means."""
    net = {key.removeprefix("net."): value for key, value in weights.items()}  # sgrvinod's GAN around its SRResNet
    for layout in LAYOUTS:
        head = net.get(f"{layout.head}.weight")
        block = f"{layout.block[0].format(i=layout.first)}.weight"
        if head is not None and head.ndim == 4 and head.shape[2:] == (9, 9) and block in net:
            return _read(layout, net)
    return []


def _read(layout: Layout, weights: Weights) -> list[Published]:
    family = f"{FAMILY} ({layout.who})"
    conv1 = re.escape(layout.block[0]).replace(r"\{i\}", r"(\d+)")
    blocks = count(weights, rf"{conv1}\.weight")
    n, m = blocks + layout.first, blocks + layout.first + 1
    middle, after = layout.middle.format(n=n), layout.after.format(n=n)
    ups: list[str] = []
    while (up := layout.up.format(i=layout.stride * len(ups), m=m)) and f"{up}.weight" in weights:
        if weights[f"{up}.weight"].shape[2:] == (9, 9):
            break  # leftthomas counts the tail among them
        ups.append(up)
    tail = layout.tail.format(m=m, ups=len(ups))
    for layer in (middle, tail):
        if f"{layer}.weight" not in weights:
            raise BadCheckpoint(
                f"it looks like {family}, but {layer}.weight is missing: it is damaged or of a variant."
            )
    width, before = weights[f"{layout.head}.weight"].shape[:2]
    steps = tuple(STEPS.get(weights[f"{up}.weight"].shape[0] // width, 0) for up in ups)
    scale = {(2,): 2, (3,): 3, (2, 2): 4, (2, 2, 2): 8}.get(steps, 0)
    if not scale:
        raise BadCheckpoint(f"it looks like {family}, but enlarges in steps of {list(steps)}, which no known one does.")

    layers: dict[str, str | float] = {
        "head.0": layout.head, "head.1": layout.head_act,
        f"body.{blocks}": middle, f"body.{blocks + 1}": after, "to_image": tail,
    }  # fmt: skip
    for index in range(blocks):
        for place, name in enumerate(layout.block):
            theirs = name if isinstance(name, float) else name.format(i=index + layout.first)
            layers[f"body.{index}.branch.{place}"] = theirs
    for index, up in enumerate(ups):
        at = layout.stride * index
        act = layout.up_act
        layers[f"up.{index}.0"] = up
        layers[f"up.{index}.2"] = act if isinstance(act, float) else act.format(i=at, m=m, act=at + 3)
    weights = _folded(layout, weights, ups)
    prelu = weights.get(f"{after}.weight")
    tensors: dict[str, object] = {
        "channels": same_channels(before, weights[f"{tail}.weight"].shape[0]),
        "width": width, "blocks": blocks, "scale": scale, "norm": layout.norm,
        "after_body": "prelu" if prelu is not None and prelu.numel() == 1 else "norm",
    }  # fmt: skip
    other = "linear" if layout.output == "tanh" else "tanh"
    found = []
    for imagenet in (True, False) if layout.imagenet and before == 3 else (False,):
        for output in (layout.output, other):
            name, arguments, network = build("srresnet", **tensors, output=output, imagenet=imagenet)
            notes = fill(network, weights, layers, family)
            found.append(
                Published(
                    family=family, generator=name, arguments=arguments, network=network,
                    input_range=UNIT if imagenet else None, notes=tuple(notes),
                )
            )  # fmt: skip
    return found


def _folded(layout: Layout, weights: Weights, ups: list[str]) -> Weights:
    """BatchNorms behind enlarging convolutions become part of these, and another ε part of the variances."""
    weights = dict(weights)
    for key in [key for key in weights if key.endswith("running_var")]:
        weights[key] = weights[key] + (layout.eps - 1e-5)
    for up in ups if layout.who == "eriklindernoren" else ():
        norm = f"upsampling.{int(up.rpartition('.')[2]) + 1}"
        if f"{norm}.running_var" not in weights:
            continue
        mean, variance = weights.pop(f"{norm}.running_mean"), weights.pop(f"{norm}.running_var")
        gain = weights.pop(f"{norm}.weight") / torch.sqrt(variance - (layout.eps - 1e-5) + 1e-5)
        bias = weights.get(f"{up}.bias", torch.zeros_like(mean))
        weights[f"{up}.weight"] = weights[f"{up}.weight"] * gain.view(-1, 1, 1, 1)
        weights[f"{up}.bias"] = (bias - mean) * gain + weights.pop(f"{norm}.bias")
        weights.pop(f"{norm}.num_batches_tracked", None)
    return weights
