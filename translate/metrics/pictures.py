"""Which pictures of a folder a model is measured with: those kept for tests, before any that it may be trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from models.errors import DataError
from translate.training.layout import WIDE, list_pictures, match, recognise
from translate.training.pixels import Pixels, load_pixels

Kind = Literal["pictures", "side by side", "pairs", "piles"]
Pairing = Literal["auto", "pairs", "piles"]
TWO = {
    "test": (("testA", "testB"), ("test/A", "test/B"), ("test/input", "test/target")),
    "val": (("valA", "valB"), ("val/A", "val/B"), ("val/input", "val/target")),
    "train": (("trainA", "trainB"), ("train/A", "train/B"), ("train/input", "train/target")),
    "": (("A", "B"), ("input", "target")),
}
"""Part of a set -> two folders that may hold it. Those without a part are what training takes, too."""
NOTES = {
    "train": "training pictures, for there are none for tests: what a model makes of these says little of others",
    "": "the folders' names do not say whether these are pictures for tests",
}
PARTS = ("test", "val", "train")


@dataclass(frozen=True)
class Measured:
    """Pictures to measure with."""

    kind: Kind
    part: str
    """test, val or train, as the folders' names say; empty if they say nothing."""
    inputs: str
    """Where the pictures lie that are translated."""
    references: str
    """Where those lie that results are compared with."""
    a: tuple[Path, ...]
    """Pictures, whole pairs, or inputs."""
    b: tuple[Path, ...] = ()
    """Targets in the order of the inputs, or the other pile."""
    alone: int = 0
    """Pictures of two folders that have no partner of the same name, which are left out."""
    seen: str = ""
    """That the model has seen some of them, in words."""

    @property
    def note(self) -> str:
        """What must be known of figures that are taken with them; empty for pictures kept for tests."""
        return self.seen or NOTES.get(self.part, "")

    def limited(self, count: int | None) -> Measured:
        """Of the first so many pictures, or pairs."""
        return replace(self, a=self.a[:count], b=self.b[:count])


def find_pictures(data: Path) -> Measured:
    """For super-resolution: those in test or val, if there; else in train; else all.

    Raises:
        DataError: no such folder, or no picture in it.
    """
    found = next((name for name in PARTS if (data / name).is_dir()), "")
    return _one("pictures", found, data / found) if found else _one("pictures", _named(data), data)


def find_two(data: Path, pairing: Pairing, direction: str) -> Measured:
    """For translation: two folders, halves side by side, or a .csv file of pairs, as training takes them.

    Args:
        pairing: whether the pictures of two folders are pairs. auto: if more than half of the names are in both.
        direction: a-to-b or b-to-a.
    Raises:
        DataError: nothing of the kind there.
    """
    if data.suffix.lower() == ".csv" and not data.is_dir():
        found = recognise(data, "pix2pix")
        kind: Kind = "piles" if pairing == "piles" else "pairs"
        two = (found.b, found.a) if direction == "b-to-a" else (found.a, found.b)
        return Measured(kind, "", str(data), str(data), *two)
    for part, pairs in TWO.items():
        for names in pairs:
            folders = [data / name for name in (names[::-1] if direction == "b-to-a" else names)]
            if folders[0].is_dir() and folders[1].is_dir():
                return _two(folders[0], folders[1], pairing, part or _named(data))
        if part and (data / part).is_dir():
            return _one("side by side", part, data / part)
    return _one("side by side", _named(data), data)


def load_pairs(measured: Measured, channels: int, direction: str) -> Iterator[tuple[Path, Pixels, Pixels]]:
    """Name, input and target of each pair.

    Args:
        channels: 1, 3 or 4, as the model takes them.
    Raises:
        DataError: unreadable, or not two pictures side by side.
    """
    if measured.kind == "pairs":
        for one, other in zip(measured.a, measured.b, strict=True):
            yield one, load_pixels(one, channels), load_pixels(other, channels)
        return
    for file in measured.a:
        whole = load_pixels(file, channels)
        half = whole.shape[1] // 2
        if half < 1 or whole.shape[1] < WIDE * whole.shape[0]:
            raise DataError(
                f"{file} ({whole.shape[1]} x {whole.shape[0]}) does not look like two pictures side by side, and "
                "there are no two folders such as testA and testB beside it."
            )
        left, right = (np.ascontiguousarray(part) for part in (whole[:, :half], whole[:, half : 2 * half]))
        yield (file, right, left) if direction == "b-to-a" else (file, left, right)


def _one(kind: Kind, part: str, folder: Path) -> Measured:
    return Measured(kind, part, str(folder), str(folder), tuple(list_pictures(folder)))


def _named(data: Path) -> str:
    """The part that a folder's own name says."""
    name = data.resolve().name
    return name if name in PARTS else ""


def _two(inputs: Path, targets: Path, pairing: Pairing, part: str) -> Measured:
    a, b = ({file.relative_to(folder).with_suffix(""): file for file in list_pictures(folder)}
            for folder in (inputs, targets))  # fmt: skip
    both = sorted(a.keys() & b.keys())
    if pairing == "piles" or (pairing == "auto" and not match(a.keys(), b.keys())):
        pile, other = (tuple(list_pictures(folder)) for folder in (inputs, targets))
        return Measured("piles", part, str(inputs), str(targets), pile, other)
    if not both:
        raise DataError(f"no picture in {inputs} has a partner of the same name in {targets}: use --pairing piles.")
    pairs = tuple(a[name] for name in both), tuple(b[name] for name in both)
    return Measured("pairs", part, str(inputs), str(targets), *pairs, alone=len(a) + len(b) - 2 * len(both))
