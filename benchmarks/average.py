"""One generator from several of the same beginnings: the mean of their weights (Wortsman et al. 2022, model soups).

    python -m benchmarks.average runs/a/checkpoints/000012000/g.safetensors runs/b/checkpoints/000006000/g.safetensors \
        --shares 0.6 0.4 -o mean.safetensors

The Manifest is the first one's, with the feature networks and pictures of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated

import tyro
from torch import nn

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ConfigError
from models.manifest import Manifest
from translate.training.seen import merged


@dataclass(frozen=True)
class Settings:
    """Average generators."""

    checkpoints: tyro.conf.Positional[tuple[Path, ...]]
    """Of runs that went on from the same weights."""
    shares: tuple[float, ...]
    """Part of each; together 1."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """A .safetensors file."""


def average(generators: Sequence[tuple[nn.Module, Manifest]], shares: Sequence[float]) -> tuple[nn.Module, Manifest]:
    """The first generator with the mean weights of all.

    Raises:
        ConfigError: not as many shares as generators, or they do not add up to 1, or other networks.
    """
    if len(shares) != len(generators) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(f"--shares {' '.join(map(str, shares))}: {len(generators)} that add up to 1 are needed.")
    networks, manifests = zip(*generators, strict=True)
    if len({(one.generator, str(one.arguments)) for one in manifests}) > 1:
        raise ConfigError("only generators of the same form have a mean.")
    states = [network.state_dict() for network in networks]
    mean = {name: sum(s * state[name] for s, state in zip(shares, states, strict=True)) for name in states[0]}
    networks[0].load_state_dict(mean)
    judges = {name: origin for one in manifests for name, origin in one.judges.items()}
    pictures = reduce(merged, (one.pictures for one in manifests))
    return networks[0], dataclasses.replace(manifests[0], judges=judges, pictures=pictures, metrics={})


def main(settings: Settings) -> None:
    """Write the mean."""
    network, manifest = average([load_checkpoint(file) for file in settings.checkpoints], settings.shares)
    save_checkpoint(settings.out, network, manifest)
    print(f"{settings.out}: {manifest.name}")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
