"""Small networks and their Manifests for the export tests."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from export.verify import Parity
from models.layers import Generator
from models.manifest import DECLARED, Manifest
from models.zoo import GENERATORS, build_generator

SMALL = {"width": 8, "blocks": 1, "convs": 2, "growth": 4}


class Exported(NamedTuple):
    """A network of the zoo and the file that was made of it."""

    network: Generator
    manifest: Manifest
    """What it was exported with."""
    path: Path
    parity: Parity


def small_generator(name: str) -> tuple[Generator, dict[str, Any]]:
    """A network of the zoo, narrow and shallow, and the arguments that make it so."""
    takes = inspect.signature(GENERATORS[name]).parameters
    arguments = {key: value for key, value in SMALL.items() if key in takes}
    torch.manual_seed(0)
    return settled(build_generator(name, **arguments)), arguments


def settled(network: Generator) -> Generator:
    """Let BatchNorm see a picture: with the statistics it starts with, SRResNet's values reach thousands."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    side = 2 * max(network.minimum, 16)
    network.train()(torch.rand(2, network.channels, side, side) * 2 - 1)
    return network.eval()


def describe(network: nn.Module, **fields: Any) -> Manifest:
    """The Manifest of a network; `fields` replace what it declares."""
    known: dict[str, Any] = {
        "name": "toy",
        "task": "translation",
        "source": "a",
        "target": "b",
        "generator": "toy",
    }
    return Manifest(**known | {name: getattr(network, name) for name in DECLARED} | fields)


class Toy(Generator):
    """A convolution and an enlargement, with a shape of its own for each test that needs one."""

    def __init__(self, channels: int = 3, scale: int = 2, multiple: int = 1, minimum: int = 2) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.channels, self.scale, self.multiple, self.minimum = channels, scale, multiple, minimum
        self.radius, self.normalization = 1, "none"
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels * scale**2, 3),
            nn.Dropout(0.5),
            nn.PixelShuffle(scale),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.body(image)


class Same(Toy):
    """Gives what it takes."""

    def __init__(self) -> None:
        super().__init__(scale=1)
        self.body = nn.Sequential()
        self.radius = 0
