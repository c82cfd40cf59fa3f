"""A part of a picture that stands for its statistics: all of it shrunk, and patches at full size."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from translate.inference.frame import Frame, places
from translate.inference.moments import Grid, Grids

PATCH, RIM = 96, 8
"""Pixels; patches for a network that halves more often are twice its smallest cell."""
SAMPLE_PIXELS = 4_000_000
"""Least pixels of a sample: a third in the shrunk picture, two in patches; half of a larger picture. Normalizations
follow the finest detail, which shrinking removes (a shrunk picture alone: URST, Chen et al. 2022; the "fast mode" of
Tiled VAE), and the whole of the picture, which patches miss. Against the statistics of the whole, on photographs of
1.2 to 1.3 megapixels, half of the pixels give a trained ResNet 35, 35 and 39 dB of PSNR and a quarter 26; with random
weights two fifths give 30 (ResNet) and 34 to 38 (U-Net), patches alone 29 to 34 and 23 to 33."""


def shrunk(frame: Frame, cells: tuple[int, int], pixels: int) -> Frame:
    """All of a picture, at about a third of `pixels`."""
    factor = min(math.sqrt(pixels / 3 / (frame.height * frame.width)), 1.0)
    height, width = (
        max(round(side * factor / cell), 1) * cell
        for side, cell in zip((frame.height, frame.width), cells, strict=True)
    )
    picture = frame.picture[frame.rows[0] : frame.rows.max() + 1, frame.columns[0] : frame.columns.max() + 1]
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)
    return replace(frame, picture=small, rows=places(height, 0, height), columns=places(width, 0, width))


def patches(frame: Frame, cells: tuple[int, int], pixels: int) -> tuple[Frame, Grids]:
    """About two thirds of `pixels` in patches side by side, evenly spaced over the picture; and where they are."""
    sides = [2 * cell if 2 * cell > PATCH else PATCH // cell * cell for cell in cells]
    most = [max(side // patch, 1) for side, patch in zip((frame.height, frame.width), sides, strict=True)]
    count = pixels * 2 / 3 / (sides[0] * sides[1])
    down = min(max(round(math.sqrt(count * frame.height / frame.width)), 1), most[0])
    across = min(max(round(count / down), 1), most[1])
    grids = _grid(frame.height, sides[0], down), _grid(frame.width, sides[1], across)
    rows, columns = (
        np.concatenate([seen[start : start + grid.side] for start in grid.starts])
        for seen, grid in zip((frame.rows, frame.columns), grids, strict=True)
    )
    return replace(frame, rows=rows, columns=columns), grids


def _grid(length: int, side: int, count: int) -> Grid:
    side = min(side, length)
    starts = np.linspace(0, length - side, count).round().astype(int)
    return Grid(tuple(int(start) for start in starts), side, RIM if side > 4 * RIM else 0)
