"""Training samples of each method: number i of a run depends on the seed and i alone, not on who loads it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from models.errors import DataError
from translate.training.config import Pix2PixConfig, SRGANConfig, UnpairedConfig
from translate.training.data import Pile, Pixels, find_piles, hold_out, list_pictures, load_rgb, to_tensor
from translate.training.degrade import degrade, shrink
from translate.training.method import Batch

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it phones home when imported
import albumentations as A

Random = np.random.Generator

VALIDATION_SIDE = 256


def seeded(transform: A.Compose, random: Random) -> A.Compose:
    """The transform, its next draw decided by `random`."""
    transform.set_random_seed(int(random.integers(2**31)))
    return transform


def square(image: Pixels, side: int) -> Pixels:
    """Resized to side x side pixels (bicubic), as the papers' code loads pictures."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def load_square(file: Path, side: int) -> Pixels:
    """A picture file as `square`."""
    return square(load_rgb(file), side)


def load_pair(file: Path, side: int, *, swap: bool) -> Pixels:
    """A side-by-side picture -> [side, 2 * side, 3], input left, target right.

    Raises:
        DataError: unreadable, or too narrow to hold two pictures.
    """
    whole = load_rgb(file)
    half = whole.shape[1] // 2
    if half < 1:
        raise DataError(f"{file} is {whole.shape[1]} pixel wide: no two pictures side by side.")
    two = [square(whole[:, :half], side), square(whole[:, half : 2 * half], side)]
    return np.hstack(two[::-1] if swap else two)


def load_large(file: Path, smallest: int) -> Pixels:
    """A picture at its own size.

    Raises:
        DataError: unreadable, or a side is below `smallest` pixels.
    """
    image = load_rgb(file)
    if min(image.shape[:2]) < smallest:
        raise DataError(
            f"{file} is {image.shape[1]} x {image.shape[0]} pixels, smaller than --size {smallest}: "
            "remove it or choose a smaller --size."
        )
    return image


def as_batch(a: Pixels, b: Pixels) -> Batch:
    """A batch of one."""
    return Batch(to_tensor(a)[None], to_tensor(b)[None])


class Pairs(Dataset[Batch]):
    """Aligned side-by-side pictures in DATA/train or DATA, resized, then cut and mirrored alike."""

    def __init__(self, config: Pix2PixConfig) -> None:
        self.config = config
        folder = config.data / "train" if (config.data / "train").is_dir() else config.data
        files, self.aside = hold_out(list_pictures(folder), config.validation)
        self.load = partial(load_pair, side=config.load_size, swap=config.direction == "right-to-left")
        self.pile = Pile(files, config.seed, self.load)
        self.cut = A.Compose(
            [A.RandomCrop(config.size, config.size), A.HorizontalFlip(p=0.5 * config.flip)],
            additional_targets={"target": "image"},
        )

    def __getitem__(self, index: int) -> Batch:
        both, side = self.pile[index], self.config.load_size
        random = np.random.default_rng((self.config.seed, index))
        two = seeded(self.cut, random)(image=both[:, :side], target=both[:, side:])
        return Batch(to_tensor(two["image"]), to_tensor(two["target"]))

    def validation(self) -> list[Batch]:
        """The pictures kept aside, whole, at the size that is trained."""
        config = self.config
        pairs = [load_pair(file, config.size, swap=config.direction == "right-to-left") for file in self.aside]
        return [as_batch(pair[:, : config.size], pair[:, config.size :]) for pair in pairs]


class Piles(Dataset[Batch]):
    """Two unpaired folders, each in an order of its own, resized, then cut and mirrored independently.

    With several sizes, the resize goes in proportion to the one that is its batch's turn.
    """

    def __init__(self, config: UnpairedConfig) -> None:
        self.config = config
        (files_a, aside_a), (files_b, aside_b) = (
            hold_out(list_pictures(folder), config.validation) for folder in find_piles(config.data)
        )
        self.aside = list(zip(aside_a, aside_b, strict=True))
        load = partial(load_square, side=config.load_size)
        self.a, self.b = Pile(files_a, 2 * config.seed, load), Pile(files_b, 2 * config.seed + 1, load)
        self.cuts = [
            A.Compose([A.RandomCrop(size, size), A.HorizontalFlip(p=0.5 * config.flip)]) for size in config.stages
        ]

    def __getitem__(self, index: int) -> Batch:
        config = self.config
        random = np.random.default_rng((config.seed, index))
        stage = index // config.batch * config.batch * len(config.stages) // config.images  # one for a whole batch
        pictures = [self.a[index], self.b[index]]
        if config.stages[stage] != config.size:
            pictures = [square(p, config.load_size * config.stages[stage] // config.size) for p in pictures]
        a, b = (seeded(self.cuts[stage], random)(image=picture)["image"] for picture in pictures)
        return Batch(to_tensor(a), to_tensor(b))

    def validation(self) -> list[Batch]:
        """The pictures kept aside, whole, at the size that is trained."""
        return [as_batch(*(load_square(file, self.config.size) for file in two)) for two in self.aside]


class HighResolution(Dataset[Batch]):
    """High-resolution pictures, cut at their own size; the low ones are made on the fly.

    Args:
        scale: large side / small side.
        multiple: the small sides must be multiples of this.
    Raises:
        DataError: pictures smaller than the squares to be cut.
    """

    def __init__(self, config: SRGANConfig, scale: int, multiple: int = 1) -> None:
        self.config = config
        self.scale, self.unit = scale, scale * multiple
        files, self.aside = hold_out(list_pictures(config.data), config.validation)
        self.pile = Pile(files, config.seed, partial(load_large, smallest=config.size))
        turn = [A.RandomRotate90(p=1.0)] if config.rotate else []
        self.cut = A.Compose([A.RandomCrop(config.size, config.size), A.HorizontalFlip(p=0.5 * config.flip), *turn])

    def __getitem__(self, index: int) -> Batch:
        random = np.random.default_rng((self.config.seed, index))
        high = np.ascontiguousarray(seeded(self.cut, random)(image=self.pile[index])["image"])
        return Batch(to_tensor(degrade(high, self.scale, self.config, random)), to_tensor(high))

    def validation(self) -> list[Batch]:
        """The middle of the pictures kept aside, at most 256 pixels a side, shrunk by the likeliest kernel."""
        kernel = max(self.config.shrink, key=lambda name: self.config.shrink[name])
        batches = []
        for file in self.aside:
            image = load_rgb(file)
            height, width = (min(side, VALIDATION_SIDE) // self.unit * self.unit for side in image.shape[:2])
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            high = np.ascontiguousarray(image[top : top + height, left : left + width])
            batches.append(as_batch(shrink(high, self.scale, kernel), high))
        return batches
