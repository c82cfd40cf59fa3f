"""Folders of training pictures -> batches, each a function of the seed and its place in the run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from translate.training import processes
from translate.training.cache import PixelCache
from translate.training.config import TrainingConfig
from translate.training.layout import find_piles, hold_out, list_pictures
from translate.training.method import Batch
from translate.training.pixels import Pixels, load_rgb

Item = TypeVar("Item")

__all__ = [
    "Pile", "Pixels", "as_rgb", "batches", "find_piles", "hold_out", "ignore_stops", "list_pictures", "load_rgb",
    "to_device", "to_tensor",
]  # fmt: skip


class Pile(Generic[Item]):
    """Pictures of one kind, in an endless order that is new in each epoch and depends on the seed alone.

    Args:
        items: files, or pairs of files.
        prepare: item -> picture, decoded and resized.
        cache: prepared pictures, of the first items.
    """

    def __init__(
        self, items: Sequence[Item], seed: int, prepare: Callable[[Item], Pixels], cache: PixelCache | None = None
    ) -> None:
        self.items = list(items)
        self.seed = seed
        self.prepare = prepare
        self.cache = cache
        self.order = (-1, np.arange(0))  # of one epoch, which all of its samples ask for

    def __getitem__(self, place: int) -> Pixels:
        epoch, position = divmod(place, len(self.items))
        if self.order[0] != epoch:
            self.order = epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.items))
        index = int(self.order[1][position])
        kept = self.cache[index] if self.cache else None
        return self.prepare(self.items[index]) if kept is None else kept


def to_tensor(image: Pixels) -> Tensor:
    """[H, W, C] -> [C, H, W], uint8."""
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


def to_device(
    batch: Batch, device: torch.device, memory_format: torch.memory_format = torch.contiguous_format
) -> Batch:
    """uint8 -> float in [-1, 1] on the device."""
    moved = (part.to(device, non_blocking=True) for part in batch)
    return Batch(*(part.to(torch.float32, memory_format=memory_format) / 127.5 - 1 for part in moved))


def as_rgb(pictures: Tensor) -> Tensor:
    """[B, C, H, W] in [-1, 1] as they are shown and measured: grey in three, alpha (the last of 2 or 4) over grey, of
    more than 4 channels the first three."""
    if pictures.shape[1] in (2, 4):
        pictures = pictures[:, :-1] * ((pictures[:, -1:].clamp(-1, 1) + 1) / 2)
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures[:, :3]


def ignore_stops(_: int) -> None:
    """In a loader's process: Ctrl-C and SIGTERM, which terminals and job schedulers send to all processes of a run, are
    for the main one, which ends the run between two steps."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def shares(start: int, stop: int, batch: int, parts: int = 1) -> Iterator[int]:
    """Numbers of the samples in this process's share of each whole batch, which has as many of each of its parts; a
    batch that is not full is left out."""
    for place in range(start, stop - batch + 1, batch):
        yield from processes.mine(torch.arange(place, place + batch), parts).tolist()


def batches(
    samples: Dataset[Batch], config: TrainingConfig, start: int, *, pin: bool = False
) -> Generator[Batch, None, None]:
    """Batches from sample number `start` to the end of the run, this process's part of each.

    Close it if it is not read to its end: that ends its loaders, which otherwise keep the process from ending.
    """
    workers: dict[str, Any] = {"prefetch_factor": 4, "worker_init_fn": ignore_stops} if config.workers else {}
    yield from DataLoader(
        samples,
        batch_size=config.batch // processes.count(),
        sampler=shares(start, config.images, config.batch, config.accumulate),
        num_workers=config.workers,
        pin_memory=pin,
        generator=torch.Generator(),  # else the loader draws from the global random state, which the step uses
        **workers,
    )
