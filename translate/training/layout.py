"""What lies in a folder of training pictures, and which of it belongs together."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import DataError, TranslateError
from translate.images import read_picture

Pixels = NDArray[np.uint8]
Item = TypeVar("Item")
Kind = Literal["side by side", "parallel", "listed", "piles", "pictures"]

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga"}
PILES = (("trainA", "trainB"), ("A", "B"))
PARALLEL = (*PILES, ("input", "target"))
TESTS = (("testA", "testB"), ("valA", "valB"))
ASIDE = ("test", "val")
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (BT.601, as JPEG has them)."""
WIDE = 1.1
"""Width / height that two pictures side by side have at least."""
LOOKED_AT = 16
"""Headers that are read to tell what a folder holds."""


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

    @property
    def pairs(self) -> list[tuple[Path, ...]]:
        """What is loaded together: one file with two halves, or two files."""
        return list(zip(self.a, self.b, strict=True)) if self.b else [(file,) for file in self.a]

    def describe(self) -> str:
        """One line on what was found, and where."""
        count = f"{len(self.a):,}"
        left_out = f" ({len(self.alone):,} without a partner left out)" if self.alone else ""
        return {
            "side by side": f"{count} pairs side by side in {self.root}",
            "parallel": f"{count} pairs of equal names in two folders of {self.root}{left_out}",
            "listed": f"{count} pairs listed in {self.root}",
            "piles": f"two unpaired piles of {count} and {len(self.b):,} pictures in {self.root}",
            "pictures": f"{count} pictures in {self.root}",
        }[self.kind]


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
        inputs, targets = _listed(data)
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
    folder = _train(data)
    return Layout("pictures", folder, tuple(list_pictures(folder)), tests=(_aside(data, folder), ()))


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


def find_piles(folder: Path) -> tuple[Path, Path]:
    """The two folders of an unpaired set: trainA and trainB, or A and B.

    Raises:
        DataError: neither is there.
    """
    found = _two(folder, PILES)
    if found is None:
        raise DataError(f"{folder} has neither trainA and trainB nor A and B: put the two piles of pictures there.")
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


def load_rgb(file: Path) -> Pixels:
    """[H, W, 3] uint8, turned as its EXIF orientation says; 16 bits become 8, alpha is dropped.

    Raises:
        DataError: it cannot be read.
    """
    return load_pixels(file, 3)


def load_pixels(file: Path, channels: int) -> Pixels:
    """As `load_rgb`, with 1 channel (grey: the luma of colours), 3, or 4 (with alpha, opaque where there is none).

    Raises:
        DataError: it cannot be read.
    """
    try:
        picture = read_picture(file)
    except TranslateError as error:
        raise DataError(f"cannot train on {file}: {error}") from None
    color = _eight_bits(picture.color)
    if channels == 1:
        grey = color if color.ndim == 2 else (color @ LUMA).round().astype(np.uint8)
        return grey[:, :, None]
    color = np.repeat(color[:, :, None], 3, axis=2) if color.ndim == 2 else color
    if channels == 3:
        return color
    alpha = np.full(color.shape[:2], 255, np.uint8) if picture.alpha is None else _eight_bits(picture.alpha)
    return np.dstack([color, alpha])


def _eight_bits(values: NDArray[Any]) -> Pixels:
    return (values / 257).round().astype(np.uint8) if values.dtype == np.uint16 else values


def _two(folder: Path, names: Sequence[tuple[str, str]]) -> tuple[Path, Path] | None:
    return next(((folder / a, folder / b) for a, b in names if (folder / a).is_dir() and (folder / b).is_dir()), None)


def _train(data: Path) -> Path:
    return data / "train" if (data / "train").is_dir() else data


def _aside(data: Path, used: Path) -> tuple[Path, ...]:
    folders = [data / name for name in ASIDE if used != data and (data / name).is_dir()]
    return tuple(file for folder in folders for file in list_pictures(folder))


