"""How far a network sees in effect, where its layers reach further than a tile can."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.precision import photographs
from models.manifest import Manifest

LIMIT = 64
"""Radius in pixels up to which tiles overlap by all that the layers reach."""
VISIBLE = 0.25 / 255
"""Change of a result, of 1, that is looked for: a quarter of an 8-bit level, since a tile has four sides."""
HIGH = 32
"""Pixels of the strip that is measured, across."""


def effective_radius(generator: nn.Module, manifest: Manifest) -> tuple[int, float]:
    """How far a change is seen, measured on a strip of photograph, half of which is made its negative.

    Networks of many layers reach far in theory, but what arrives from afar is next to nothing (Luo et al. 2016).

    Args:
        generator: [B, C, H, W] -> [B, C, scale H, scale W], in the Manifest's ranges.
    Returns:
        Radius in pixels, and the largest change of a result, of 1, from beyond it. The Manifest's own radius and 0
        where that is at most LIMIT, and for networks that normalize by the picture: those see all of it.
    """
    if manifest.radius <= LIMIT or manifest.normalization == "picture":
        return manifest.radius, 0.0
    unit, scale = manifest.multiple, manifest.scale
    half = -(-(manifest.radius + unit) // unit) * unit
    high = -(-max(HIGH, manifest.minimum) // unit) * unit
    (low, white), (black, bright) = manifest.input_range, manifest.output_range
    network = copy.deepcopy(generator).float().cpu().eval()

    def run(strip: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            values = network(torch.from_numpy(strip) * (white - low) + low)
        return np.asarray(((values - black) / (bright - black)).clamp(0, 1).numpy())

    photograph = photographs(manifest)[0]
    repeats = [1, 1, -(-high // photograph.shape[2]), -(-2 * half // photograph.shape[3])]
    strip = np.ascontiguousarray(np.tile(photograph, repeats)[:, :, :high, : 2 * half])
    before = run(strip)
    effect = np.zeros(half)
    for changed in (slice(0, half), slice(half, 2 * half)):
        other = strip.copy()
        other[..., changed] = 1 - other[..., changed]
        change = np.abs(run(other) - before).max(axis=(0, 1, 2)).reshape(2 * half, scale).max(axis=1)
        effect = np.maximum(effect, change[half:] if changed.start == 0 else change[:half][::-1])
    seen = np.flatnonzero(effect > VISIBLE)
    # what a strided network sees depends on where a pixel lies in its cell; the strip shows but one place
    radius = min(max(LIMIT, int(seen[-1]) + unit if len(seen) else 0), manifest.radius)
    return radius, float(effect[radius:].max(initial=0.0))
