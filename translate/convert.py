"""One picture through a chain of translators: colour, and alpha so that no fringe appears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from models.errors import BadPicture, TooLarge
from translate.color import in_srgb, leave_profile, space_of
from translate.encode import check_fits
from translate.inference.chain import Chain
from translate.picture import Array, Picture

MOST_FRAMES = 32
"""Frames of an animation translated at once: more are no faster."""


def translate_picture(picture: Picture, chain: Chain) -> Picture:
    """Translate a picture; what its file said of it comes along.

    Raises:
        BadPicture: the result would not fit its file format.
        TooLarge: the result would have more pixels than the translators allow.
    """
    return _translate_frames(picture, chain) if picture.frames else translate_pictures([picture], chain)[0]


def _translate_frames(picture: Picture, chain: Chain) -> Picture:
    """Every frame of an animation, as many at once as the networks like."""
    width, height = chain.size_after(*picture.size)
    count = len(picture.frames)
    if count * width * height > chain.max_pixels:
        raise TooLarge(
            f"its {count} frames would have {count * width * height:,} pixels, more than {chain.max_pixels:,}; raise "
            "--max-pixels if it is meant."
        )
    together = min(MOST_FRAMES, chain.together(*picture.size))
    groups = (picture.frames[start : start + together] for start in range(0, count, together))
    frames = tuple(frame for group in groups for frame in translate_pictures(group, chain))
    first = frames[0]
    return picture.replace(
        color=first.color, alpha=first.alpha, icc_profile=first.icc_profile, notices=first.notices, frames=frames
    )


def translate_pictures(pictures: Sequence[Picture], chain: Chain) -> list[Picture]:
    """Translate pictures that are `alike`, in as few calls of the networks as their sizes allow.

    Raises:
        BadPicture, TooLarge: as for a single one.
    """
    pictures = [_prepared(picture, chain) for picture in pictures]
    hidden = [picture.alpha == 0 if picture.alpha is not None else None for picture in pictures]
    space, _ = space_of(pictures[0])  # alike: all of one
    paint = partial(in_srgb, space=space, paint=chain.batch, kept=1 - chain.strength if chain.paints else 1.0)
    colors = paint(
        [
            picture.color if cover is None else bleed(picture.color, cover)
            for picture, cover in zip(pictures, hidden, strict=True)
        ]
    )
    if pictures[0].alpha is None:
        return [picture.replace(color=color) for picture, color in zip(pictures, colors, strict=True)]
    alphas = enlarge_alphas([picture.alpha for picture in pictures if picture.alpha is not None], chain)
    results = []
    for picture, color, alpha, cover in zip(pictures, colors, alphas, hidden, strict=True):
        unseen = picture.color[cover]
        if len(unseen) and (unseen != unseen[0]).any():
            # Alpha that is no cover but data (gloss, height): the colour under its zeros is part of the picture.
            color = color.copy()
            color[alpha == 0] = paint([picture.color])[0][alpha == 0]
        results.append(picture.replace(color=color, alpha=alpha))
    return results


def alike(one: Picture, other: Picture) -> bool:
    """Whether two pictures can be translated together: stills of one size, type and space, both with alpha or not."""
    if one.frames or other.frames:
        return False
    return (one.color.shape, one.color.dtype, one.alpha is None, one.icc_profile) == (
        other.color.shape,
        other.color.dtype,
        other.alpha is None,
        other.icc_profile,
    )


def _prepared(picture: Picture, chain: Chain) -> Picture:
    """In colour if the result will be, or refused if the result could not be written."""
    try:
        check_fits(picture.format, *chain.size_after(*picture.size))
    except BadPicture as error:
        raise BadPicture(f"the result cannot be written: {error}") from None
    if chain.paints_colour and picture.color.ndim == 2:
        picture = as_rgb(picture)  # another domain has its own colours
    _, trouble = space_of(picture)
    return picture.replace(notices=(*picture.notices, trouble)) if trouble else picture


def as_rgb(picture: Picture) -> Picture:
    """A grey picture in three channels, in sRGB if its profile was for grey."""
    if picture.icc_profile and picture.icc_profile[16:20] == b"GRAY":
        picture = leave_profile(picture)
    return picture.replace(color=np.dstack([picture.color] * 3))


def bleed(color: Array, hidden: Array) -> Array:
    """Give hidden pixels the colour of the nearest visible one, so that no network mixes in what nobody sees.

    Args:
        color: [H, W] or [H, W, 3]; hidden: [H, W] bool.
    """
    if not hidden.any() or hidden.all():
        return color
    _, labels = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    visible = ~hidden
    nearest = np.zeros((int(labels.max()) + 1, *color.shape[2:]), color.dtype)
    nearest[labels[visible]] = color[visible]
    filled = color.copy()
    filled[hidden] = nearest[labels[hidden]]
    return filled


def enlarge_alphas(alphas: Sequence[Array], chain: Chain) -> list[Array]:
    """Alpha at the result's size, [H, W] -> [H', W']: constant stays constant, one-bit stays one-bit.

    A super-resolution model draws it as a grey picture, so that its edges are as sharp as the colour's. It
    may not leave the range of each pixel and its neighbours: what was opaque or empty all around stays so.
    """
    height, width = alphas[0].shape
    shape = chain.size_after(width, height)
    if shape == (width, height):
        return list(alphas)
    varied = [alpha for alpha in alphas if (alpha != alpha.flat[0]).any()]
    drawn = iter(chain.enlarge(varied) if varied else [])
    return [
        _within_bounds(alpha, next(drawn))
        if (alpha != alpha.flat[0]).any()
        else np.full(shape[::-1], alpha.flat[0], alpha.dtype)
        for alpha in alphas
    ]


def _within_bounds(alpha: Array, large: Array) -> Array:
    white = np.iinfo(alpha.dtype).max
    if np.isin(alpha, (0, white)).all():
        large = np.where(large > white // 2, white, 0).astype(alpha.dtype)
    around = np.ones((3, 3), np.uint8)
    low, high = (
        cv2.resize(bound(alpha, around), large.shape[::-1], interpolation=cv2.INTER_NEAREST)
        for bound in (cv2.erode, cv2.dilate)
    )
    return np.clip(large, low, high)
