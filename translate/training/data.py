"""Folders of training pictures -> batches, each a function of the seed and its place in the run."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.errors import DataError, TranslateError
from translate.images import read_picture
from translate.training.config import TrainingConfig
from translate.training.method import Batch

Pixels = NDArray[np.uint8]

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga"}
CACHE_BYTES = 2 * 1024**3


def list_pictures(folder: Path) -> list[Path]:
    """Pictures in a folder and below, sorted by path.

    Raises:
        DataError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder.")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
    if not files:
        raise DataError(f"no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))}).")
    return files


def hold_out(files: Sequence[Path], count: int) -> tuple[list[Path], list[Path]]:
    """(training, validation): the `count` files whose names have the smallest SHA-256 are kept aside.

    The choice depends on names alone, so that a benchmark finds the same pictures again.

    Raises:
        DataError: nothing would be left to train on.
    """
    if count >= len(files):
        raise DataError(f"--validation {count} leaves nothing to train on: there are {len(files)} pictures.")
    chosen = set(sorted(files, key=lambda file: hashlib.sha256(file.name.encode()).digest())[:count])
    return [f for f in files if f not in chosen], [f for f in files if f in chosen]


def find_piles(folder: Path) -> tuple[Path, Path]:
    """The two folders of an unpaired set: trainA and trainB, or A and B.

    Raises:
        DataError: neither is there.
    """
    for a, b in (("trainA", "trainB"), ("A", "B")):
        if (folder / a).is_dir() and (folder / b).is_dir():
            return folder / a, folder / b
    raise DataError(f"{folder} has neither trainA and trainB nor A and B: put the two piles of pictures there.")


def load_rgb(file: Path) -> Pixels:
    """[H, W, 3] uint8, turned as its EXIF orientation says; 16 bits become 8, alpha is dropped.

    Raises:
        DataError: it cannot be read.
    """
    try:
        color = read_picture(file).color
    except TranslateError as error:
        raise DataError(f"cannot train on {file}: {error}") from None
    if color.dtype == np.uint16:
        color = (color / 257).round().astype(np.uint8)
    return np.repeat(color[:, :, None], 3, axis=2) if color.ndim == 2 else color


class Pile:
    """Pictures of one kind, in an endless order that is new in each epoch and depends on the seed alone.

    Decoded (and resized) pictures are kept as uint8 as long as they fit into CACHE_BYTES.
    """

    def __init__(self, files: Sequence[Path], seed: int, prepare: Callable[[Path], Pixels] = load_rgb) -> None:
        self.files = list(files)
        self.seed = seed
        self.prepare = prepare
        self.cache: dict[int, Pixels] = {}
        self.order = (-1, np.arange(0))  # of one epoch, which all of its samples ask for
        with ThreadPoolExecutor() as threads:
            used = 0
            for index, picture in enumerate(threads.map(prepare, self.files)):
                used += picture.nbytes
                if used > CACHE_BYTES:
                    threads.shutdown(cancel_futures=True)
                    break
                self.cache[index] = picture

    def __getitem__(self, place: int) -> Pixels:
        epoch, position = divmod(place, len(self.files))
        if self.order[0] != epoch:
            self.order = epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.files))
        index = int(self.order[1][position])
        return self.cache[index] if index in self.cache else self.prepare(self.files[index])


def to_tensor(image: Pixels) -> Tensor:
    """[H, W, 3] -> [3, H, W], uint8."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def to_device(batch: Batch, device: torch.device) -> Batch:
    """uint8 -> float in [-1, 1] on the device, channels last (what convolutions there like best)."""
    return Batch(
        *(
            part.to(device, non_blocking=True).to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1
            for part in batch
        )
    )


def ignore_interrupts(_: int) -> None:
    """In a loader's process: Ctrl-C is for the main one, which ends the run between two steps."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches(samples: Dataset[Batch], config: TrainingConfig, start: int, *, pin: bool = False) -> Iterator[Batch]:
    """Batches from sample number `start` to the end of the run; a last one that is not full is left out."""
    workers: dict[str, Any] = {"prefetch_factor": 4, "worker_init_fn": ignore_interrupts} if config.workers else {}
    yield from DataLoader(
        samples,
        batch_size=config.batch,
        sampler=range(start, config.images),
        num_workers=config.workers,
        drop_last=True,
        pin_memory=pin,
        generator=torch.Generator(),  # else the loader draws from the global random state, which the step uses
        **workers,
    )
