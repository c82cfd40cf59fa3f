"""Pairs to learn horse to zebra from where it fails: horses in the dark, close up and before other backgrounds.

    python -m benchmarks.hard_horses --data horse2zebra --masks masks --backgrounds textures -o pairs
    translate train pix2pix --recipe horse2zebra-hard --data pairs --start-from FIRST --out runs/hard \
      --perceptual-features VGG

What a trained horse2zebra paints on a horse in good light is what it should paint on the same horse in the dark, or
before planks (self-training with noise, Xie et al. 2020). The surroundings stay as they are in both pictures.
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

from benchmarks.pairs import write_pair
from benchmarks.zebras import SIDE, Shown, load, square
from translate.inference.translator import Translator
from translate.training.layout import list_pictures
from translate.training.loading import square as whole
from translate.training.pixels import Pixels, load_rgb

Floats = NDArray[np.float32]
PAINTED = 25
"""Mean change of a horse, of 255, from which on it counts as painted."""
DARK, KEPT = 0.6, 0.4
"""Share of the horses that are darkened, and how much of that is left in their zebras."""
ELSEWHERE, STUDIO = 0.35, 0.25
"""Shares of the horses before a picture of the folder, and before an even wall; the others stay where they are."""


@dataclass(frozen=True)
class Settings:
    """Make pairs of horse and zebra."""

    data: Path
    """Folder with trainA, horses."""
    masks: Path
    """Folder with A: where the horses are, white, by the same names."""
    backgrounds: Path
    """Folder of pictures without animals."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for input/ and target/."""
    model: str = "horse2zebra"
    """What paints zebras: name or file."""
    each: int = 3
    """Pairs of a horse."""
    kept: int = 50
    """Pictures that are left out, as `--validation` leaves them out of training."""
    seed: int = 0


def wall(height: int, width: int, random: np.random.Generator) -> Floats:
    """A wall of a studio, [H, W, 3] from 0 to 1: one colour, lighter on one side; near black every second time."""
    colour = random.uniform(0, 0.12) if random.random() < 0.5 else random.uniform(0.2, 0.9)
    direction = random.uniform(-0.3, 0.3, 2)
    slope = np.add.outer(np.linspace(-1, 1, height) * direction[0], np.linspace(-1, 1, width) * direction[1])
    return np.asarray(colour * (1 + slope)[..., None] * random.uniform(0.85, 1, 3), np.float32).clip(0, 1)


def behind(own: Floats, others: list[Path], random: np.random.Generator) -> Floats:
    """What is behind the horse, [H, W, 3] from 0 to 1: a part of another picture, a wall, or what was there."""
    drawn = random.random()
    height, width = own.shape[:2]
    if drawn < ELSEWHERE:
        picture = load_rgb(others[int(random.integers(len(others)))]).astype(np.float32) / 255
        share = random.uniform(0.4, 1) * min(picture.shape[0] / height, picture.shape[1] / width)
        rows, columns = max(int(height * share), 1), max(int(width * share), 1)
        top, left = random.integers(picture.shape[0] - rows + 1), random.integers(picture.shape[1] - columns + 1)
        part = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
        return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
    return wall(height, width, random) if drawn < ELSEWHERE + STUDIO else own


def harder(animal: Shown, zebra: Pixels, others: list[Path], random: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A horse, darker or elsewhere, and its zebra there: a square of each, of any size."""
    picture, mask = animal
    inside = cv2.GaussianBlur(mask, (0, 0), 1)[..., None]
    horse, painted = (values.astype(np.float32) / 255 for values in (picture, zebra))
    around = behind(horse, others, random)
    if random.random() < DARK:
        power, tint = random.uniform(1.2, 2.6), random.uniform([1, 0.85, 0.6], [1.1, 1, 1])
        horse = horse**power * tint
        painted = painted ** (1 + KEPT * (power - 1))
        around = around ** random.uniform(1, power)
    rows, columns = square(mask, random.uniform(1, 2.6), random)
    made = (around + (values - around) * inside for values in (horse, painted))
    source, target = ((values[rows, columns].clip(0, 1) * 255).round().astype(np.uint8) for values in made)
    return source, target


def main(settings: Settings) -> None:
    """Write the pairs."""
    random = np.random.default_rng(settings.seed)
    paint = Translator.open(settings.model, device="cpu")
    others = list_pictures(settings.backgrounds)
    horses = list(load(settings.data / "trainA", settings.masks / "A", settings.kept))
    for stem, (horse, mask) in track(horses, "painting horses", console=Console(stderr=True), transient=True):
        zebra = paint(horse)
        if np.average(np.abs(zebra.astype(int) - horse).mean(axis=2), weights=mask) < PAINTED:
            continue
        for number in range(settings.each):
            source, target = harder((horse, mask), zebra, others, random)
            write_pair(settings.out, f"{stem}-{number}", whole(source, SIDE), whole(target, SIDE))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
