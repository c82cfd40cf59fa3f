"""What stops a run: losses and weights that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from models.errors import TrainingError
from translate.training import processes


class NotFinite(TrainingError):
    """A loss or a weight is NaN or infinite; no checkpoint holds it."""


class Trail:
    """The losses of the last steps, left on the device until somebody looks."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, tuple[str, ...], Tensor]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """Remember the losses of a step."""
        self.steps.append((step, tuple(losses), torch.stack([loss.float() for loss in losses.values()])))

    def check(self, batch: int) -> None:
        """Look, and forget. All processes together.

        Raises:
            NotFinite: the first loss that is no number, and its step.
        """
        if not self.steps:
            return
        values = iter(processes.average(torch.cat([losses for _, _, losses in self.steps])).tolist())
        steps, self.steps = self.steps, []
        for step, names, _ in steps:
            for name in names:
                if not math.isfinite(value := next(values)):
                    raise NotFinite(f"{name} is {value} in step {step:,}, after {step * batch:,} images")


def check_weights(networks: dict[str, nn.Module], step: int) -> None:
    """Whether all weights are numbers.

    Raises:
        NotFinite: a network whose weights are not.
    """
    for name, network in networks.items():
        whole = [parameter.isfinite().all() for parameter in network.parameters()]
        if whole and not bool(torch.stack(whole).all()):
            raise NotFinite(f"the weights of {name} are no numbers after step {step:,}")


def gradient_norms(optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, float]:
    """Length of the gradient that each optimizer followed last; none where float16 left the update out."""
    norms = {f"gradient_norm_{name}": _norm(_gradients(optimizer)) for name, optimizer in optimizers.items()}
    return {name: norm for name, norm in norms.items() if math.isfinite(norm)}


def _gradients(optimizer: torch.optim.Optimizer) -> Iterable[Tensor]:
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def _norm(gradients: Iterable[Tensor]) -> float:
    found: Sequence[Tensor] = list(gradients)
    return float(nn.utils.get_total_norm(found)) if found else 0.0
