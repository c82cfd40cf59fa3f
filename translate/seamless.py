"""Does a texture tile? Its left border against its right one, its upper against its lower one."""

from __future__ import annotations

import numpy as np

from translate.inference.wrapped import NO_WRAPS, Wraps
from translate.picture import Array

MIN_SIDE = 8
"""Pixels; of a smaller picture there is too little to tell by."""
STEP = 1.6
"""Largest step over the seam, in those next to it: more is a jump."""
CHANGE = 0.3
"""Most that the likeness (correlation) of the rows over the seam may be below that of the rows next to it."""
GRAIN = 1.0
"""Levels of 255 that a step may always have."""
LEAST_DETAIL = 1.0
"""Deviation along a border, in levels of 255, below which it is empty: a margin or a plain, which tells nothing."""
LEAST_VISIBLE = 0.2
"""Share of a border that must be opaque: sprites may touch it, fences are cut by it."""


def tiles(color: Array, alpha: Array | None = None) -> Wraps:
    """Whether a picture goes on, without a visible seam, beyond its right and beyond its lower border.

    Args:
        color: [H, W] or [H, W, 3] of uint8 or uint16; alpha: [H, W] or None.
    """
    if min(color.shape[:2]) < MIN_SIDE:
        return NO_WRAPS
    return _meets(color, alpha, 1), _meets(color, alpha, 0)


def _meets(color: Array, alpha: Array | None, axis: int) -> bool:
    """Whether the last line along an axis goes on in the first one, as well as they do in their neighbours."""
    last = color.shape[axis]
    places = (last - 2, last - 1, 0, 1)
    unit = np.float32(255 / np.iinfo(color.dtype).max)
    lines = color.take(places, axis).swapaxes(0, axis).astype(np.float32) * unit
    lines = lines.reshape(4, lines.shape[1], -1)
    if alpha is not None:
        cover = alpha.take(places, axis).swapaxes(0, axis).astype(np.float32)[..., None] * unit
        if min(cover[1].mean(), cover[2].mean()) < 255 * LEAST_VISIBLE:
            return False
        lines = np.concatenate([lines * (cover / 255), cover], axis=2)
    before, seam, after = np.abs(np.diff(lines, axis=0)).mean(axis=(1, 2))
    if seam > STEP * max(before, after) + GRAIN:
        return False
    grey = lines.mean(axis=2)
    grey -= grey.mean(axis=1, keepdims=True)
    energy = (grey**2).mean(axis=1)
    if min(energy[1], energy[2]) < LEAST_DETAIL**2:
        return False
    likeness = (grey[:-1] * grey[1:]).mean(axis=1) / np.sqrt(energy[:-1] * energy[1:] + 1)
    return bool(min(likeness[0], likeness[2]) - likeness[1] <= CHANGE)
