"""What stops a run: losses that are no numbers, and memory that does not suffice."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from models.errors import TrainingError
from translate.training import processes
from translate.training.config import TrainingConfig
from translate.training.method import Batch

SMALLEST = 16
"""Side in pixels below which no square is tried."""


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


def is_out_of_memory(error: RuntimeError) -> bool:
    """A GPU that is full says so by its class, the CPU's allocator in words."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def smaller(batch: Batch) -> Iterator[tuple[str, Batch]]:
    """Batches that need less memory, and the options that make them: fewer pictures, then smaller ones."""
    count, side = len(batch.b), batch.b.shape[-1]
    while count > 1:
        count //= 2
        yield f"--batch {count}", Batch(batch.a[:count], batch.b[:count])
    while side // 2 >= SMALLEST:
        side //= 2
        small = side * batch.a.shape[-1] // batch.b.shape[-1]
        option = f"--size {side}" if len(batch.b) == 1 else f"--batch 1 --size {side}"
        yield option, Batch(batch.a[:1, :, :small, :small], batch.b[:1, :, :side, :side])


def out_of_memory(
    step: Callable[[Batch], object], batch: Batch, config: TrainingConfig, device: torch.device
) -> TrainingError:  # fmt: skip
    """What to say when a step does not fit: the largest settings with which one does, found by trying.

    Args:
        step: one update; the run is over, so that it may change the weights.
    """
    fits = next((option for option, part in smaller(batch) if _fits(step, part, device)), None)
    others = "a generator with a smaller width (--generator-arguments width N)"
    others += "" if config.precision == "bf16" else ", or --precision bf16"
    hint = f"a step fits with {fits}; else try {others}" if fits else f"no smaller batch or size fits; try {others}"
    return TrainingError(f"out of memory on {device} with --batch {len(batch.b)} --size {batch.b.shape[-1]}: {hint}.")


def _fits(step: Callable[[Batch], object], batch: Batch, device: torch.device) -> bool:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    try:
        step(batch)
    except (RuntimeError, ValueError):  # too large still, or a size that the networks do not take
        return False
    return True


def gradient_norms(optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, float]:
    """Length of the gradient that each optimizer followed last; none where float16 left the update out."""
    norms = {f"gradient_norm_{name}": _norm(_gradients(optimizer)) for name, optimizer in optimizers.items()}
    return {name: norm for name, norm in norms.items() if math.isfinite(norm)}


def _gradients(optimizer: torch.optim.Optimizer) -> Iterable[Tensor]:
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def _norm(gradients: Iterable[Tensor]) -> float:
    found: Sequence[Tensor] = list(gradients)
    return float(nn.utils.get_total_norm(found)) if found else 0.0
