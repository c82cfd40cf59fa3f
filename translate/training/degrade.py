"""Small pictures from large ones, damaged as those in old games are."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from translate.training.config import SRGANConfig

Pixels = NDArray[np.uint8]


def resized(image: Pixels, size: tuple[int, int], kernel: Image.Resampling) -> Pixels:
    """[H, W, C] uint8 -> [height, width, C]; size is width, height. Of 2 or 4 channels the last is alpha."""
    if image.shape[2] > 4:
        planes = [Image.fromarray(np.ascontiguousarray(image[:, :, c])) for c in range(image.shape[2])]
        return np.dstack([np.asarray(plane.resize(size, kernel)) for plane in planes])
    whole = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return np.asarray(whole.resize(size, kernel)).reshape(size[1], size[0], image.shape[2])


def shrink(image: Pixels, scale: int, kernel: str) -> Pixels:
    """[H, W, C] uint8 -> [H / scale, W / scale, C]; H and W are multiples of scale, the kernel is one of KERNELS.

    Nearest takes a pixel beside the middle of each cell, as image editors do.
    """
    height, width = image.shape[0] // scale, image.shape[1] // scale
    return resized(image, (width, height), Image.Resampling[kernel.upper()])


def jpeg(image: Pixels, quality: int) -> Pixels:
    """[H, W, 3] uint8, through a JPEG file of that quality (4:2:0, as most are)."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def palette(image: Pixels, colors: int, *, dither: bool) -> Pixels:
    """[H, W, 3] uint8 with at most that many colours, chosen for this picture (median cut)."""
    mode = Image.Dither.FLOYDSTEINBERG if dither else Image.Dither.NONE
    whole = Image.fromarray(image)
    # Pillow dithers only towards a given palette, never while it chooses one.
    chosen = whole.quantize(colors, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.asarray((whole.quantize(palette=chosen, dither=mode) if dither else chosen).convert("RGB"))


def degrade(image: Pixels, scale: int, config: SRGANConfig, random: np.random.Generator) -> Pixels:
    """Shrink, then JPEG, then palette: each by the chances in the settings, the latter two of colours only.

    [H, W, C] uint8 -> [H / scale, W / scale, C] uint8.
    """
    weights = np.array(list(config.shrink.values()), dtype=float)
    small = shrink(image, scale, str(random.choice(list(config.shrink), p=weights / weights.sum())))
    if random.random() < config.jpeg_chance:
        small = jpeg(small, int(random.integers(config.jpeg_quality[0], config.jpeg_quality[1] + 1)))
    if random.random() < config.palette_chance:
        low, high = np.log2(config.palette_colors)
        colors = round(2 ** float(random.uniform(low, high)))
        small = palette(small, colors, dither=bool(random.random() < config.dither_chance))
    return small
