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


def in_shape(image: Pixels, side: int) -> tuple[int, int]:
    """Width and height of a picture whose shorter side is `side`, in the shape that it has."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    return max(side, round(width * scale)), max(side, round(height * scale))


def load_masked(files: Sequence[Path], side: int, channels: int, *, squeeze: bool) -> Pixels:
    """A picture, and its mask as one channel more where there is one, each as `square`, or of the picture's shape."""
    picture, *masks = [load_pixels(file, 1 if place else channels) for place, file in enumerate(files)]
    size = (side, side) if squeeze else in_shape(picture, side)
    return np.dstack([resized(image, size, Image.Resampling.BICUBIC) for image in (picture, *masks)])


def load_middle(file: Path, side: int, channels: int) -> Pixels:
    """The square in the middle of a picture whose shorter side has become `side`."""
    image = load_masked([file], side, channels, squeeze=False)
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


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
