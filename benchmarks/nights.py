"""Pairs to learn night to day from, made of days: what day2night makes of them, under skies of nights and dusks.

    translate run days -m day2night -o nights
    python -m benchmarks.nights --days days --nights nights -o pairs
    translate train pix2pix --recipe night2day-small --data pairs --out runs/pairs

Unpaired methods alone do not learn it: a black sky holds nothing that they could keep or tell apart. From pairs a
network learns what a day is made of, and unpaired real nights (the recipe night2day-real) do the rest. Skies are made
anew here: mostly black, as those of real nights, and blue in some, as half an hour after sunset, which few of the real
nights show. Each day becomes two pairs, one of them darker, with another tint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from tyro.conf import arg

from benchmarks.pairs import days_and_nights, write_pair
from translate.training.degrade import jpeg
from translate.training.pixels import Pixels, load_rgb

Floats = NDArray[np.float32]
LIGHT, ROUGH, HORIZON = 135, 9, 0.62
"""A sky is lighter than this luma, smoother than this, and above this part of the height."""
DUSKS = 0.3
"""Share of the skies that are blue."""


@dataclass(frozen=True)
class Settings:
    """Make pairs of night and day."""

    days: Path
    """Photographs by day."""
    nights: Path
    """What day2night made of them, by the same names."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for input/ and target/."""
    seed: int = 0


def sky(day: Pixels) -> Floats:
    """Where a photograph by day, [H, W, 3], shows sky: [H, W] from 0 to 1, soft at the edges.

    Light, smooth, not warmer than grey, and hanging together with the upper edge.
    """
    height = day.shape[0]
    light = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rough = cv2.GaussianBlur(np.abs(light - cv2.GaussianBlur(light, (0, 0), 3)), (0, 0), 4)
    cold = day[:, :, 2].astype(int) >= day[:, :, 0].astype(int) - 12
    high = np.linspace(0, 1, height)[:, None] < HORIZON
    _, parts = cv2.connectedComponents(((light > LIGHT) & (rough < ROUGH) & cold & high).astype(np.uint8))
    above = np.setdiff1d(parts[: max(height // 12, 1)], 0)
    found = cv2.dilate(np.isin(parts, above).astype(np.float32), np.ones((5, 5)))
    return np.asarray(cv2.GaussianBlur(found, (0, 0), 2), np.float32)


def dusk(height: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Colours of a sky after sunset, [H, 1, 3] from 0 to 1: blue above, lighter and warmer below."""
    above = random.uniform(0.08, 0.42) * random.uniform([0.15, 0.35, 0.99], [0.75, 0.85, 1])
    below = above + random.uniform(0, 0.35) * random.uniform([0.5, 0.4, 0.1], [1.2, 0.9, 0.6])
    share = np.linspace(0, 1 / HORIZON, height).clip(0, 1)[:, None, None] ** random.uniform(0.7, 2.5)
    return np.asarray(above + (below - above) * share)


def with_dark_sky(night: Pixels, where: Floats, random: np.random.Generator, *, dark: bool) -> Pixels:
    """A night, [H, W, 3], whose sky (`where`, from 0 to 1) is made black or dusky, with noise, saved as JPEG.

    Args:
        dark: also darken and tint all of it.
    """
    light = night.astype(np.float32) / 255
    if dark:
        light = light ** random.uniform(1.1, 2.0) * [random.uniform(0.95, 1.2), 1, random.uniform(0.75, 1.05)]
    share = where[..., None] * random.uniform(0.4 if dark else 0.0, 1.0)
    glow = 1 + random.uniform(0, 1.5) * np.linspace(0, 1, len(night))[:, None, None]  # more of it above the town
    colour = random.uniform(0, 0.06) * glow * [random.uniform(0.9, 1.3), 1, random.uniform(0.8, 1.3)]
    if random.random() < DUSKS:
        share, colour = where[..., None], dusk(len(night), random)
    light = light * (1 - share) + colour * share
    height, width = night.shape[:2]
    grain = int(random.integers(2, 7))  # as coarse as what JPEG leaves of a sensor's noise
    noise = random.normal(0, random.uniform(0, 0.012), (height // grain + 1, width // grain + 1, 3)).astype(np.float32)
    light = light + cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return jpeg((light.clip(0, 1) * 255).round().astype(np.uint8), int(random.integers(25, 80)))


def main(settings: Settings) -> None:
    """Write the pairs."""
    random = np.random.default_rng(settings.seed)
    found = days_and_nights(settings.days, settings.nights)
    for file, painted in track(found, "making nights", console=Console(stderr=True), transient=True):
        day, night = load_rgb(file), load_rgb(painted)
        where = sky(day)
        for number, dark in enumerate((False, True)):
            write_pair(settings.out, f"{file.stem}-{number}", with_dark_sky(night, where, random, dark=dark), day)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
