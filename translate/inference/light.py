"""Pictures mixed as light mixes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ROWS = 256
"""Rows mixed at a time, which bounds the memory for the light of both pictures."""

_WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}


def mix(picture: Array, result: Array, strength: float) -> Array:
    """(1 - strength) of one picture's light and `strength` of another's.

    Values are sRGB (IEC 61966-2-1), which is not proportional to light: mixed as they are, edges darken.

    Args:
        picture, result: [H, W] or [H, W, C] of one shape and type: uint8, uint16 or float32 in [0, 1].
        strength: 0 gives `picture`, 1 gives `result`.
    Returns:
        As `result`.
    """
    white = _WHITE[result.dtype.name]
    mixed = np.empty_like(result)
    for top in range(0, len(result), ROWS):
        before, after = (
            to_light(np.divide(part[top : top + ROWS], white, dtype=np.float32)) for part in (picture, result)
        )
        values = from_light(before + np.float32(strength) * (after - before)) * np.float32(white)
        mixed[top : top + ROWS] = values if white == 1 else np.rint(values)
    return mixed


def to_light(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB values in [0, 1] -> light in [0, 1]."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def from_light(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light in [0, 1] -> sRGB values in [0, 1]."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)
