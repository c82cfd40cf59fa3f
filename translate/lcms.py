"""What is left to LittleCMS: spaces by tables, CMYK and Lab."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from translate.icc import LEVELS, BadProfile
from translate.picture import Array

NODES = 52
"""Nodes a side of a lattice: 0, 5, ... 255, so that 8 bits say each of them exactly."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """A space by tables (scanners, printers, some v4 profiles): LittleCMS's answers on a lattice, interpolated.

    LittleCMS is reached through Pillow, which gives it 8 bits; between nodes there are as many levels as wanted.
    """

    there: Array
    """[NODES, NODES, NODES, 3] float32 of 0 to 65535: sRGB at each node of the space."""
    back: Array
    """The other way round."""

    @classmethod
    def of(cls, data: bytes) -> Lattice:
        steps = np.arange(NODES, dtype=np.uint8) * 5
        nodes = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(NODES, NODES * NODES, 3)
        source, srgb = open_profile(data), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        there, back = (
            np.asarray(converted(Image.fromarray(nodes), *pair, "RGB"), np.float32).reshape(NODES, NODES, NODES, 3)
            * 257
            for pair in ((source, srgb), (srgb, source))
        )
        return cls(there, back)

    def to_srgb(self, pixels: Array) -> Array:
        return _interpolated(self.there, pixels)

    def from_srgb(self, pixels: Array) -> Array:
        return _interpolated(self.back, pixels)


def _interpolated(lattice: Array, pixels: Array) -> Array:
    """Trilinear."""
    colors = lattice.reshape(-1, 3)
    place = pixels.reshape(-1, 3) * np.float32((NODES - 1) / (LEVELS - 1))
    low = np.minimum(place.astype(np.int32), NODES - 2)
    share = place - low
    strides = np.array([NODES * NODES, NODES, 1], np.int32)
    first = low @ strides
    result = np.zeros(share.shape, np.float32)
    for corner in np.ndindex(2, 2, 2):
        red, green, blue = (share[:, axis] if corner[axis] else 1 - share[:, axis] for axis in range(3))
        result += (red * green * blue)[:, None] * colors.take(first + int(np.dot(corner, strides)), axis=0)
    return (result + 0.5).astype(np.uint16).reshape(pixels.shape)


def open_profile(data: bytes) -> ImageCms.ImageCmsProfile:
    """A profile for LittleCMS.

    Raises:
        BadProfile: it does not take it.
    """
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data))
    except (OSError, ImageCms.PyCMSError) as error:
        raise BadProfile(f"it is damaged: {error}") from None


def converted(
    image: Image.Image, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile, mode: str
) -> Image.Image:
    """8-bit pixels from one space to another by LittleCMS, relative colorimetric with black point compensation.

    Raises:
        BadProfile: a profile is for other pixels, or lacks what is needed.
    """
    try:
        transform = ImageCms.buildTransform(
            *(source, target, image.mode, mode),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        result = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, ValueError, OSError) as error:
        raise BadProfile(f"it does not fit: {error}") from None
    if result is None:
        raise BadProfile("it does not fit")
    return result


def leave_print(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """A CMYK or Lab picture in sRGB, and what to tell the user. CMYK without a usable profile becomes what a screen
    would show of ideal inks, which is more vivid than any press."""
    srgb = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return converted(image, lab, ImageCms.ImageCmsProfile(srgb), "RGB"), "it was converted from Lab to sRGB"
    why = "it has no colour profile"
    if profile:
        try:
            result = converted(image, open_profile(profile), ImageCms.ImageCmsProfile(srgb), "RGB")
        except BadProfile as error:
            why = f"its colour profile cannot be used ({error})"
        else:
            return result, "it was converted from CMYK to sRGB through its colour profile"
    return image.convert("RGB"), f"it was converted from CMYK to RGB without a profile, so colours differ: {why}"
