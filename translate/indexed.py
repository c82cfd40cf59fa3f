"""Pictures of few colours: the palette that a file had, and results brought back to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from translate.picture import Array, Picture

INDEXED_FORMATS = ("PNG", "GIF", "BMP", "TGA", "TIFF")
BLOCK = 1 << 20
"""Pixels that are matched at a time."""
COVER_WEIGHT = 4.0
"""How much more a difference in alpha (0 to 1) counts than one in lightness (0 to 1): cover is kept first."""
FAINT = 0.02
"""Weight of the colour of pixels that cannot be seen: it only decides between entries that are all transparent."""


@dataclass(frozen=True, eq=False)
class Palette:
    """The colours of an indexed picture."""

    colors: Array
    """[N, 3] uint8, N up to 256."""
    alpha: Array | None = None
    """[N] uint8, or None if all are opaque."""
    bits: int = 8
    """Bits a pixel in the file: 1, 2, 4 or 8."""
    padding: int = 0
    """Last entries that only fill the table up: black, and nowhere used. Nothing is brought to them."""


def palette_of(image: Image.Image, bits: int) -> Palette | None:
    """The palette of a picture that Pillow has opened and not converted; None if it is not indexed."""
    if image.mode != "P" or image.palette is None:
        return None
    mode = "RGBA" if image.palette.mode == "RGBA" else "RGB"
    values = np.array(image.getpalette(mode), np.uint8).reshape(-1, len(mode))
    if not len(values):
        return None
    alpha = values[:, 3] if mode == "RGBA" else np.full(len(values), 255, np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, bytes):
        count = min(len(key), len(alpha))
        alpha[:count] = np.frombuffer(key, np.uint8, count)
    elif isinstance(key, int) and key < len(alpha):
        alpha[key] = 0
    used = int(np.asarray(image).max()) + 1
    filled = max([used, *(np.flatnonzero(values[:, :3].any(1)) + 1)])
    return Palette(values[:, :3].copy(), None if (alpha == 255).all() else alpha, bits, len(values) - filled)


def to_palette(picture: Picture, palette: Palette) -> Picture:
    """The picture in the nearest colours of a palette, as OKLab measures (Ottosson 2020); without dithering, for
    what has a palette is drawn, not photographed.

    Args:
        picture: 8 bits.
    """
    cover = picture.alpha if picture.alpha is not None else np.full(picture.color.shape[:2], 255, np.uint8)
    color = picture.color if picture.color.ndim == 3 else np.dstack([picture.color] * 3)
    entries = np.full(len(palette.colors), 255, np.uint8) if palette.alpha is None else palette.alpha
    count = len(entries) - palette.padding
    indices = np.empty(cover.shape, np.uint8)
    step = max(1, BLOCK // cover.shape[1])
    for start in range(0, len(cover), step):
        rows = slice(start, start + step)
        packed = np.ascontiguousarray(np.dstack([color[rows], cover[rows]])).view(np.uint32)[..., 0]
        kinds, place = np.unique(packed, return_inverse=True)
        indices[rows] = _nearest(kinds.view(np.uint8).reshape(-1, 4), palette.colors[:count], entries[:count])[
            place
        ].reshape(packed.shape)
    return picture.replace(
        color=palette.colors[indices],
        alpha=None if palette.alpha is None else palette.alpha[indices],
        indices=indices,
    )


def _nearest(pixels: Array, colors: Array, entries: Array) -> Array:
    """Index of the entry nearest to each pixel. [N, 4] uint8 and [K, 3], [K] uint8 -> [N] uint8."""
    found = np.empty(len(pixels), np.uint8)
    targets = _oklab(colors)
    for start in range(0, len(pixels), 65536):
        some = pixels[start : start + 65536]
        lab = _oklab(some[:, :3])
        apart = (lab**2).sum(1)[:, None] - 2 * lab @ targets.T + (targets**2).sum(1)
        seen = np.maximum(some[:, 3:].astype(np.float32) / 255, FAINT)
        cover = COVER_WEIGHT * (some[:, 3:].astype(np.float32) - entries) / 255
        found[start : start + 65536] = (seen * apart + cover**2).argmin(1)
    return found


def _oklab(colors: Array) -> Array:
    """[N, 3] uint8 sRGB -> [N, 3] float32 OKLab."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    cones = np.cbrt(light[colors] @ CONES.T)
    lab: Array = cones @ OPPONENT.T
    return lab


CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
OPPONENT = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
