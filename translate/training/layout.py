"""What lies in a folder of training pictures, and which of it belongs together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeVar

from models.errors import DataError
from translate.training.listed import read_pairs
from translate.training.pixels import ARRAY, SUFFIXES, shapes_of, width_to_height

Item = TypeVar("Item")
Kind = Literal["side by side", "parallel", "listed", "piles", "pictures"]

PILES = (("trainA", "trainB"), ("A", "B"))
PARALLEL = (*PILES, ("input", "target"))
TESTS = (("testA", "testB"), ("valA", "valB"))
ASIDE = ("test", "val", "validation")
NOT_TRAINED = {*ASIDE, *(name.lower() for names in TESTS for name in names)}
"""Folders, in small letters, whose pictures are for testing."""
WIDE = 1.9
"""Width / height that two pictures side by side have at least: two squares have 2, single photographs 1.78 at most."""


@dataclass(frozen=True)
class Layout:
    """Pictures of one training set, by what they are to each other."""

    kind: Kind
    root: Path
    """Folder (or .csv file) that they were found in."""
    a: tuple[Path, ...]
    """Whole pairs (side by side), inputs (parallel, listed), the first pile, or all pictures."""
    b: tuple[Path, ...] = ()
    """Targets, in the order of the inputs, or the second pile."""
    tests: tuple[tuple[Path, ...], tuple[Path, ...]] = ((), ())
    """Pictures beside them that must not be trained on, likewise."""
    alone: tuple[Path, ...] = ()
    """Pictures without a partner of the same name, which are left out."""
    folders: tuple[str, ...] = ()
    """Names of the two folders, of inputs and of targets, where they are in two (parallel)."""

    @property
    def pairs(self) -> list[tuple[Path, ...]]:
        """What is loaded together: one file with two halves, or two files."""
        return list(zip(self.a, self.b, strict=True)) if self.b else [(file,) for file in self.a]

    def describe(self) -> str:
        """One line on what was found, and where."""
        count = f"{len(self.a):,}"
        left_out = f" ({len(self.alone):,} without a partner left out)" if self.alone else ""
        tests = sum(map(len, self.tests))
        two = f"two folders of {self.root}" + (": left {}, right {}".format(*self.folders) if self.folders else "")
        beside = f"; {tests:,} for testing left out" if tests else ""
        found = {
            "side by side": f"{count} pairs side by side in {self.root}",
            "parallel": f"{count} pairs of equal names in {two}{left_out}",
            "listed": f"{count} pairs listed in {self.root}",
            "piles": f"two unpaired piles of {count} and {len(self.b):,} pictures in {self.root}",
            "pictures": f"{count} pictures in {self.root}",
        }[self.kind]
        return found + beside


def recognise(data: Path, method: str = "") -> Layout:
    """What `data` holds, as a method needs it: a folder, or a .csv file with two columns of paths.

    Args:
        method: pix2pix, cyclegan, cut or srgan; empty to guess from the folders and shapes.
    Raises:
        DataError: nothing there that the method could use; says what it needs.
    """
    if data.suffix.lower() == ".csv" and not data.is_dir():
        if method == "srgan":
            raise DataError(f"{data} lists pairs; srgan makes its small pictures itself: name a folder of large ones.")
        inputs, targets = read_pairs(data)
        if method in ("cyclegan", "cut"):
            return Layout("piles", data, tuple(dict.fromkeys(inputs)), tuple(dict.fromkeys(targets)))
        return Layout("listed", data, inputs, targets)
    if not data.is_dir():
        raise DataError(f"{data} is not a folder.")
    if not method:
        method = _guessed(data)
    if method == "pix2pix":
        return _pairs(data)
    if method in ("cyclegan", "cut"):
        a, b = find_piles(data)
        return Layout("piles", data, tuple(list_pictures(a)), tuple(list_pictures(b)), _tests(data))
    folder, files, aside = _training(data)
    return Layout("pictures", folder, files, tests=(aside, ()))


def list_pictures(folder: Path) -> list[Path]:
    """Pictures in a folder and below, sorted by path.

    Raises:
        DataError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder.")
    files = _below(folder)
    if not files:
        raise DataError(f"no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))}, {ARRAY}).")
    return files


