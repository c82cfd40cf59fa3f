"""Ours against the plain loop: equal weights in float64, equal losses in float32."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks import plain_training
from translate.training.config import CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.memory_format import choose_memory_format
from translate.training.method import Batch
from translate.training.run import build_method

MOST_WEIGHTS, MOST_LOSSES = 1e-8, 1e-3
"""How far weights in float64, and losses in float32 (in parts of a loss above 1), may be apart after five updates."""


@dataclass(frozen=True)
class Apart:
    """Largest differences of ours and the plain loop."""

    weights: float
    """After the last update."""
    losses: float
    """In any update; in parts of the loss where that is above 1."""


def apart(config: TrainingConfig, steps: int = 5, batch: int = 2, dtype: torch.dtype = torch.float64) -> Apart:
    """How far ours and the plain loop get apart in some updates; small networks without chance."""
    small: dict[str, Any] = {"generator_arguments": {"width": 8, "blocks": 2}}
    if isinstance(config, Pix2PixConfig):
        small = {"generator_arguments": {**config.generator_arguments, "width": 4, "dropout": False}}
    elif isinstance(config, CycleGANConfig):
        small["pool"] = 0
    torch.manual_seed(0)
    method = build_method(replace(config, **small), torch.device("cpu"))
    for network in method.networks.values():
        network.to(dtype)
    plain = plain_training.plain(method)
    order = torch.channels_last
    if dtype == torch.float32:  # as a run has them
        generators = [network for network, _ in method.generators().values()]
        order = choose_memory_format(generators, torch.device("cpu"), dtype)
    for network in method.networks.values():
        network.to(memory_format=order)
    losses = 0.0
    for _ in range(steps):
        b = torch.rand(batch, 3, config.size, config.size, dtype=dtype) * 2 - 1
        a = torch.nn.functional.avg_pool2d(b, 4) if isinstance(config, SRGANConfig) else b.flip(3)
        ours, theirs = method.step(Batch(a, b)), plain.step(a, b)
        pairs = [(float(ours[name]), float(theirs[name])) for name in ours.keys() | theirs.keys()]
        losses = max(losses, *(abs(one - other) / max(1.0, abs(other)) for one, other in pairs))
    weights = [
        float((one - other).detach().abs().max())
        for name, network in method.networks.items()
        for one, other in zip(network.parameters(), plain.networks[name].parameters(), strict=True)
    ]
    return Apart(max(weights), losses)


def same(config: TrainingConfig) -> str:
    """What was found equal, in words.

    Raises:
        SystemExit: ours does not compute what the plain loop does; says how far they are apart.
    """
    weights, losses = apart(config).weights, apart(config, batch=4, dtype=torch.float32).losses
    found = f"after 5 updates weights {weights:.1e} apart in float64, losses {losses:.1e} in float32"
    if not (weights <= MOST_WEIGHTS and losses <= MOST_LOSSES):  # NaN is neither
        raise SystemExit(
            f"{type(config).__name__}: ours does not compute what the plain loop does: {found}, where {MOST_WEIGHTS:g} "
            f"and {MOST_LOSSES:g} are allowed. Look for what changed in the method's step or in plain_training.py."
        )
    return found
