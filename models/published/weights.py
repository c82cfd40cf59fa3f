"""Published weights put into a network of ours: layer by layer, every shape compared, nothing left over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import BadCheckpoint, ConfigError
from models.layers import Generator, Norm
from models.zoo import GENERATORS, build_generator

Weights = dict[str, Tensor]
"""State dict: float32 on the CPU, without wrappers and prefixes."""
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
NORMS = (nn.InstanceNorm2d, nn.BatchNorm2d, nn.Identity)
UNIT, SIGNED = (0.0, 1.0), (-1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published network as one of our zoo, with its weights."""

    family: str
    """Where such files come from, in words."""
    generator: str
    """Name in `models.zoo.GENERATORS`."""
    arguments: dict[str, Any]
    network: Generator
    """Filled, in evaluation mode, in the file's own ranges and order of channels."""
    input_range: tuple[float, float] | None = None
    """Values that are black and white; None where the family does not settle it."""
    output_range: tuple[float, float] | None = None
    order: str = ""
    """rgb or bgr; empty where the family does not settle it."""
    by_picture: bool = False
    """BatchNorm takes the statistics of the picture at hand, as Pix2Pix runs it."""
    notes: tuple[str, ...] = ()
    """What was left out or folded together."""


def build(base: str, **arguments: Any) -> tuple[str, dict[str, Any], Generator]:
    """A network of the zoo: the name that suits the arguments best, the arguments that it leaves open, and itself."""
    named = {key: f"{base}_x{value}" for key, value in arguments.items() if key == "scale"}
    name = named.get("scale", base)
    if name in GENERATORS:
        arguments = {key: value for key, value in arguments.items() if key != "scale"}
    elif base not in GENERATORS:
        name = f"{base}_x4"
    else:
        name = base
    try:
        return name, arguments, build_generator(name, **arguments)
    except ConfigError as error:
        raise BadCheckpoint(f"its weights are those of no network that can be built: {error}") from None


def fill(network: Generator, weights: Weights, layers: Mapping[str, str | float], family: str) -> list[str]:
    """Put weights into a network, strictly, and set it to evaluation.

    A bias that a layer does without becomes 0. Running statistics of an InstanceNorm are left out: it never uses them.

    Args:
        layers: our layer -> theirs, or the constant that all its weights are.
    Returns:
        Notes for the user.
    Raises:
        BadCheckpoint: a weight is missing, left over or of another shape.
    """
    wanted, state = network.state_dict(), Weights()
    used: set[str] = set()
    for key, value in wanted.items():
        ours, _, leaf = key.rpartition(".")
        theirs = layers[ours]
        if isinstance(theirs, float):
            state[key] = torch.full_like(value, theirs)
            continue
        other = f"{theirs}.{leaf}"
        if other not in weights and leaf in ("bias", "num_batches_tracked"):
            state[key] = torch.zeros_like(value)
            continue
        if other not in weights:
            raise BadCheckpoint(f"it looks like {family}, but {other} is missing: it is damaged or of a variant.")
        used.add(other)
        state[key] = weights[other]
        if state[key].shape != value.shape:
            raise BadCheckpoint(
                f"it looks like {family}, but {other} is {list(state[key].shape)}, not {list(value.shape)}: "
                "it is damaged or of a variant."
            )
    left = weights.keys() - used
    norms = {theirs for ours, theirs in layers.items() if isinstance(network.get_submodule(ours), NORMS)}
    stray = {key for key in left if key.rpartition(".")[0] in norms and key.rpartition(".")[2] in STATISTICS}
    if left - stray:
        raise BadCheckpoint(
            f"it looks like {family}, but has {len(left - stray)} weights more, such as {min(left - stray)}: "
            "it is damaged or of a variant."
        )
    network.load_state_dict(state)
    network.eval()
    running = any(key.endswith("running_mean") for key in stray)
    return ["running statistics of its InstanceNorm left out: they are never used"] if running else []


def norm_of(weights: Weights, conv: str, norm: str) -> Norm:
    """Which normalization follows a convolution, by what is kept of either."""
    if f"{norm}.weight" in weights:
        return "batch" if f"{norm}.running_mean" in weights else "instance-affine"
    # junyanz gives a convolution a bias only where InstanceNorm follows
    return "instance" if f"{norm}.running_mean" in weights or f"{conv}.bias" in weights else "none"


def without_biases(weights: Weights, pairs: Iterable[tuple[str, str]]) -> Weights:
    """A copy in which BatchNorms have taken the biases of the convolutions (conv, norm) before them."""
    weights = dict(weights)
    for conv, norm in pairs:
        mean = f"{norm}.running_mean"
        if f"{conv}.bias" in weights and mean in weights:
            weights[mean] = weights[mean] - weights.pop(f"{conv}.bias")
    return weights


def count(weights: Weights, pattern: str) -> int:
    """How many different numbers the pattern's first group takes; they must be 0, 1, 2 ... or 1, 2, 3 ...

    Raises:
        BadCheckpoint: one in the middle is missing.
    """
    numbers = {int(found[1]) for key in weights if (found := re.match(pattern, key))}
    if numbers and max(numbers) - min(numbers) + 1 != len(numbers):
        missing = min(set(range(min(numbers), max(numbers))) - numbers)
        raise BadCheckpoint(f"block {missing} of {max(numbers)} is missing: the file is damaged.")
    return len(numbers)


def translator(
    family: str,
    built: tuple[str, dict[str, Any], Generator],
    weights: Weights,
    layers: Mapping[str, str | float],
    norm: Norm,
    order: str,
) -> Published:
    """A translator of pictures in [-1, 1], as `build` made it, with its weights; raises as `fill`."""
    name, arguments, network = built
    notes = fill(network, weights, layers, family)
    return Published(
        family=family,
        generator=name,
        arguments=arguments,
        network=network,
        input_range=SIGNED,
        output_range=SIGNED,
        order=order,
        by_picture=norm == "batch",
        notes=tuple(notes),
    )


def same_channels(before: int, after: int) -> int:
    """Colours of a picture, going in and coming out.

    Raises:
        BadCheckpoint: they differ.
    """
    if before != after:
        raise BadCheckpoint(f"it takes pictures of {before} channels and gives {after}; both must be equal here.")
    return before


def swap_channels(network: Generator) -> None:
    """Make a network for BGR one for RGB, or back: the first and last convolution change places of red and blue."""
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    first, last = convs[0], convs[-1]
    with torch.no_grad():
        first.weight.copy_(_flipped(first.weight, 1, network.channels))
        axis = 1 if isinstance(last, nn.ConvTranspose2d) else 0
        last.weight.copy_(_flipped(last.weight, axis, network.channels))
        if last.bias is not None:
            last.bias.copy_(_flipped(last.bias, 0, network.channels))
        for buffer in network.buffers():
            if buffer.shape == (network.channels, 1, 1):  # means by colour
                buffer.copy_(buffer.flip(0))


def _flipped(weight: Tensor, axis: int, channels: int) -> Tensor:
    """Colours reversed; each may be several planes that pixels are shuffled into or out of."""
    shape = weight.shape
    planes = weight.reshape(*shape[:axis], channels, -1, *shape[axis + 1 :])
    return planes.flip(axis).reshape(shape)
