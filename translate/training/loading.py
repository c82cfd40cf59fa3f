"""Training pictures as they are kept decoded: files -> pixels of the size that squares are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import DataError
from translate.training.degrade import resized
from translate.training.pixels import Pixels, load_pixels


def square(image: Pixels, side: int) -> Pixels:
    """Resized to side x side pixels (bicubic), as the papers' code loads pictures; any channels."""
    return resized(image, (side, side), Image.Resampling.BICUBIC)


def load_square(file: Path, side: int, channels: int) -> Pixels:
    """A picture file as `square`."""
    return square(load_pixels(file, channels), side)


def load_masked(files: Sequence[Path], side: int, channels: int) -> Pixels:
    """A picture, and its mask as one channel more where there is one, each as `square`."""
    picture, *mask = files
    return np.dstack([load_square(picture, side, channels), *(load_square(file, side, 1) for file in mask)])


def load_pair(files: Sequence[Path], side: int, channels: int, *, swap: bool) -> Pixels:
    """A picture with two halves, or two pictures -> [side, 2 * side, channels], input left, target right.

    Raises:
        DataError: unreadable, or too narrow to hold two pictures.
    """
    if len(files) == 2:
        two = [load_square(file, side, channels) for file in files]
    else:
        whole = load_pixels(files[0], channels)
        half = whole.shape[1] // 2
        if half < 1:
            raise DataError(f"{files[0]} is {whole.shape[1]} pixel wide: no two pictures side by side.")
        two = [square(whole[:, :half], side), square(whole[:, half : 2 * half], side)]
    return np.hstack(two[::-1] if swap else two)


def load_large(file: Path, smallest: int, channels: int) -> Pixels:
    """A picture at its own size.

    Raises:
        DataError: unreadable, or a side is below `smallest` pixels.
    """
    image = load_pixels(file, channels)
    if min(image.shape[:2]) < smallest:
        raise DataError(
            f"{file} is {image.shape[1]} x {image.shape[0]} pixels, smaller than --size {smallest}: "
            "remove it or choose a smaller --size."
        )
    return image
