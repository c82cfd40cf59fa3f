"""Picture files -> pixels to be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import DataError, TranslateError
from translate.images import read_picture

Pixels = NDArray[np.uint8]

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga"}
ARRAY = ".npy"
"""NumPy's files, for pictures of other channels than picture files have."""
MOST_CHANNELS = 16
"""Of an array, as of a Manifest."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (BT.601, as JPEG has them)."""
LOOKED_AT = 16
"""Headers that are read to tell what a folder holds."""


def load_rgb(file: Path) -> Pixels:
    """[H, W, 3] uint8, turned as its EXIF orientation says; 16 bits become 8, alpha is dropped. Of an array of less
    than 3 channels the first is grey, of more the first 3 are shown.

    Raises:
        DataError: it cannot be read.
    """
    if file.suffix.lower() == ARRAY:
        array = load_array(file)
        return np.repeat(array[:, :, :1], 3, axis=2) if array.shape[2] < 3 else np.ascontiguousarray(array[:, :, :3])
    return load_pixels(file, 3)


def load_pixels(file: Path, channels: int) -> Pixels:
    """As `load_rgb`, with 1 channel (grey: the luma of colours), 3, or with alpha (opaque where there is none) 2 or 4.
    An array must have so many, which may be others.

    Raises:
        DataError: it cannot be read, or has no such channels.
    """
    if file.suffix.lower() == ARRAY:
        array = load_array(file)
        if array.shape[2] != channels:
            raise DataError(
                f"cannot train on {file}: it has {array.shape[2]} channels, and the generator {channels}: add "
                f"--generator-arguments channels {array.shape[2]}, or remove it."
            )
        return array
    if channels > 4:
        raise DataError(
            f"cannot train on {file}: pictures of {channels} channels are arrays in .npy files; picture files have up "
            "to 4."
        )
    try:
        picture = read_picture(file)
    except TranslateError as error:
        raise DataError(f"cannot train on {file}: {error}") from None
    color = _eight_bits(picture.color)
    alpha = np.full(color.shape[:2], 255, np.uint8) if picture.alpha is None else _eight_bits(picture.alpha)
    if channels <= 2:
        grey = color if color.ndim == 2 else (color @ LUMA).round().astype(np.uint8)
        return np.dstack([grey, alpha][:channels])
    color = np.repeat(color[:, :, None], 3, axis=2) if color.ndim == 2 else color
    return color if channels == 3 else np.dstack([color, alpha])


def load_array(file: Path) -> Pixels:
    """[H, W, C] uint8 of an .npy file, which holds that, or [H, W], in uint8 or uint16.

    Raises:
        DataError: something else.
    """
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"cannot train on {file}: it is no array of numbers ({error}).") from None
    array = array[:, :, None] if array.ndim == 2 else array
    sound = array.ndim == 3 and array.size > 0 and array.shape[2] <= MOST_CHANNELS
    if not sound or array.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"cannot train on {file}: it holds {list(array.shape)} of {array.dtype}; a picture is [H, W, C] of uint8 "
            f"or uint16, C up to {MOST_CHANNELS}."
        )
    return _eight_bits(array)


def _eight_bits(values: NDArray[Any]) -> Pixels:
    return (values / 257).round().astype(np.uint8) if values.dtype == np.uint16 else values


def width_to_height(files: Sequence[Path]) -> float:
    """Median shape of a few of the pictures; 2 where none can be opened."""
    shapes = shapes_of(files)
    return median(shapes) if shapes else 2.0  # what cannot be opened is told when it is loaded


def shapes_of(files: Sequence[Path]) -> list[float]:
    """Width / height of a few of the pictures, evenly from the list."""
    shapes = []
    for place in sorted({int(at) for at in np.linspace(0, len(files) - 1, LOOKED_AT)}):
        try:
            if files[place].suffix.lower() == ARRAY:
                height, width = np.load(files[place], mmap_mode="r").shape[:2]
            else:
                with Image.open(files[place]) as image:
                    width, height = image.size
            shapes.append(width / height)
        except (OSError, ValueError, SyntaxError, ZeroDivisionError):
            continue
    return shapes
