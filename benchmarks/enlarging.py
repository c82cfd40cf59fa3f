"""Published ways to give a small result the size and detail of the original, for `benchmarks.detail` to compare.

Each takes float32 in [0, 1]: picture [H, W, 3], small [h, w, 3] (the picture shrunk) and translated [h, w, 3], and
gives [H, W, 3]. Only `translate.inference.detail.carry_detail` is part of the application.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def enlarge(small: Float, like: Float, kernel: int = cv2.INTER_CUBIC) -> Float:
    """[h, w, ...] -> [H, W, ...] of `like`."""
    flat = np.ascontiguousarray(small.reshape(*small.shape[:2], -1))
    return cv2.resize(flat, like.shape[1::-1], interpolation=kernel).reshape(*like.shape[:2], *small.shape[2:])


def blur(values: Float, sigma: float) -> Float:
    """Gaussian, mirrored at the border; [H, W] or [H, W, ...]."""
    flat = np.ascontiguousarray(values.reshape(*values.shape[:2], -1))
    return cv2.GaussianBlur(flat, (0, 0), sigma, borderType=cv2.BORDER_REFLECT).reshape(values.shape)


def box(values: Float, radius: int) -> Float:
    """Mean of a window of side 2 * radius + 1; [H, W, ...]."""
    flat = np.ascontiguousarray(values.reshape(*values.shape[:2], -1))
    return cv2.blur(flat, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT).reshape(values.shape)


def bicubic(picture: Float, small: Float, translated: Float) -> Float:
    """Keys 1981: no detail of the original at all."""
    return enlarge(translated, picture)


def laplacian(picture: Float, small: Float, translated: Float, gain: float = 0.75) -> Float:
    """Burt & Adelson 1983: the bands of luminance that shrinking took, added again."""
    return enlarge(translated, picture) + gain * (picture @ LUMA - enlarge(small @ LUMA, picture))[:, :, None]


def laplacian_ratio(picture: Float, small: Float, translated: Float, radius: int = 4) -> Float:
    """The same, scaled by how much darker the surroundings became."""
    ratio = box((translated @ LUMA)[:, :, None], radius) / (box((small @ LUMA)[:, :, None], radius) + 0.02)
    detail = (picture @ LUMA - enlarge(small @ LUMA, picture))[:, :, None]
    return enlarge(translated, picture) + enlarge(ratio, picture, cv2.INTER_LINEAR) * detail


def guided(picture: Float, small: Float, translated: Float, radius: int = 1, epsilon: float = 1e-4) -> Float:
    """He, Sun & Tang 2013 with a colour guide, coefficients enlarged as in He & Sun 2015."""
    mean, target = box(small, radius), box(translated, radius)
    within = box(small[..., :, None] * small[..., None, :], radius) - mean[..., :, None] * mean[..., None, :]
    across = box(small[..., :, None] * translated[..., None, :], radius) - mean[..., :, None] * target[..., None, :]
    gain = np.linalg.solve(within + epsilon * np.eye(small.shape[2], dtype=np.float32), across)
    offset = target - np.einsum("hwc,hwcd->hwd", mean, gain)
    large = enlarge(box(gain, radius), picture, cv2.INTER_LINEAR)
    return np.einsum("hwc,hwcd->hwd", picture, large) + enlarge(box(offset, radius), picture, cv2.INTER_LINEAR)


def guided_grey(picture: Float, small: Float, translated: Float, radius: int = 1, epsilon: float = 1e-4) -> Float:
    """The same with luminance as the guide."""
    return guided((picture @ LUMA)[:, :, None], (small @ LUMA)[:, :, None], translated, radius, epsilon)


def joint_bilateral(picture: Float, small: Float, translated: Float, sigma: float = 0.5, reach: float = 0.1) -> Float:
    """Kopf et al. 2007: 5 x 5 small pixels weighted by distance (`sigma` pixels) and likeness of colour (`reach`)."""
    centres = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(picture.shape[:2], small.shape[:2], strict=True)]
    nearest = [np.rint(centre).astype(int) for centre in centres]
    total, weights = np.zeros_like(picture), np.zeros((*picture.shape[:2], 1), np.float32)
    for step in np.ndindex(5, 5):
        taps = [tap + offset - 2 for tap, offset in zip(nearest, step, strict=True)]
        near = [np.exp(-((c - t) ** 2) / (2 * sigma**2)) for c, t in zip(centres, taps, strict=True)]
        rows, columns = (tap.clip(0, side - 1) for tap, side in zip(taps, small.shape, strict=False))
        alike = np.exp(-((picture - small[rows][:, columns]) ** 2).sum(axis=2) / (2 * reach**2))
        weight = (np.outer(*near) * (alike + 1e-6)).astype(np.float32)[:, :, None]
        total += weight * translated[rows][:, columns]
        weights += weight
    return total / weights


def bilateral_guided(
    picture: Float, small: Float, translated: Float, sigma: float = 2.0, bins: int = 8, epsilon: float = 1e-3
) -> Float:
    """Chen et al. 2016: an affine map for each cell of a grid over place and luminance, fitted with smooth moments."""
    known = np.concatenate([small, np.ones_like(small[..., :1])], axis=2)
    squares, products = known[..., :, None] * known[..., None, :], known[..., :, None] * translated[..., None, :]

    def fitted(moments: Any) -> Any:
        level = (small @ LUMA) * (bins - 1)
        cells = [blur(moments * np.maximum(0, 1 - np.abs(level - b))[..., None, None], sigma) for b in range(bins)]
        return [
            (cells[max(b - 1, 0)] + 2 * cells[b] + cells[min(b + 1, bins - 1)]).astype(np.float32) / 4
            for b in range(bins)
        ]

    result = np.zeros_like(picture)
    level = (picture @ LUMA) * (bins - 1)
    for b, (square, product) in enumerate(zip(fitted(squares), fitted(products), strict=True)):
        brightness = product[..., 3, :].sum(axis=2) / (square[..., 3, :3].sum(axis=2) + 1e-4)
        prior = brightness[..., None, None] * np.eye(4, 3, dtype=np.float32)
        affine = np.linalg.solve(square + epsilon * np.eye(4, dtype=np.float32), product + epsilon * prior)
        large = enlarge(affine, picture, cv2.INTER_LINEAR)
        share = np.maximum(0, 1 - np.abs(level - b))[:, :, None]
        result += share * (np.einsum("hwc,hwcd->hwd", picture, large[:, :, :3]) + large[:, :, 3])
    return result
