"""Memory that does not suffice: the settings with which it does, found by trying."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.errors import ConfigError, TrainingError
from models.manifest import Manifest
from translate.training.config import TrainingConfig
from translate.training.method import Batch
from translate.training.settings import option

SMALLEST = 16
"""Side in pixels below which no square is tried."""


@dataclass(frozen=True)
class Way:
    """Settings that need less memory, and batches that need as much of it."""

    changes: tuple[dict[str, Any], ...]
    """Settings to change; several that need the same."""
    pictures: int
    """In a batch that is tried, in as many parts as the run has now: parts as large as they would be."""
    sides: tuple[int, ...]
    """In pixels: squares that would be trained with, the largest last."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """A GPU that is full says so by its class, the CPU's allocator in words."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def ways(config: TrainingConfig, share: int, generator: Manifest) -> Iterator[Way]:
    """What needs less and less memory: a batch in more parts (or a smaller one), then smaller squares.

    Args:
        share: pictures in a batch of this process: --batch.
    """
    largest = max(config.stages)
    part = share // config.accumulate
    for count in range(part - 1, 0, -1):
        if share % count == 0:
            smaller: dict[str, Any] = {"batch": count} | ({"accumulate": 1} if config.accumulate > 1 else {})
            yield Way(({"accumulate": share // count}, smaller), count * config.accumulate, (largest,))
    unit, least = generator.scale * generator.multiple, max(SMALLEST, generator.scale * generator.minimum)
    side, parts = config.size // 2 // unit * unit, {"accumulate": share} if share > config.accumulate else {}
    while side >= least:
        sizes = tuple(size * side // config.size // unit * unit for size in config.stages)
        squares: dict[str, Any] = {"sizes": sizes} if len(sizes) > 1 else {}
        squares["size"] = side
        if (load := getattr(config, "load_size", None)) is not None:
            squares["load_size"] = load * side // config.size
        if min(sizes) >= least:
            yield Way(({**parts, **squares},), config.accumulate, sizes)
        side = side // 2 // unit * unit


def options(changes: dict[str, Any]) -> str:
    """As they are given to `translate train`."""
    words = ((name, value if isinstance(value, tuple) else (value,)) for name, value in changes.items())
    return " ".join(" ".join([option(name), *map(str, values)]) for name, values in words)


def allowed(config: TrainingConfig, share: int, way: Way) -> list[dict[str, Any]]:
    """Those of the changes with which the settings are accepted."""
    found = []
    for changes in way.changes:
        try:
            dataclasses.replace(config, **{"batch": share, **changes})
        except ConfigError:
            continue
        found.append(changes)
    return found


def out_of_memory(
    step: Callable[[Batch], object], batch: Batch, config: TrainingConfig, device: torch.device,
    precision: torch.dtype, generator: Manifest, newest: Path | None,
) -> TrainingError:  # fmt: skip
    """What to say when a step does not fit: the largest settings with which one does, found by trying.

    Args:
        step: one update; the run is over, so that it may change the weights.
        precision: that of the run.
        newest: the last checkpoint.
    """
    share = len(batch.b)
    fits: list[str] = []
    resume = ""
    for way in ways(config, share, generator):
        if (found := allowed(config, share, way)) and _fits(step, batch, way, device):
            fits = [options(changes) for changes in found]
            if newest and set(found[0]) == {"accumulate"}:
                resume = f" With {fits[0]} --resume goes on from {newest}."
            break
    others = "a generator with a smaller width (--generator-arguments width N)"
    others += ", or --precision bf16" if precision == torch.float32 else ""
    known = {"batch": share, "accumulate": config.accumulate, "size": batch.b.shape[-1]}
    was = options({name: value for name, value in known.items() if (name, value) != ("accumulate", 1)})
    hint = f"no smaller part of a batch and no smaller size fits; try {others}"
    if fits:
        hint = f"a step fits with {', or with '.join(fits)}; else try {others}"
    return TrainingError(f"out of memory on {device} with {was}: {hint}.{resume}")


def give_back(device: torch.device) -> None:
    """Let go of what nobody uses any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _fits(step: Callable[[Batch], object], batch: Batch, way: Way, device: torch.device) -> bool:
    try:
        for side in way.sides:
            give_back(device)
            step(_cut(batch, way.pictures, side))
    except (RuntimeError, ValueError):  # too large still, or a size that the networks do not take
        return False
    return True


def _cut(batch: Batch, pictures: int, side: int) -> Batch:
    """So many pictures of that size: black ones where those at hand are smaller."""
    small = side * batch.a.shape[-1] // batch.b.shape[-1]
    if side > batch.b.shape[-1]:
        sizes = ((part.shape[1], one) for part, one in zip(batch, (small, side), strict=True))
        return Batch(*(batch.b.new_zeros(pictures, channels, one, one) for channels, one in sizes))
    return Batch(batch.a[:pictures, :, :small, :small], batch.b[:pictures, :, :side, :side])
