"""One picture through one translator: colour, and alpha so that no fringe appears."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from models.errors import BadPicture
from models.manifest import Manifest
from translate.encode import check_fits
from translate.picture import Array, Picture


class Translates(Protocol):
    """What is needed of a translator: `translate.inference.Translator` is one."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def device(self) -> str: ...

    def __call__(self, picture: Array, /) -> Array:
        """[H, W] or [H, W, 3] to the same, `manifest.scale` times larger, of the same type."""


def translate_picture(picture: Picture, translator: Translates) -> Picture:
    """Translate a picture; what its file said of it comes along.

    Raises:
        BadPicture: the result would not fit its file format.
        TooLarge: the result would have more pixels than the translator allows.
    """
    scale = translator.manifest.scale
    try:
        check_fits(picture.format, picture.size[0] * scale, picture.size[1] * scale)
    except BadPicture as error:
        raise BadPicture(f"the result cannot be written: {error}") from None
    if translator.manifest.task == "translation" and translator.manifest.channels == 3 and picture.color.ndim == 2:
        picture = as_rgb(picture)  # another domain has its own colours
    if picture.alpha is None:
        return picture.replace(color=translator(picture.color))
    alpha = enlarge_alpha(picture.alpha, translator)
    hidden = picture.alpha == 0
    color = translator(bleed(picture.color, hidden))
    unseen = picture.color[hidden]
    if len(unseen) and (unseen != unseen[0]).any():
        # Alpha that is no cover but data (gloss, height): the colour under its zeros is part of the picture.
        color = color.copy()
        color[alpha == 0] = translator(picture.color)[alpha == 0]
    return picture.replace(color=color, alpha=alpha)


def as_rgb(picture: Picture) -> Picture:
    """A grey picture in three channels, without a profile that only fits one."""
    picture = picture.replace(color=np.dstack([picture.color] * 3))
    if picture.icc_profile is None or picture.icc_profile[16:20] != b"GRAY":
        return picture
    notices = (*picture.notices, "its colour profile, which is for grey pictures, was not kept")
    return picture.replace(icc_profile=None, notices=notices)


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


def enlarge_alpha(alpha: Array, translator: Translates) -> Array:
    """Alpha at the result's size, [H, W] -> [H', W']: constant stays constant, one-bit stays one-bit.

    A super-resolution model draws it as a grey picture, so that its edges are as sharp as the colour's. It
    may not leave the range of each pixel and its neighbours: what was opaque or empty all around stays so.
    """
    scale = translator.manifest.scale
    if scale == 1:
        return alpha
    shape = (alpha.shape[1] * scale, alpha.shape[0] * scale)
    if (alpha == alpha.flat[0]).all():
        return np.full(shape[::-1], alpha.flat[0], alpha.dtype)
    if translator.manifest.task == "super-resolution":
        large = translator(alpha)
    else:
        large = cv2.resize(alpha, shape, interpolation=cv2.INTER_CUBIC)
    white = np.iinfo(alpha.dtype).max
    if np.isin(alpha, (0, white)).all():
        large = np.where(large > white // 2, white, 0).astype(alpha.dtype)
    around = np.ones((3, 3), np.uint8)
    low, high = (
        cv2.resize(bound(alpha, around), shape, interpolation=cv2.INTER_NEAREST) for bound in (cv2.erode, cv2.dilate)
    )
    return np.clip(large, low, high)
