"""Ever smaller copies of a texture, as graphics cards want them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from translate.inference.light import from_light, to_light
from translate.picture import Array


def full_count(width: int, height: int) -> int:
    """Levels down to one pixel, the largest included."""
    return max(width, height).bit_length()


def mipmaps(color: Array, alpha: Array | None, count: int, *, light: bool) -> Iterator[tuple[Array, Array | None]]:
    """The picture, then each level at half the size of the one before: box filter, colour weighted by alpha.

    Args:
        color: [H, W] or [H, W, 3] uint8; alpha: [H, W] uint8 or None.
        light: whether colour is averaged as light (sRGB) or as plain numbers (data).
    """
    yield color, alpha
    values = to_light(np.linspace(0, 1, 256, dtype=np.float32))[color] if light else color.astype(np.float32)
    cover = None if alpha is None else alpha.astype(np.float32)
    for _ in range(count - 1):
        height, width = values.shape[:2]
        size = max(1, width // 2), max(1, height // 2)
        if cover is None:
            values = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        else:
            weight = cover[..., None] if values.ndim == 3 else cover
            sums = cv2.resize(values * weight, size, interpolation=cv2.INTER_AREA)
            plain = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
            cover = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
            weight = cover[..., None] if values.ndim == 3 else cover
            values = np.where(weight > 0, sums / np.maximum(weight, 1e-6), plain)
        shown = 255 * from_light(values) if light else values
        yield _rounded(shown), None if cover is None else _rounded(cover)


def _rounded(values: Array) -> Array:
    return np.rint(values).clip(0, 255).astype(np.uint8)
