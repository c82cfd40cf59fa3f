"""Pairs to learn day to night from, once more: what a first day2night makes of days, without fringes, under dark skies.

    translate run days -m first.onnx -o painted
    python -m benchmarks.clean_nights --days days --painted painted --nights nights -o pairs
    translate train pix2pix --recipe day2night-clean --data pairs --start-from FIRST --out runs/clean

A network that learned from unpaired piles darkens what should be dark, but leaves rims of light where skies end,
coloured fringes and a trace of a grid. All of these are finer than what night does to a place: so each night is made
again as the day's own detail, darkened and tinted from place to place as the painted one is (a guided filter, He, Sun &
Tang 2010), lights aside; and skies get the even colour of a real night's. The network then learns to do that by itself.
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

from benchmarks.nights import sky
from benchmarks.pairs import days_and_nights, write_pair
from translate.training.layout import list_pictures
from translate.training.pixels import Pixels, load_rgb

Floats = NDArray[np.float32]
RADIUS, EVEN = 7, 60.0
"""Pixels around each one that are darkened alike, and the variance, of 255², below which nothing is told apart."""
HIGH, LOW = (0.03, 0.14), (0.24, 0.38)
"""Where real nights' skies are looked at, as shares of the height."""
MURKY = 40
"""A night that is lighter up there shows no sky."""


@dataclass(frozen=True)
class Settings:
    """Make pairs of day and night."""

    days: Path
    """Photographs by day."""
    painted: Path
    """What day2night made of them, by the same names."""
    nights: Path
    """Real photographs by night, for the colours of their skies."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for input/ and target/."""
    seed: int = 0


def like_the_day(day: Pixels, night: Pixels) -> Floats:
    """The day, [H, W, 3], as dark and tinted as the night is around each place; the night's lights as they are."""

    def around(values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, (2 * RADIUS + 1, 2 * RADIUS + 1)), np.float32)

    light, dark = day.astype(np.float32), night.astype(np.float32)
    middle, mean = around(light), around(dark)
    slope = (around(light * dark) - middle * mean) / (around(light**2) - middle**2 + EVEN)
    slope = slope.clip(0, 1.5)
    calm = around(slope) * light + around(mean - slope * middle)

    day_luma = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lit = ((dark.max(axis=2) - 190) / 40).clip(0, 1) * ((240 - day_luma) / 20).clip(0, 1)
    lit = cv2.GaussianBlur(lit, (0, 0), 1)[..., None]
    return np.asarray(calm + (dark - calm) * lit, np.float32)


def with_leaves(day: Pixels, where: Floats) -> Floats:
    """The sky of a day, [H, W] from 0 to 1, and what shows of it between leaves and wires nearby."""
    near = (6 * cv2.GaussianBlur(where, (0, 0), 12)).clip(0, 1)
    light = cv2.cvtColor(day, cv2.COLOR_RGB2GRAY) > 125
    cold = day[:, :, 2].astype(int) >= day[:, :, 0].astype(int) - 5
    between = cv2.GaussianBlur((light & cold).astype(np.float32) * near, (0, 0), 0.8)
    return np.asarray(np.maximum(where, between), np.float32)


def with_sky(day: Pixels, night: Floats, where: Floats, high: Floats, low: Floats) -> Pixels:
    """A night, [H, W, 3], whose sky (`where`) goes from one colour down to the other, and without rims around it."""
    height, lamps = day.shape[0], ((night[:, :, 0] - 200) / 30).clip(0, 1)
    lamps *= cv2.cvtColor(day, cv2.COLOR_RGB2GRAY) < 225
    down = ((np.linspace(0, 1, height) - np.mean(HIGH)) / (np.mean(LOW) - np.mean(HIGH))).clip(0, 1.4)[:, None, None]
    share = (where * (1 - lamps))[..., None]
    result = night * (1 - share) + (high * (1 - down) + low * down).clip(2, 60) * share

    rim = (cv2.GaussianBlur(cv2.dilate(where, np.ones((5, 5))), (0, 0), 2) - where).clip(0, 1) * (1 - lamps)
    dimmest = np.minimum(result, (0.22 * day + 6) * rim[..., None] + result * (1 - rim[..., None]))
    return np.asarray(np.where(rim[..., None] > 0.15, dimmest, result).clip(0, 255).round(), np.uint8)


def sky_colours(nights: list[Path]) -> list[tuple[Floats, Floats]]:
    """Mean colours high up and lower down of those real nights that are dark up there."""
    found = []
    for file in nights:
        night = load_rgb(file).astype(np.float32)
        rows = [slice(*(int(share * len(night)) for share in part)) for part in (HIGH, LOW)]
        high, low = (night[part].mean(axis=(0, 1)) for part in rows)
        if high.max() < MURKY:
            found.append((high, low))
    return found


def main(settings: Settings) -> None:
    """Write the pairs: two squares as high as the picture of each."""
    random = np.random.default_rng(settings.seed)
    found = days_and_nights(settings.days, settings.painted)
    colours = sky_colours(list_pictures(settings.nights))
    if not colours:
        raise SystemExit(f"{settings.nights} holds no photograph with a dark sky.")
    for file, painted in track(found, "cleaning nights", console=Console(stderr=True), transient=True):
        day, night = load_rgb(file), load_rgb(painted)
        high, low = colours[int(random.integers(len(colours)))]
        clean = with_sky(day, like_the_day(day, night), with_leaves(day, sky(day)), high, low)
        height, width = day.shape[:2]
        for number in range(2):
            left = int(random.integers(max(width - height, 0) + 1))
            day_part, night_part = (picture[:, left : left + height] for picture in (day, clean))
            write_pair(settings.out, f"{file.stem}-{number}", day_part, night_part)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