def by_name(folder: Path) -> dict[Path, Path]:
    """Pictures in a folder and below by their paths in it without suffixes, sorted.

    Raises:
        DataError: no such folder, no picture in it, or two of one name.
    """
    names: dict[Path, Path] = {}
    for file in list_pictures(folder):
        before = names.setdefault(file.relative_to(folder).with_suffix(""), file)
        if before != file:
            raise DataError(f"{before} and {file.name} have the same name: which one is the partner? Remove one.")
    return names


def with_masks(files: Sequence[Path], pile: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Each picture of a pile and its mask, which has the same name in the folder of masks, whatever its suffix.

    Raises:
        DataError: a picture has no mask, or two.
    """
    found = by_name(masks)
    names = [file.relative_to(pile).with_suffix("") for file in files]
    missing = [file for file, name in zip(files, names, strict=True) if name not in found]
    if missing:
        more = f", nor for {len(missing) - 1:,} others" if len(missing) > 1 else ""
        raise DataError(
            f"there is no mask for {missing[0]} in {masks}{more}: each picture needs a grey one of its name there, "
            "white where it may change."
        )
    return [(file, found[name]) for file, name in zip(files, names, strict=True)]


def find_piles(folder: Path) -> tuple[Path, Path]:
    """The two folders of an unpaired set: trainA and trainB, or A and B, there or in train.

    Raises:
        DataError: neither is there.
    """
    found = _two(folder, PILES) or _two(folder / "train", PILES)
    if found is None:
        raise DataError(
            f"{folder} has neither trainA and trainB nor A and B, nor has train in it: put the two piles of pictures "
            "there."
        )
    return found


def _by_name(item: Path) -> str:
    return item.name


def hold_out(
    files: Sequence[Item], count: int, name: Callable[[Item], str] = _by_name  # type: ignore[assignment]
) -> tuple[list[Item], list[Item]]:  # fmt: skip
    """(training, validation): the `count` files whose names have the smallest SHA-256 are kept aside.

    The choice depends on names alone, so that a benchmark finds the same pictures again.

    Raises:
        DataError: nothing would be left to train on.
    """
    if count >= len(files):
        raise DataError(f"--validation {count} leaves nothing to train on: there are {len(files)} pictures.")
    chosen = set(sorted(files, key=lambda file: hashlib.sha256(name(file).encode()).digest())[:count])
    return [f for f in files if f not in chosen], [f for f in files if f in chosen]


def _two(folder: Path, names: Sequence[tuple[str, str]]) -> tuple[Path, Path] | None:
    return next(((folder / a, folder / b) for a, b in names if (folder / a).is_dir() and (folder / b).is_dir()), None)


def _below(folder: Path) -> list[Path]:
    """Picture files, or arrays where there are none."""
    files = sorted(f for f in folder.rglob("*") if not f.name.startswith("."))
    return [f for f in files if f.suffix.lower() in SUFFIXES] or [f for f in files if f.suffix.lower() == ARRAY]


def _training(data: Path) -> tuple[Path, tuple[Path, ...], tuple[Path, ...]]:
    """A folder, its pictures that are to be trained on, and those beside or in it that are for testing."""
    folder = data / "train" if (data / "train").is_dir() else data
    asides = [entry for entry in sorted(data.iterdir()) if entry.is_dir() and entry.name.lower() in NOT_TRAINED]
    aside = tuple(file for entry in asides for file in _below(entry))
    files = tuple(sorted(set(list_pictures(folder)) - set(aside)))
    if not files:
        names = ", ".join(entry.name for entry in asides)
        raise DataError(f"all pictures in {data} are for testing ({names}): put those to train on into {data}/train.")
    return folder, files, aside


def _tests(data: Path, names: Sequence[tuple[str, str]] = PILES) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Two folders for testing beside the two that are trained on: testA and testB, or as those, in test or val."""
    within = (two for name in ASIDE if (two := _two(data / name, names)))
    found = _two(data, TESTS) or next(within, None)
    return (tuple(list_pictures(found[0])), tuple(list_pictures(found[1]))) if found else ((), ())


def _pairs(data: Path) -> Layout:
    for base in (data, data / "train"):
        folders = _two(base, PARALLEL)
        if folders:
            return _parallel(base, folders, _tests(data, PARALLEL))
    folder, files, aside = _training(data)
    shape = width_to_height(files)
    if shape >= WIDE:
        return Layout("side by side", folder, files, tests=(aside, ()))
    twins = _twins(folder)
    if len(twins) == 1:
        ((a, b),) = twins
        return _parallel(folder, (a, b), _tests(data, [(a.name, b.name)]))
    if twins:
        names = ", ".join(sorted({entry.name for two in twins for entry in two}))
        raise DataError(
            f"several folders in {folder} have the same names in them ({names}): which are the pairs? Call those two A "
            "and B, or input and target."
        )
    raise DataError(
        f"the pictures in {folder} are {shape:.2f} times as wide as high, as single pictures are; two side by side are "
        f"at least {WIDE} times as wide. pix2pix needs those, two folders A and B (or input and target) with equal "
        "names, or a .csv file of two columns of paths. Without pairs train cyclegan or cut on two piles, or srgan."
    )


def _names(folder: Path) -> set[Path]:
    """Of the pictures in it, without what tells their kind."""
    return {file.relative_to(folder).with_suffix("") for file in _below(folder)}


def match(one: Set[Path], other: Set[Path]) -> bool:
    """Whether more than half of the names are in both."""
    return 2 * len(one & other) > len(one | other)


def _twins(base: Path) -> list[tuple[Path, Path]]:
    """Each two folders, by whatever names, whose pictures have the same names; none where pictures lie beside them."""
    entries = [entry for entry in sorted(base.iterdir()) if not entry.name.startswith(".")]
    if any(entry.suffix.lower() in {*SUFFIXES, ARRAY} for entry in entries):
        return []
    named = {e: names for e in entries if e.is_dir() and e.name.lower() not in NOT_TRAINED and (names := _names(e))}
    return [(a, b) for a, b in combinations(named, 2) if match(named[a], named[b])]


def _parallel(root: Path, folders: tuple[Path, Path], tests: tuple[tuple[Path, ...], tuple[Path, ...]]) -> Layout:
    named = [by_name(folder) for folder in folders]
    both = sorted(named[0].keys() & named[1].keys())
    if not both:
        raise DataError(
            f"no picture in {folders[0]} has a partner of the same name in {folders[1]}, which pix2pix needs. "
            "For piles that do not match train cyclegan or cut."
        )
    alone = sorted(file for names in named for name, file in names.items() if name not in both)
    return Layout(
        "parallel", root, tuple(named[0][n] for n in both), tuple(named[1][n] for n in both), tests, tuple(alone),
        (folders[0].name, folders[1].name),
    )  # fmt: skip


def _guessed(data: Path) -> str:
    """The method that a folder suits."""
    if any(_two(base, (("input", "target"),)) for base in (data, data / "train")):
        return "pix2pix"
    two = _two(data, PILES) or _two(data / "train", PILES)
    if two:
        return "pix2pix" if match(*map(_names, two)) else "cyclegan"
    folder, files, _ = _training(data)
    shapes = shapes_of(files)
    alike = sum(abs(shape - 2) < 0.05 for shape in shapes)
    return "pix2pix" if (shapes and 2 * alike > len(shapes)) or len(_twins(folder)) == 1 else "srgan"
