"""How well normal maps are enlarged: by a network or by interpolation; and how often other textures are taken for one.

    python -m benchmarks.normals --data DIR

DIR holds textures of any kind, in folders. Each is taken as a height field: its gradients give the true normal map,
which is shrunk four times by a box filter, as vectors, and enlarged again. Numbers are mean angular errors in degrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from translate.images import read_picture
from translate.inference import Chain
from translate.normals import looks_like_normals, packed, vectors

Array = NDArray[Any]
SCALE = 4
SIDE = 256


@dataclass(frozen=True)
class Settings:
    """Measure what enlarges normal maps best."""

    data: Path
    """Folder of textures, searched in depth."""
    model: str = "texture-x4"
    """Name or path of the model."""
    count: int = 20
    """How many textures to enlarge; all are looked at for false alarms."""
    bump: float = 6.0
    """Height of white above black, in pixels."""


def normals_of(height: Array, bump: float) -> Array:
    """Unit vectors [H, W, 3] of a height field [H, W] in [0, 1]."""
    smooth = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5)
    down, across = np.gradient(bump * smooth)
    field = np.dstack([-across, -down, np.ones_like(across)])
    return field / np.linalg.norm(field, axis=2, keepdims=True)


def error(result: Array, truth: Array) -> float:
    """Mean angle between two fields of vectors, in degrees."""
    unit = result / np.maximum(np.linalg.norm(result, axis=2, keepdims=True), 1e-6)
    return float(np.degrees(np.arccos(np.clip((unit * truth).sum(axis=2), -1, 1))).mean())


def interpolated(kernel: int) -> Callable[[Array], Array]:
    """Enlarge the bytes of a normal map by OpenCV."""
    return lambda low: cv2.resize(low, None, fx=SCALE, fy=SCALE, interpolation=kernel)


def main(settings: Settings) -> None:
    """Print both tables."""
    chain = Chain.open([settings.model])
    methods: dict[str, Callable[[Array], Array]] = {
        "bicubic": interpolated(cv2.INTER_CUBIC),
        "Lanczos": interpolated(cv2.INTER_LANCZOS4),
        f"{settings.model}, channels together": chain,
        f"{settings.model}, channels apart": lambda low: np.dstack(
            chain.enlarge([np.ascontiguousarray(low[..., channel]) for channel in range(3)])
        ),
    }
    files = [file for file in sorted(settings.data.rglob("*")) if file.suffix in (".png", ".jpg")]
    scores: dict[str, list[float]] = {name: [] for name in methods}
    for file in files[:: max(1, len(files) // settings.count)][: settings.count]:
        with Image.open(file) as image:
            grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
        truth = normals_of(grey, settings.bump)
        low = packed(cv2.resize(truth, None, fx=1 / SCALE, fy=1 / SCALE, interpolation=cv2.INTER_AREA), 255)
        for name, enlarge in methods.items():
            scores[name].append(error(vectors(enlarge(low)), truth))
    table = Table("enlarged by", "mean angle", "worst texture", title=f"{settings.count} normal maps, {chain.device}")
    for name, angles in scores.items():
        table.add_row(name, f"{np.mean(angles):.2f}°", f"{np.max(angles):.2f}°")
    pictures = [(file, read_picture(file).color) for file in files]
    alarms = {named: [f.name for f, color in pictures if looks_like_normals(color, named=named)] for named in (0, 1)}
    console = Console(width=120)
    console.print(table)
    console.print(f"taken for a normal map by content alone: {len(alarms[0])} of {len(files)} {alarms[0][:5]}")
    console.print(f"and if all were named so: {len(alarms[1])} of {len(files)} {alarms[1][:5]}")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
