"""What the loop knows of a method, and what the methods share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn, optim
from torch.nn.utils.parametrize import is_parametrized

from models.manifest import DECLARED, Manifest, Task
from translate.training.config import TrainingConfig
from translate.version import CREATED_BY

Backward = Callable[[Tensor], None]
"""Loss -> gradients: where a test listens, and where loss scaling would hook in."""


def backward(loss: Tensor) -> None:
    """Plain back-propagation."""
    loss.backward()  # type: ignore[no-untyped-call]


class Batch(NamedTuple):
    """Two piles of [B, 3, H, W] float in [-1, 1]: input and target of pairs, A and B of unpaired piles,
    low and high resolution."""

    a: Tensor
    b: Tensor


class Method(Protocol):
    """An algorithm: owns networks and optimizers, knows nothing of files, devices or schedules."""

    networks: dict[str, nn.Module]
    """Everything that is trained, by the name it has in the checkpoint."""
    optimizers: dict[str, optim.Optimizer]
    done: float
    """How much of the run is, 0 to 1: set before each step, for weights that change."""
    verdicts: dict[str, Tensor]
    """Of the last step: D(real) and D(fake), on a scale where 1 is real and 0 fake, where the objective has one."""

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update. Returns the losses, detached."""

    def state(self) -> dict[str, Any]:
        """Plain data that `load_state` goes on from bit for bit."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Undo nothing, go on."""

    def forwards(self) -> Iterable[nn.Module]:
        """What a step calls, and what is worth compiling."""

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """What training is for: name in the run -> network and what it is."""

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Columns of a sample sheet, [B, 3, H, W] in [-1, 1]; 'result' and 'target' are compared if both are there.

        Args:
            batch: fixed pictures that were not trained on, or the first ones.
            generators: stand-ins (running averages) for the method's own, by the same names.
        """


class Memory(Protocol):
    """What a method remembers beside its weights: pools, draws, counts."""

    def state(self) -> dict[str, Any]:
        """Plain data that `load_state` goes on from bit for bit."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on."""


class Trainable:
    """State of networks, optimizers and memories; the part of a Method that is the same for all."""

    def __init__(
        self, networks: dict[str, nn.Module], optimizers: dict[str, optim.Optimizer], **memories: Memory
    ) -> None:
        self.networks = networks
        self.optimizers = optimizers
        self.memories = memories
        self.done = 0.0
        self.verdicts: dict[str, Tensor] = {}

    def forwards(self) -> Iterable[nn.Module]:
        """The networks themselves."""
        return self.networks.values()

    def state(self) -> dict[str, Any]:
        """Weights, optimizer moments, and the memories by their names."""
        return {
            **{name: memory.state() for name, memory in self.memories.items()},
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, memory in self.memories.items():
            if name in state:  # a run begun before there was one
                memory.load_state(state[name])


def each(network: nn.Module, *piles: Tensor) -> Sequence[Tensor]:
    """What the network makes of each pile, [B, C, H, W] of one size, in a single call where that computes the same.

    Where it is not, there is a call for each.
    """
    if not one_call_is_the_same(network):
        return [network(pile) for pile in piles]
    return torch.split(network(torch.cat(piles)), [len(pile) for pile in piles])


def one_call_is_the_same(network: nn.Module) -> bool:
    """Whether several piles may go through a network at once.

    Not with BatchNorm, which would mix them; with dropout and spectral normalisation, whose state goes on with each
    call, it is not the same to the last bit.
    """
    return not any(
        isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.Dropout) or is_parametrized(layer)
        for layer in network.modules()
    )


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Gradients pass through the networks but not into their parameters."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


def describe(
    generator: nn.Module, config: TrainingConfig, task: Task, source: str, target: str,
    judges: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:  # fmt: skip
    """The Manifest of a generator in training: its own declarations and the run's settings.

    Args:
        judges: feature networks in its losses, as `Manifest.judges`.
    """
    facts: dict[str, Any] = {name: getattr(generator, name) for name in DECLARED}
    return Manifest(
        name=config.name or config.out.resolve().name,
        task=task,
        source=source,
        target=target,
        generator=config.generator,
        arguments=dict(config.generator_arguments),
        work_size=config.size if task == "translation" else None,
        training_data=config.training_data,
        license=config.license,
        judges=dict(judges),
        created_by=CREATED_BY,
        **facts,
    )