def _tests(data: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    found = _two(data, TESTS)
    return (tuple(list_pictures(found[0])), tuple(list_pictures(found[1]))) if found else ((), ())


def _pairs(data: Path) -> Layout:
    for base in (data, data / "train"):
        folders = _two(base, PARALLEL)
        if folders:
            beside = next((two for name in ASIDE if (two := _two(data / name, PARALLEL))), None) or _two(data, TESTS)
            tests = tuple(tuple(list_pictures(folder)) for folder in beside) if beside else ((), ())
            return _parallel(base, folders, (tests[0], tests[1]))
    folder = _train(data)
    files = list_pictures(folder)
    shape = _width_to_height(files)
    if shape < WIDE:
        raise DataError(
            f"the pictures in {folder} are {shape:.2f} times as wide as high: no pairs side by side. pix2pix needs "
            "those, two folders A and B (or input and target) with equal names, or a .csv file of two columns of paths."
        )
    return Layout("side by side", folder, tuple(files), tests=(_aside(data, folder), ()))


def _parallel(root: Path, folders: tuple[Path, Path], tests: tuple[tuple[Path, ...], tuple[Path, ...]]) -> Layout:
    named: list[dict[Path, Path]] = []
    for folder in folders:
        names: dict[Path, Path] = {}
        for file in list_pictures(folder):
            before = names.setdefault(file.relative_to(folder).with_suffix(""), file)
            if before != file:
                raise DataError(f"{before} and {file.name} have the same name: which one is the partner? Remove one.")
        named.append(names)
    both = sorted(named[0].keys() & named[1].keys())
    if not both:
        raise DataError(
            f"no picture in {folders[0]} has a partner of the same name in {folders[1]}, which pix2pix needs. "
            "For piles that do not match train cyclegan or cut."
        )
    alone = sorted(file for names in named for name, file in names.items() if name not in both)
    return Layout(
        "parallel", root, tuple(named[0][n] for n in both), tuple(named[1][n] for n in both), tests, tuple(alone)
    )


def _listed(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Two columns of paths, relative to the file; a first line that names no files is its header."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}.") from None
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    pairs: list[tuple[Path, Path]] = []
    for number, row in enumerate(csv.reader(text.splitlines(), dialect), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != 2 or not all(cells):
            raise DataError(f"{path}, line {number}: two paths are needed, input and target, not {len(row)} columns.")
        two = path.parent / cells[0], path.parent / cells[1]
        missing = [file for file in two if not file.is_file()]
        if len(missing) == 2 and number == 1 and not any(Path(cell).suffix.lower() in SUFFIXES for cell in cells):
            continue  # the header
        if missing:
            raise DataError(f"{path}, line {number}: there is no file {missing[0]}.")
        pairs.append(two)
    if not pairs:
        raise DataError(f"{path} lists no pairs.")
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


def _guessed(data: Path) -> str:
    """The method that a folder suits."""
    if any(_two(base, (("input", "target"),)) for base in (data, data / "train")):
        return "pix2pix"
    two = _two(data, PILES) or _two(data / "train", PILES)
    if two:
        names = [{file.relative_to(folder).with_suffix("") for file in list_pictures(folder)} for folder in two]
        paired = 2 * len(names[0] & names[1]) > len(names[0] | names[1])
        return "pix2pix" if paired or two[0].parent != data else "cyclegan"
    shapes = _shapes(list_pictures(_train(data)))
    alike = sum(abs(shape - 2) < 0.05 for shape in shapes)
    return "pix2pix" if shapes and 2 * alike > len(shapes) else "srgan"


def _width_to_height(files: Sequence[Path]) -> float:
    shapes = _shapes(files)
    return median(shapes) if shapes else 2.0  # what cannot be opened is told when it is loaded


def _shapes(files: Sequence[Path]) -> list[float]:
    """Width / height of a few of the pictures, evenly from the list."""
    shapes = []
    for place in sorted({int(at) for at in np.linspace(0, len(files) - 1, LOOKED_AT)}):
        try:
            with Image.open(files[place]) as image:
                shapes.append(image.width / image.height)
        except (OSError, ValueError, SyntaxError):
            continue
    return shapes
