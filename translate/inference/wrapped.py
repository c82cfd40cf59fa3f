"""Seamless pictures: a network sees the picture's other side beyond its border, so that the result tiles as well.

A picture is padded by wrapping, computed, and cropped. Where the padding is narrower than what the network sees (some
see everything, and normalise by the padded picture: its own pixels, some of them twice), the two computations of each
strip along a seam are blended, half and half at the seam itself: whatever the network, the result goes on there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Wraps = tuple[bool, bool]
"""Whether a picture goes on beyond its right and beyond its lower border with its other side: in x, in y."""
NO_WRAPS: Wraps = (False, False)

FULL_PAD, SHARE = 12, 2 / 3
"""Pixels of the receptive radius that are always padded, and how much of a larger one: what lies farther away hardly
counts. With `texture-x4`, which sees 18 pixels, 12 change no value of 64 floors of Freedoom by more than 2 of 255, and
take three quarters of the time."""
MAX_PAD = 64
"""Most pixels, at the size that is computed, that are padded on a side; four times as much is computed at 128 x 128."""


@dataclass(frozen=True)
class Surroundings:
    """Pixels around a picture, on both sides of each axis."""

    across: int
    down: int
    complete: bool = True
    """Whether they are all that the network sees: then each pixel of the picture is right already."""

    @classmethod
    def needed(cls, wraps: Wraps, radius: int, multiple: int, shrinks: float) -> Surroundings:
        """For a network that sees `radius` pixels around each, of a picture that is shrunk by the factor `shrinks`."""
        seen = min(radius, max(FULL_PAD, math.ceil(radius * SHARE)), MAX_PAD)
        pad = math.ceil(seen / shrinks / multiple) * multiple
        return cls(pad * wraps[0], pad * wraps[1], complete=seen == radius and shrinks == 1)

    def added(self, picture: Array) -> Array:
        """[H, W, ...] -> [H + 2 down, W + 2 across, ...]."""
        if not (self.across or self.down):
            return picture
        height, width = picture.shape[:2]
        rows = np.arange(-self.down, height + self.down) % height
        columns = np.arange(-self.across, width + self.across) % width
        return np.ascontiguousarray(picture[rows][:, columns])

    def removed(self, result: Array, scale: int) -> Array:
        """What `added` gave, `scale` times larger -> the picture's own part, which tiles."""
        for axis, pad in ((0, self.down * scale), (1, self.across * scale)):
            if pad:
                inner = _cropped if self.complete else _closed
                result = np.moveaxis(inner(np.moveaxis(result, axis, 0), pad), 0, axis)
        return np.ascontiguousarray(result)


def _cropped(padded: Array, pad: int) -> Array:
    """[pad + N + pad, ...] -> [N, ...]."""
    return padded[pad:-pad]


def _closed(padded: Array, pad: int) -> Array:
    """The same; what was computed beyond each end is blended into the other one, less and less away from the seam."""
    inner = padded[pad:-pad].copy()
    width = min(math.ceil(pad / 2), len(inner) // 2)
    ahead, behind = padded[len(padded) - pad :][:width], padded[:pad][pad - width :]
    share = (0.5 * (1 - (np.arange(width, dtype=np.float32) + 0.5) / width)).reshape(-1, *[1] * (inner.ndim - 1))
    for strip, other, weight in ((inner[:width], ahead, share), (inner[len(inner) - width :], behind, share[::-1])):
        mixed = strip + weight * (other.astype(np.float32) - strip)
        strip[...] = mixed if inner.dtype == np.float32 else np.rint(mixed)
    return inner
