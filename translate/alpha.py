"""Transparency: colour under it so that no fringe appears, and its own way to the result's size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from translate.inference.chain import Chain
from translate.inference.wrapped import NO_WRAPS, Surroundings, Wraps
from translate.picture import AlphaPath, Array


def bleed(color: Array, hidden: Array, wraps: Wraps = NO_WRAPS) -> Array:
    """Give hidden pixels the colour of the nearest visible one, so that no network mixes in what nobody sees.

    Args:
        color: [H, W] or [H, W, 3]; hidden: [H, W] bool.
        wraps: along which axes the nearest may lie beyond the border.
    """
    if not hidden.any() or hidden.all():
        return color
    if any(wraps):
        height, width = hidden.shape
        around = Surroundings(width // 2 * wraps[0], height // 2 * wraps[1])
        wide = bleed(around.added(color), around.added(hidden))
        return np.ascontiguousarray(wide[around.down :, around.across :][:height, :width])
    _, labels = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    visible = ~hidden
    nearest = np.zeros((int(labels.max()) + 1, *color.shape[2:]), color.dtype)
    nearest[labels[visible]] = color[visible]
    filled = color.copy()
    filled[hidden] = nearest[labels[hidden]]
    return filled


def hides_a_picture(color: Array, alpha: Array) -> bool:
    """Whether more than one colour lies under fully transparent pixels: alpha may be data (gloss, height), no cover."""
    hidden = color[alpha == 0]
    return len(hidden) > 0 and bool((hidden != hidden[0]).any())


def enlarge_alphas(
    alphas: Sequence[Array], chain: Chain, how: AlphaPath = "auto", wraps: Wraps = NO_WRAPS
) -> list[Array]:
    """Alpha at the result's size, [H, W] -> [H', W']: constant stays constant, one-bit stays one-bit.

    Args:
        alphas: all of one shape and type.
        how: auto, model: a super-resolution model draws it as a grey picture, so that its edges are as sharp as the
            colour's; elsewhere, and for smooth, it is interpolated. Neither may leave the range of each pixel and its
            neighbours: what was opaque or empty all around stays so. nearest: pixels are repeated.
        wraps: along which axes the pictures tile.
    """
    height, width = alphas[0].shape
    size = chain.size_after(width, height)
    if size == (width, height):
        return list(alphas)
    varied = [alpha for alpha in alphas if not _is_constant(alpha)]
    if how == "nearest":
        larger = [cv2.resize(alpha, size, interpolation=cv2.INTER_NEAREST_EXACT) for alpha in varied]
    else:
        larger = _drawn(varied, chain, wraps, by_model=chain.enlarges and how != "smooth") if varied else []
    drawn = iter(larger)
    return [np.full(size[::-1], alpha.flat[0], alpha.dtype) if _is_constant(alpha) else next(drawn) for alpha in alphas]


def _is_constant(alpha: Array) -> bool:
    return not (alpha != alpha.flat[0]).any()


def _drawn(alphas: Sequence[Array], chain: Chain, wraps: Wraps, *, by_model: bool) -> list[Array]:
    larger = chain.enlarge(alphas, wraps, drawn=by_model)
    white = np.iinfo(alphas[0].dtype).max
    crisp = [place for place, alpha in enumerate(alphas) if np.isin(alpha, (0, white)).all()]
    if crisp and by_model:
        smooth = chain.enlarge([alphas[place] for place in crisp], wraps, drawn=False)
        for place, other in zip(crisp, smooth, strict=True):
            # models draw clean slopes, but let specks of one pixel fade, and are unsure where they have to be cut
            larger[place] = cv2.addWeighted(larger[place], 0.5, other, 0.5, 0)
    for place in crisp:
        larger[place] = np.where(larger[place] > white // 2, white, 0).astype(alphas[0].dtype)
    return [_within_bounds(*pair, wraps) for pair in zip(alphas, larger, strict=True)]


def _within_bounds(alpha: Array, large: Array, wraps: Wraps) -> Array:
    """Held between the least and the greatest of each pixel and its eight neighbours."""
    beyond = Surroundings(int(wraps[0]), int(wraps[1]))
    wide, around = beyond.added(alpha), np.ones((3, 3), np.uint8)
    inside = (slice(beyond.down, beyond.down + alpha.shape[0]), slice(beyond.across, beyond.across + alpha.shape[1]))
    low, high = (
        cv2.resize(bound(wide, around)[inside], large.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        for bound in (cv2.erode, cv2.dilate)
    )
    return np.clip(large, low, high)
