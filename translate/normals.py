"""Normal maps: colours that are vectors, x, y and z in red, green and blue, of length 1.

They are enlarged channel by channel, each as a grey picture, and brought back to length 1: on 10 maps made from
textures and shrunk four times, `texture-x4` is then off by 2.3 degrees on average; all channels at once 2.9, bicubic
2.6, Lanczos 2.5 (`python -m benchmarks.normals --data DIR`).
"""

from __future__ import annotations

import numpy as np

from translate.picture import Array

SAMPLE = 4096
"""Pixels, or a few more, that are looked at."""


def vectors(color: Array) -> Array:
    """[H, W, 3] of uint8 or uint16 -> float32 in [-1, 1]."""
    return color.astype(np.float32) * np.float32(2 / np.iinfo(color.dtype).max) - 1


def packed(field: Array, white: int) -> Array:
    """Vectors [H, W, 3], of any length above 0, as colours of unit vectors: uint8 or uint16 by `white`."""
    length = np.maximum(np.linalg.norm(field, axis=2, keepdims=True), 1e-6)
    colors: Array = np.rint((field / length + 1) * (white / 2)).astype(np.uint8 if white == 255 else np.uint16)
    return colors


def has_empty_blue(color: Array) -> bool:
    """Whether blue is one end of its range throughout, as in maps that leave z to be computed."""
    blue = color[..., 2]
    return int(blue.flat[0]) in (0, int(np.iinfo(color.dtype).max)) and not (blue != blue.flat[0]).any()


def with_z(field: Array) -> Array:
    """Vectors of which x and y are known, with the z that makes them 1 long; too long ones are shortened."""
    xy = field[..., :2]
    xy = xy / np.maximum(np.linalg.norm(xy, axis=2, keepdims=True), 1)
    z = np.sqrt(np.maximum(1 - (xy**2).sum(axis=2, keepdims=True), 0))
    return np.concatenate([xy, z], axis=2)


def looks_like_normals(color: Array, *, named: bool) -> bool:
    """Whether a picture's colours are unit vectors that point out of it on average.

    Args:
        color: [H, W] or [H, W, 3].
        named: whether its name says so: then coarser ones pass, such as those out of a JPEG or a palette, flat ones,
            and those without blue.
    """
    if color.ndim == 2:
        return False
    step = max(1, int((color.shape[0] * color.shape[1] / SAMPLE) ** 0.5))
    field = vectors(np.ascontiguousarray(color[::step, ::step])).reshape(-1, 3)
    mean = field.mean(axis=0)
    if named and has_empty_blue(color):
        long = (field[:, :2] ** 2).sum(axis=1)
        return bool(np.abs(mean[:2]).max() < 0.3 and (long <= 1.1).mean() > 0.98)
    if np.abs(mean[:2]).max() > (0.3 if named else 0.2) or mean[2] < 0.5:
        return False
    length = np.sqrt((field**2).sum(axis=1))
    near = np.abs(length - 1) < (0.12 if named else 0.1)
    if near.mean() < (0.8 if named else 0.9):
        return False
    # a plain of one colour is a normal map only if its name says so
    return named or bool(field[:, :2].std(axis=0).max() > 0.02)
