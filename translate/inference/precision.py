"""Which arithmetic is good enough for a model: what was measured when it was exported decides."""

from __future__ import annotations

from models.manifest import Manifest

ENOUGH_DB = 50.0
"""A lower precision is chosen by itself only where its pictures stay this near to those of fp32 (PSNR on photographs);
8-bit rounding alone is at 59 dB."""


def good_enough(manifest: Manifest, precision: str) -> bool:
    """Whether a lower precision was measured with this model, and is near enough to fp32."""
    return manifest.precisions.get(precision, 0.0) >= ENOUGH_DB


def how_near(manifest: Manifest, precision: str) -> str:
    """Why a lower precision was chosen: a phrase."""
    return f"{precision} keeps {manifest.precisions[precision]:.0f} dB of fp32"
