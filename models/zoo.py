"""Every network by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.compact import CompactGenerator
from models.errors import ConfigError, UnknownDiscriminator, UnknownGenerator, did_you_mean
from models.layers import Generator
from models.patchgan import MultiScaleDiscriminator, PatchDiscriminator, PixelDiscriminator
from models.resnet import ResNetGenerator
from models.rrdb import RRDBNet
from models.srresnet import MSRResNet, SRResNet
from models.unet import UNetGenerator
from models.unet_discriminator import UNetDiscriminator
from models.vgg import VGGDiscriminator

GENERATORS: dict[str, Callable[..., Generator]] = {
    "unet_128": partial(UNetGenerator, depth=7),
    "unet_256": partial(UNetGenerator, depth=8),
    "resnet_6blocks": partial(ResNetGenerator, blocks=6),
    "resnet_9blocks": partial(ResNetGenerator, blocks=9),
    "resnet_6blocks_resize": partial(ResNetGenerator, blocks=6, resize=True),
    "resnet_6blocks_masked": partial(ResNetGenerator, blocks=6, resize=True, masked=True),
    "srresnet_x2": partial(SRResNet, scale=2),
    "srresnet_x4": partial(SRResNet, scale=4),
    "srresnet_x8": partial(SRResNet, scale=8),
    "msrresnet_x4": partial(MSRResNet, scale=4),
    "rrdbnet_x1": partial(RRDBNet, scale=1),
    "rrdbnet_x2": partial(RRDBNet, scale=2),
    "rrdbnet_x4": partial(RRDBNet, scale=4),
    "compact_x4": partial(CompactGenerator, scale=4),
}

DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "patchgan": PatchDiscriminator,
    "multiscale": MultiScaleDiscriminator,
    "pixel": PixelDiscriminator,
    "vgg": VGGDiscriminator,
    "unet_sn": UNetDiscriminator,
}

LARGEST_ARGUMENT = 4096
"""Bound on whole-number arguments: a Manifest read from a file must not ask for a network without end."""


def build_generator(name: str, **arguments: Any) -> Generator:
    """Build a generator from `GENERATORS` with fresh weights.

    Raises:
        UnknownGenerator: no such name.
        ConfigError: an argument that this network does not take, or of the wrong type.
    """
    if name not in GENERATORS:
        raise UnknownGenerator(name, known=GENERATORS)
    _check_arguments(name, GENERATORS[name], arguments)
    return GENERATORS[name](**arguments)


def build_discriminator(name: str, **arguments: Any) -> nn.Module:
    """Build a discriminator from `DISCRIMINATORS` with fresh weights.

    Raises:
        UnknownDiscriminator: no such name.
        ConfigError: an argument that this network does not take, or of the wrong type.
    """
    if name not in DISCRIMINATORS:
        raise UnknownDiscriminator(name, known=DISCRIMINATORS)
    _check_arguments(name, DISCRIMINATORS[name], arguments)
    return DISCRIMINATORS[name](**arguments)


def _check_arguments(name: str, builder: Callable[..., nn.Module], arguments: dict[str, Any]) -> None:
    defaults = {key: entry.default for key, entry in inspect.signature(builder).parameters.items()}
    for key, value in arguments.items():
        if key not in defaults:
            guess = did_you_mean(key, defaults)
            raise ConfigError(f"{name} takes no argument {key!r}.{guess} It takes {', '.join(defaults)}.")
        wanted = type(defaults[key])
        if wanted is bool and isinstance(value, int) and value in (0, 1):
            continue  # settings from a command line are whole numbers
        if type(value) is not wanted:
            raise ConfigError(f"{name}: {key} = {value!r} is no {wanted.__name__}.")
        least = min(1, defaults[key]) if wanted is int else 1
        if wanted is int and not least <= value <= LARGEST_ARGUMENT:
            raise ConfigError(f"{name}: {key} = {value} is out of range; use {least} to {LARGEST_ARGUMENT}.")


@dataclass(frozen=True)
class NetworkSummary:
    """A line of `translate models zoo`."""

    name: str
    kind: str
    """generator or discriminator."""
    source: str
    """Paper, from the docstring's first line."""
    parameters: int
    size: int
    """Side of the square input, in pixels, that `multiply_adds` is for."""
    multiply_adds: int
    """For one picture of that size."""


def zoo_table() -> list[NetworkSummary]:
    """All networks with their default arguments, measured without computing anything (meta device).

    Super-resolution generators are measured on 64 x 64 pixels, whole-crop discriminators on the crop they are
    made for, everything else on 256 x 256.
    """
    generators = [_summary(name, "generator", build) for name, build in GENERATORS.items()]
    return generators + [_summary(name, "discriminator", build) for name, build in DISCRIMINATORS.items()]


def _summary(name: str, kind: str, build: Callable[..., nn.Module]) -> NetworkSummary:
    with torch.device("meta"):
        network = build()
        size = int(getattr(network, "size", 64 if getattr(network, "scale", 1) > 1 else 256))
        image = torch.empty(1, int(getattr(network, "channels", 3)), size, size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return NetworkSummary(
        name=name,
        kind=kind,
        source=(inspect.getdoc(type(network)) or "").splitlines()[0].rstrip("."),
        parameters=sum(weight.numel() for weight in network.parameters()),
        size=size,
        multiply_adds=counter.get_total_flops() // 2,
    )
