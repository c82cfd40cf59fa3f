"""Whether pictures are fit to be trained on: unreadable, too small, twice there, or also in the test set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import DataError
from translate.config_training import DataCheckConfig
from translate.training.layout import WIDE, Layout, recognise
from translate.training.pixels import load_rgb

Progress = Callable[[str, int, int], None]
ProblemKind = Literal["unreadable", "too small", "duplicate", "near duplicate", "leaked", "no partner", "odd shape"]

BITS = 6
"""Of 64, in which the hashes of near duplicates differ at most."""
SPREAD = 0.08
"""How far their thumbnails are apart at most, in parts of the thumbnail's own deviation (and one value of 255)."""
THUMBNAIL = 16
SIZES = {"pictures": 96}
"""Smallest useful side where the layout says so; 256 elsewhere: the methods' own defaults."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is remembered of a picture: about a kilobyte, for there may be many."""

    file: Path
    width: int
    height: int
    digest: bytes
    """SHA-256 of its pixels."""
    hash: int
    """Whether each of 8 x 8 cells is brighter than its right neighbour, as 64 bits."""
    thumbnail: NDArray[np.int16]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and the files that it is about."""

    kind: ProblemKind
    files: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class DataReport:
    """What a training set holds, and what is wrong with it."""

    data: str
    layout: str
    pictures: int
    smallest: tuple[int, int]
    """Width and height of the smallest picture, or of the half of a pair."""
    problems: tuple[Problem, ...]

    @property
    def exit_code(self) -> int:
        """1 if something is wrong."""
        return int(bool(self.problems))

    def to_json(self) -> str:
        """As indented JSON."""
        return json.dumps(asdict(self), indent=1)


def check_data(config: DataCheckConfig, on_progress: Progress = lambda *_: None) -> tuple[DataReport, list[Look]]:
    """Look at every picture of a training set and of the test set beside it.

    Returns:
        The report, and what was seen of each training picture (what a contact sheet shows).
    Raises:
        DataError: no set of pictures that any method, or the one named, could use.
    """
    layout = recognise(config.data, "" if config.method == "auto" else config.method)
    smallest = config.size or SIZES.get(layout.kind, 256)
    piles = [pile for pile in (layout.a, layout.b) if pile]
    total = sum(len(pile) for pile in (*piles, *layout.tests))
    done = 0
    problems = [
        Problem("no partner", (str(file),), "no picture of the same name in the other folder") for file in layout.alone
    ]
    looks: list[list[Look]] = []
    for pile in (*piles, *layout.tests[: len(piles)]):
        seen: list[Look] = []
        for found in _looked_at(pile):
            done += 1
            on_progress("looking", done, total)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                seen.append(found)
        looks.append(seen)
    trained, tested = looks[: len(piles)], looks[len(piles) :]
    halves = 2 if layout.kind == "side by side" else 1
    for seen, test in zip(trained, tested, strict=True):
        problems += _shapes(seen, smallest, halves)
        problems += _duplicates(seen)
        problems += _leaks(seen, test)
    problems += _partners(layout, trained)
    every = [look for seen in trained for look in seen]
    if not every:
        raise DataError(f"none of the {total} pictures in {config.data} can be read.")
    least = min(every, key=lambda look: min(look.width // halves, look.height))
    report = DataReport(
        str(config.data), layout.describe(), len(every), (least.width // halves, least.height), tuple(problems)
    )
    return report, every


def near(one: Look, other: Look) -> bool:
    """Whether two pictures are the same but for size, compression or small changes.

    The hash is a difference hash; as it says little of flat pictures, thumbnails must agree, too.
    """
    if (one.hash ^ other.hash).bit_count() > BITS:
        return False
    apart = np.abs(one.thumbnail - other.thumbnail).mean()
    return bool(apart <= 1 + SPREAD * min(one.thumbnail.std(), other.thumbnail.std()))


def look_at(file: Path) -> Look:
    """Decode a picture and keep little of it.

    Raises:
        DataError: it cannot be read.
    """
    pixels = np.ascontiguousarray(load_rgb(file))
    image = Image.fromarray(pixels)
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    thumbnail = np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), np.int16)
    bits = (grey[:, 1:] < grey[:, :-1]).ravel()
    return Look(
        file, image.width, image.height, hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest(),
        int.from_bytes(np.packbits(bits).tobytes()), thumbnail,
    )  # fmt: skip


def _looked_at(files: Sequence[Path]) -> Iterator[Look | Problem]:
    with ThreadPoolExecutor() as threads:
        yield from threads.map(_look_or_problem, files)


def _look_or_problem(file: Path) -> Look | Problem:
    try:
        return look_at(file)
    except DataError as error:
        return Problem("unreadable", (str(file),), str(error))


def _shapes(seen: Sequence[Look], smallest: int, halves: int) -> list[Problem]:
    problems = []
    for look in seen:
        size = f"{look.width} x {look.height} pixels"
        if halves == 2 and look.width < WIDE * look.height:
            problems.append(Problem("odd shape", (str(look.file),), f"{size}: not two pictures side by side"))
        elif min(look.width // halves, look.height) < smallest:
            what = f"{size}, each half {look.width // 2} wide" if halves == 2 else size
            problems.append(Problem("too small", (str(look.file),), f"{what}: less than {smallest}"))
    return problems


def _duplicates(seen: Sequence[Look]) -> list[Problem]:
    first: dict[bytes, list[Look]] = {}
    for look in seen:
        first.setdefault(look.digest, []).append(look)
    problems = [
        Problem("duplicate", tuple(str(look.file) for look in same), "the same pixels")
        for same in first.values()
        if len(same) > 1
    ]
    once = [same[0] for same in first.values()]
    place = {look: number for number, look in enumerate(once)}
    for one, others in _alike(once, once):
        later = [other for other in others if place[other] > place[one]]
        problems += [Problem("near duplicate", (str(one.file), str(o.file)), "nearly the same picture") for o in later]
    return problems


def _leaks(seen: Sequence[Look], test: Sequence[Look]) -> list[Problem]:
    known = {look.digest for look in seen}
    problems = []
    for one, others in _alike(test, seen):
        how = "the same pixels" if one.digest in known else "nearly the same picture"
        files = (str(one.file), *(str(other.file) for other in others))
        problems.append(Problem("leaked", files, f"{how} is tested with and trained on"))
    return problems


def _alike(some: Sequence[Look], others: Sequence[Look]) -> Iterator[tuple[Look, list[Look]]]:
    """Each of `some` that has near ones among `others` (itself left out), with those."""
    hashes = np.array([look.hash for look in others], np.uint64)
    for one in some:
        close = np.flatnonzero(np.bitwise_count(hashes ^ np.uint64(one.hash)) <= BITS)
        found = [other for at in close if (other := others[int(at)]) is not one and near(one, other)]
        if found:
            yield one, found


def _partners(layout: Layout, trained: Sequence[Sequence[Look]]) -> list[Problem]:
    """Pairs in two files, whose shapes differ."""
    if layout.kind not in ("parallel", "listed"):
        return []
    known = {look.file: look for seen in trained for look in seen}
    problems = []
    for a, b in zip(layout.a, layout.b, strict=True):
        one, other = known.get(a), known.get(b)
        if one and other and abs(one.width * other.height - other.width * one.height) > 0.02 * one.width * other.height:
            detail = f"{one.width} x {one.height} and {other.width} x {other.height} pixels: not the same shape"
            problems.append(Problem("odd shape", (str(a), str(b)), detail))
    return problems
