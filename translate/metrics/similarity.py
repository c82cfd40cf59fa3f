"""How alike a result and its target are."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""[H, W, 3] RGB."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(result: NDArray[Any], target: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB over all values, of 255; 100 for equal pictures."""
    error = np.mean((result.astype(np.float64) - target) ** 2)
    return float(10 * np.log10(255**2 / max(error, 255**2 * 1e-10)))


def ssim(result: NDArray[Any], target: NDArray[Any]) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window of 11 pixels and sigma 1.5, whole windows only.

    Mean over the channels. Both [H, W] or [H, W, 3], values up to 255; at least 11 pixels a side.
    """

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        inner: NDArray[np.float64] = cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]
        return inner

    a, b = result.astype(np.float64), target.astype(np.float64)
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    values = (2 * mean_a * mean_b + C1) * (2 * covariance + C2) / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
    return float(values.mean())


def luma(picture: Pixels) -> NDArray[np.float64]:
    """Y of YCbCr by ITU-R BT.601 with its reduced range, 16 to 235, as super-resolution papers measure; [H, W]."""
    luma: NDArray[np.float64] = picture @ np.array([65.481, 128.553, 24.966]) / 255 + 16
    return luma


def without_border(picture: NDArray[Any], border: int) -> NDArray[Any]:
    """Without `border` pixels on each side."""
    return picture[border : picture.shape[0] - border, border : picture.shape[1] - border]


def edge_agreement(picture: Pixels, result: Pixels) -> float:
    """How much of a picture's edges its translation has kept: correlation of their gradients' lengths, -1 to 1.

    Sobel on Y after a Gaussian blur of sigma 1, so that grain does not count.
    """

    def edges(image: Pixels) -> NDArray[np.float64]:
        smooth = cv2.GaussianBlur(luma(image), (0, 0), 1.0)
        lengths: NDArray[np.float64] = np.hypot(*(cv2.Sobel(smooth, cv2.CV_64F, x, 1 - x) for x in (0, 1)))
        return lengths

    one, other = edges(picture).ravel(), edges(result).ravel()
    if one.std() < 1e-9 or other.std() < 1e-9:
        return float(one.std() < 1e-9 and other.std() < 1e-9)
    return float(np.corrcoef(one, other)[0, 1])
