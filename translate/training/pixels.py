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
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (BT.601, as JPEG has them)."""
LOOKED_AT = 16
"""Headers that are read to tell what a folder holds."""


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


def width_to_height(files: Sequence[Path]) -> float:
    """Median shape of a few of the pictures; 2 where none can be opened."""
    shapes = shapes_of(files)
    return median(shapes) if shapes else 2.0  # what cannot be opened is told when it is loaded


def shapes_of(files: Sequence[Path]) -> list[float]:
    """Width / height of a few of the pictures, evenly from the list."""
    shapes = []
    for place in sorted({int(at) for at in np.linspace(0, len(files) - 1, LOOKED_AT)}):
        try:
            with Image.open(files[place]) as image:
                shapes.append(image.width / image.height)
        except (OSError, ValueError, SyntaxError):
            continue
    return shapes
