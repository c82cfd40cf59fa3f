"""Mean and variance of a picture's tensors, from all of it or estimated from a part."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Mean and variance of each channel."""
Scales = tuple[Fraction, Fraction]

MOST_CORRECTION = 4.0
"""Most that detail may raise or lower a variance by."""


class Statistics:
    """Mean and variance of each channel, pooled over windows that do not overlap (Chan, Golub & LeVeque 1979)."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(channels)
        self.squares = np.zeros(channels)
        """Sums of squared distances from the mean."""

    @property
    def variance(self) -> NDArray[np.float64]:
        """Divided by the number of values, as InstanceNorm does."""
        return self.squares / max(self.count, 1)

    def add(self, values: Values) -> None:
        """Pool a window [C, h, w]."""
        count = values.shape[1] * values.shape[2]
        if not count:
            return
        parts = np.array([cv2.meanStdDev(plane) for plane in values]).reshape(-1, 2)
        total, shift = self.count + count, parts[:, 0] - self.mean
        self.mean += shift * (count / total)
        self.squares += parts[:, 1] ** 2 * count + shift**2 * (self.count * count / total)
        self.count = total


class Pool:
    """Statistics of tensors by name, over all that is computed of them."""

    def __init__(self) -> None:
        self.all: dict[str, Statistics] = {}

    def add(self, name: str, values: Values, place: tuple[int, int], scales: Scales) -> None:
        """Take a window [C, h, w] of a tensor, which begins at row and column `place` of it."""
        self.all.setdefault(name, Statistics(len(values))).add(values)

    def moments(self, name: str) -> Moments:
        """What a normalization of this tensor is to use."""
        return self.all[name].mean, self.all[name].variance


@dataclass(frozen=True)
class Grid:
    """Patches of a picture along one axis: where they begin, in pixels, and their side."""

    starts: tuple[int, ...]
    side: int
    rim: int
    """Pixels at their ends that are not counted: there they meet others, or what they are not cut out of."""

    def of_picture(self, start: int, length: int, scale: float) -> NDArray[np.bool_]:
        """Which places of a tensor of the picture lie inside a patch."""
        middles = (np.arange(start, start + length) + 0.5) / scale
        found: NDArray[np.bool_] = np.any([self._inside(middles - first) for first in self.starts], axis=0)
        return found

    def of_patches(self, start: int, length: int, scale: float) -> NDArray[np.bool_]:
        """Which places of a tensor of the patches side by side do."""
        return self._inside((np.arange(start, start + length) + 0.5) / scale % self.side)

    def _inside(self, middles: NDArray[np.floating]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (middles >= self.rim) & (middles < self.side - self.rim)
        return inside


Grids = tuple[Grid, Grid]


class ShrunkPool(Pool):
    """Of a shrunk picture; and apart, of those places in it that lie inside patches of the picture."""

    def __init__(self, grids: Grids, shrunk: tuple[float, float]) -> None:
        """`shrunk`: sides / the picture's."""
        super().__init__()
        self.grids, self.shrunk = grids, shrunk
        self.inside: dict[str, Statistics] = {}

    def add(self, name: str, values: Values, place: tuple[int, int], scales: Scales) -> None:
        super().add(name, values, place, scales)
        rows, columns = (
            grid.of_picture(start, length, float(scale) * shrunk)
            for grid, start, length, scale, shrunk in zip(
                self.grids, place, values.shape[1:], scales, self.shrunk, strict=True
            )
        )
        part = np.ascontiguousarray(values[:, rows][:, :, columns])
        self.inside.setdefault(name, Statistics(len(values))).add(part)


class PatchPool(Pool):
    """Of the patches at full size, which say what shrinking did to the statistics of all.

    The shrunk picture misses fine detail, the patches most of the picture; how the two differ where both are
    known corrects the former (a control variate).
    """

    def __init__(self, shrunk: ShrunkPool) -> None:
        super().__init__()
        self.shrunk = shrunk

    def add(self, name: str, values: Values, place: tuple[int, int], scales: Scales) -> None:
        rows, columns = (
            grid.of_patches(start, length, float(scale))
            for grid, start, length, scale in zip(self.shrunk.grids, place, values.shape[1:], scales, strict=True)
        )
        super().add(name, np.ascontiguousarray(values[:, rows][:, :, columns]), place, scales)

    def moments(self, name: str) -> Moments:
        mean, variance = self.shrunk.moments(name)
        small, full = self.shrunk.inside[name], self.all[name]
        if not small.count or not full.count:  # tensors of a few places, deep in a U-Net
            return mean, variance
        tiny = np.finfo(np.float32).tiny
        change = (full.variance + tiny) / (small.variance + tiny)
        return mean + full.mean - small.mean, variance * change.clip(1 / MOST_CORRECTION, MOST_CORRECTION)
