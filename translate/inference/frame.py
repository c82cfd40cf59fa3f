"""A picture as a network sees it, and the result that it paints: without a copy of either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from translate.inference.cancel import checkpoint
from translate.inference.tiles import Span

FLAT = 2.01 / 255
"""Most that values of 1 differ by in a picture that counts as flat."""
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
"""Kinds of values that pictures hold -> white."""

Places = NDArray[np.intp]


def places(side: int, margin: int, length: int) -> Places:
    """Which row (or column) of a picture lies at each place of what the network sees.

    Args:
        side: of the picture.
        margin: pixels of mirrored surroundings at each end.
        length: of what the network sees: reflected at the far end, as often as it takes.
    """
    framed = np.pad(np.arange(side), margin, mode="symmetric")
    # one pixel has no neighbour to reflect
    return np.pad(framed, (0, length - len(framed)), mode="reflect" if len(framed) > 1 else "edge")


@dataclass(frozen=True)
class Frame:
    """What the network sees of a picture."""

    picture: NDArray[Any]
    """[H, W, C] or [H, W, 1]."""
    channels: int
    """That the network takes."""
    rows: Places
    columns: Places

    @property
    def height(self) -> int:
        return len(self.rows)

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def is_flat(self) -> bool:
        """Whether nothing in the picture stands out: two levels of 8 bits between its darkest and its brightest."""
        low, high = self.picture.min(axis=(0, 1)), self.picture.max(axis=(0, 1))
        return bool((high - low <= FLAT * WHITE[self.picture.dtype.name]).all())

    def read(self, y: Span, x: Span) -> NDArray[np.float32]:
        """A window as [1, C, h, w] in [0, 1]."""
        checkpoint()
        window = self.picture[self.rows[y.start : y.stop]][:, self.columns[x.start : x.stop]]
        batch = np.empty((1, self.channels, *window.shape[:2]), np.float32)
        np.divide(window.transpose(2, 0, 1), np.float32(WHITE[window.dtype.name]), out=batch[0])
        return batch


@dataclass(frozen=True)
class Canvas:
    """A result [H, W, C] or [H, W, 1], a part of what the network paints."""

    result: NDArray[Any]
    scale: int
    margin: int
    """Pixels that the network sees above and to the left of the picture."""

    def wants(self, y: Span, x: Span) -> bool:
        """Whether any of what a window gives is part of the result."""
        return all(len(self._kept(span, axis)) for axis, span in enumerate((y, x)))

    def paint(self, y: Span, x: Span, painted: NDArray[np.float32]) -> None:
        """Put the middle of a window's result [1, C, h, w] in its place, rounded to the result's kind.

        Colour is averaged for a grey result. Values beyond [0, 1] become black or white, whatever the file
        promised: as integers they would wrap around.
        """
        if not self.wants(y, x):
            return
        rows, columns = self._kept(y, 0), self._kept(x, 1)
        target = self.result[rows.start : rows.stop, columns.start : columns.stop]
        top, left = (kept.start - (span.start - self.margin) * self.scale for kept, span in ((rows, y), (columns, x)))
        planes = painted[0, :, top : top + len(rows), left : left + len(columns)]
        if target.shape[2] < len(planes):
            planes = planes.clip(0, 1).mean(axis=0, keepdims=True)
        white = np.float32(WHITE[target.dtype.name])
        for channel, plane in enumerate(planes):
            values = plane.clip(0, 1)
            target[:, :, channel] = values if target.dtype == np.float32 else np.rint(values * white)

    def _kept(self, span: Span, axis: int) -> range:
        """Rows (or columns) of the result that a window gives."""
        first, last = ((place - self.margin) * self.scale for place in (span.first, span.last))
        return range(max(first, 0), min(last, self.result.shape[axis]))
