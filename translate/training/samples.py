"""Training samples of each method: number i of a run depends on the seed and i alone, not on who loads it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from models.errors import DataError
from translate.training.cache import fill, make_room
from translate.training.config import Pix2PixConfig, SRGANConfig, TrainingConfig, UnpairedConfig
from translate.training.data import Pile, to_tensor
from translate.training.degrade import degrade, resized, shrink
from translate.training.layout import Layout, find_piles, hold_out, recognise, with_masks
from translate.training.loading import load_large, load_masked, load_middle, load_pair, load_square
from translate.training.method import Batch
from translate.training.pixels import Pixels, load_pixels

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it phones home when imported
import albumentations as A

Random = np.random.Generator
Item = TypeVar("Item")

VALIDATION_SIDE = 256


def seeded(transform: A.Compose, random: Random) -> A.Compose:
    """The transform, its next draw decided by `random`."""
    transform.set_random_seed(int(random.integers(2**31)))
    return transform


def cut_out(
    side: int, config: TrainingConfig, *more: A.BasicTransform, crop: A.BasicTransform | None = None, **options: Any
) -> A.Compose:
    """A random square, mirrored at random if the settings say so, and what more is done to it."""
    return A.Compose([crop or A.RandomCrop(side, side), A.HorizontalFlip(p=0.5 * config.flip), *more], **options)


def zoomed(side: int, config: UnpairedConfig) -> A.Compose:
    """A random square of --size pixels, or less by up to --zoom, resized to `side`; then as `cut_out` does."""
    heights = (round(config.size / config.zoom), config.size)
    crop = A.RandomSizedCrop(heights, (side, side), interpolation=cv2.INTER_CUBIC, area_for_downscale="image")
    return cut_out(side, config, crop=crop)


def jittered(image: Pixels, most: float, random: Random) -> Pixels:
    """Brightness, contrast and saturation of an RGB picture times 1 - `most` to 1 + `most` each, in an order that is
    drawn, too; what follows its colours stays."""
    factors = (1 - most, 1 + most)
    change = A.Compose([A.ColorJitter(factors, factors, factors, hue=(0, 0), p=1)])
    colors = seeded(change, random)(image=np.ascontiguousarray(image[:, :, :3]))["image"]
    return np.dstack([colors, image[:, :, 3:]])


RECOLOR = (
    A.ChannelShuffle(p=1),
    A.MultiplicativeNoise((0.2, 1), per_channel=True, elementwise=False, p=0.5),
    A.ChannelDropout((1, 2), fill=0, p=0.5),
)
"""What --recolor does to some squares, in this order."""


def in_proportion(image: Pixels, config: Pix2PixConfig | UnpairedConfig, stage: int) -> Pixels:
    """A picture of `load_size`, and a mask that follows it, resized as its squares are in that stage of the run."""
    size = config.stages[stage]
    if size == config.size:
        return image
    height, width = (side * size // config.size for side in image.shape[:2])
    picture, mask = image[:, :, : config.channels], image[:, :, config.channels :]  # apart: a mask is not its alpha
    parts = [part for part in (picture, mask) if part.size]
    return np.dstack([resized(part, (width, height), Image.Resampling.BICUBIC) for part in parts])


def as_batch(a: Pixels, b: Pixels) -> Batch:
    """A batch of one."""
    return Batch(to_tensor(a)[None], to_tensor(b)[None])


def name_of(files: Sequence[Path]) -> str:
    """By which a pair is known."""
    return files[0].name


def alone(file: Path) -> tuple[Path]:
    """The one file that a picture comes from."""
    return (file,)


def all_of(files: Sequence[Path]) -> Sequence[Path]:
    """The files that a pair, or a picture and its mask, comes from."""
    return files


class Samples(Dataset[Batch], ABC):
    """What every training set says of itself."""

    layout: Layout
    kept_aside: int

    @abstractmethod
    def validation(self) -> list[Batch]:
        """The pictures kept aside, whole."""

    @abstractmethod
    def examples(self, count: int) -> list[Batch]:
        """The first pictures that are trained on, at most `count`, the same each time, as `validation` has them."""

    def describe(self) -> str:
        """One line for whoever starts the run."""
        aside = f"; {self.kept_aside} kept aside for validation" if self.kept_aside else ""
        return f"data: {self.layout.describe()}{aside}"


def pile(
    items: Sequence[Item], seed: int, prepare: Callable[[Item], Pixels], files: Callable[[Item], Sequence[Path]],
    config: TrainingConfig, label: str, share: int = 1,
) -> Pile[Item]:  # fmt: skip
    """Pictures behind the cache that the settings ask for, of which they get one of `share` equal parts."""
    cache = fill(items, prepare, files, config.cache, config.cache_bytes // share, label)
    if config.cache not in ("memory", "off"):
        make_room(Path(config.cache), config.cache_bytes)
    return Pile(items, seed, prepare, cache)


def kind_of(config: TrainingConfig) -> str:
    """What tells caches of other channels apart."""
    return "" if config.channels == 3 else f" {config.channels} channels"


class Pairs(Samples):
    """Aligned pictures, resized, then cut and mirrored alike; with several sizes as in `Piles`."""

    def __init__(self, config: Pix2PixConfig) -> None:
        self.config = config
        self.layout = recognise(config.data, "pix2pix")
        items, self.aside = hold_out(self.layout.pairs, config.validation, name_of)
        self.kept_aside = len(self.aside)
        swap = config.direction == "right-to-left"
        load = partial(load_pair, side=config.load_size, channels=config.channels, swap=swap)
        more = kind_of(config)
        self.pile = pile(items, config.seed, load, all_of, config, f"pair {config.load_size} {swap}{more}")
        self.cuts = [cut_out(size, config, additional_targets={"target": "image"}) for size in config.stages]

    def __getitem__(self, index: int) -> Batch:
        both, side, stage = self.pile[index], self.config.load_size, self.config.turn(index)
        random = np.random.default_rng((self.config.seed, index))
        one, other = (in_proportion(half, self.config, stage) for half in (both[:, :side], both[:, side:]))
        two = seeded(self.cuts[stage], random)(image=one, target=other)
        return Batch(to_tensor(two["image"]), to_tensor(two["target"]))

    def validation(self) -> list[Batch]:
        return self.whole(self.aside)

    def examples(self, count: int) -> list[Batch]:
        return self.whole(self.pile.items[:count])

    def whole(self, items: Sequence[Sequence[Path]]) -> list[Batch]:
        """Pairs, whole, at the size that is trained."""
        config = self.config
        swap = config.direction == "right-to-left"
        pairs = [load_pair(files, config.size, config.channels, swap=swap) for files in items]
        return [as_batch(pair[:, : config.size], pair[:, config.size :]) for pair in pairs]


class Piles(Samples):
    """Two unpaired folders, each in an order of its own, resized, then cut and mirrored independently.

    With several sizes, the resize goes in proportion to the one that is its batch's turn; with a zoom, that of the
    squares does. With masks, each picture's follows it as one channel more. What is translated may be jittered.
    """

    def __init__(self, config: UnpairedConfig) -> None:
        self.config = config
        self.layout = recognise(config.data, "cyclegan")
        (files_a, aside_a), (files_b, aside_b) = (
            hold_out(files, config.validation) for files in (self.layout.a, self.layout.b)
        )
        self.aside = list(zip(aside_a, aside_b, strict=True))
        self.kept_aside = 2 * len(self.aside)
        load = partial(load_masked, side=config.load_size, channels=config.channels, squeeze=config.squeeze)
        label = f"{'square' if config.squeeze else 'shorter side'} {config.load_size}{kind_of(config)}"
        items_a, items_b = self.with_masks(files_a, files_b)
        self.a, self.b = (
            pile(items, 2 * config.seed + number, load, all_of, config, label, share=2)
            for number, items in enumerate((items_a, items_b))
        )
        self.zooms = config.zoom > 1
        self.cuts = [(zoomed if self.zooms else cut_out)(size, config) for size in config.stages]

    def with_masks(self, *two: Sequence[Path]) -> Sequence[Sequence[tuple[Path, ...]]]:
        """The files that each picture of both piles comes from."""
        if self.config.masks is None:
            return [[(file,) for file in files] for files in two]
        if not self.config.data.is_dir():
            raise DataError(
                f"--masks needs --data of two folders, by whose names it goes; {self.config.data} is a list."
            )
        folders = zip(two, find_piles(self.config.data), find_piles(self.config.masks), strict=True)
        return [with_masks(*each) for each in folders]

    def __getitem__(self, index: int) -> Batch:
        config = self.config
        random = np.random.default_rng((config.seed, index))
        stage = config.turn(index)
        pictures = [self.a[index], self.b[index]]
        if not self.zooms:
            pictures = [in_proportion(picture, config, stage) for picture in pictures]
        pictures = [seeded(self.cuts[stage], random)(image=picture)["image"] for picture in pictures]
        if config.jitter:
            translated = pictures[: config.directions]
            pictures[: config.directions] = [jittered(picture, config.jitter, random) for picture in translated]
        return Batch(*map(to_tensor, pictures))

    def validation(self) -> list[Batch]:
        return self.whole(self.aside)

    def examples(self, count: int) -> list[Batch]:
        return self.whole([(a, b) for (a, *_), (b, *_) in zip(self.a.items, self.b.items, strict=False)][:count])

    def whole(self, twos: Sequence[tuple[Path, Path]]) -> list[Batch]:
        """A picture of each pile, whole (or its middle, if it is not squeezed), at the size that is trained."""
        size, channels = self.config.size, self.config.channels
        load = load_square if self.config.squeeze else load_middle
        return [as_batch(*(load(file, size, channels) for file in two)) for two in twos]


class HighResolution(Samples):
    """High-resolution pictures, cut as they are, in the sizes whose turn it is; the low ones are made on the fly.

    Args:
        scale: large side / small side.
        multiple: the small sides must be multiples of this.
    Raises:
        DataError: pictures smaller than the squares to be cut.
    """

    def __init__(self, config: SRGANConfig, scale: int, multiple: int = 1) -> None:
        self.config = config
        self.scale, self.unit = scale, scale * multiple
        self.layout = recognise(config.data, "srgan")
        files, self.aside = hold_out(self.layout.a, config.validation)
        self.kept_aside = len(self.aside)
        load = partial(load_large, smallest=max(config.stages), channels=config.channels)
        self.pile = pile(files, config.seed, load, alone, config, f"as it is{kind_of(config)}")
        more: list[A.BasicTransform | A.Compose] = [A.RandomRotate90(p=1.0)] if config.rotate else []
        if config.recolor:
            more.append(A.Sequential(RECOLOR, p=config.recolor))
        self.cuts = [cut_out(size, config, *more) for size in config.stages]

    def __getitem__(self, index: int) -> Batch:
        random = np.random.default_rng((self.config.seed, index))
        cut = seeded(self.cuts[self.config.turn(index)], random)
        high = np.ascontiguousarray(cut(image=self.pile[index])["image"])
        return Batch(to_tensor(degrade(high, self.scale, self.config, random)), to_tensor(high))

    def validation(self) -> list[Batch]:
        return self.middles(self.aside)

    def examples(self, count: int) -> list[Batch]:
        return self.middles(self.pile.items[:count])

    def middles(self, files: Sequence[Path]) -> list[Batch]:
        """The middle of each picture, at most 256 pixels a side, shrunk by the likeliest kernel."""
        kernel = max(self.config.shrink, key=lambda name: self.config.shrink[name])
        batches = []
        for file in files:
            image = load_pixels(file, self.config.channels)
            height, width = (min(side, VALIDATION_SIDE) // self.unit * self.unit for side in image.shape[:2])
            top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
            high = np.ascontiguousarray(image[top : top + height, left : left + width])
            batches.append(as_batch(shrink(high, self.scale, kernel), high))
        return batches
