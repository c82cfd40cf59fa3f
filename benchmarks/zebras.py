"""Pairs to learn zebra to horse from, made of horses: what horse2zebra makes of them, as black and white as zebras are.

    python -m benchmarks.zebras --data horse2zebra --masks masks -o pairs
    translate train pix2pix --recipe zebra2horse-pairs --data pairs --start-from ba.safetensors --out runs/pairs

Unpaired methods alone do not learn it: what would let stripes go, a weak contrast or cycle, lets everything else go,
too. In a pair, what is below the stripes is known. Zebras have no colours of their own, horses have many, so that only
brown ones are taken: of all of them a network would learn the mean, which is grey. Of three pairs one is painted in
a small picture and enlarged, with the fine detail of the large one, since stripes of zebras near by are wide; and one
wears the hide of a real zebra, since no painted one is as crisp. Half of them are also made smaller, since heads and
legs of zebras far away keep their stripes else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from tyro.conf import arg

from benchmarks.enlarging import LUMA, enlarge
from benchmarks.pairs import write_pair
from translate.inference.translator import Translator
from translate.training.layout import hold_out, list_pictures, with_masks
from translate.training.loading import square as whole
from translate.training.pixels import Pixels

Floats = NDArray[np.float32]
Pair = tuple[Pixels, Pixels]
Shown = tuple[Pixels, Floats]
"""A picture, [H, W, 3], and where its animal is, [H, W] from 0 to 1."""
Paint = Callable[[Pixels], Pixels]
SIDE = 256
"""Of the squares that are written, and of the shorter side of what zebras are painted in."""
BLUE_BLACK, BLUE_WHITE = (-30, 16), (-60, 20)
"""Mean blue less mean red, of 255, of black and of white: about where nine of ten pixels of photographed zebras are."""
AGAINST_RED = np.array([-0.4, 0.1, 0.6], np.float32)
"""What more blue by 1 adds to red, green and blue, at the same luma."""
BROWN, LARGE = 22, 0.03
"""Mean red less mean blue of a horse, of 255, and its share of the picture, from which on it is taken."""


@dataclass(frozen=True)
class Settings:
    """Make pairs of zebra and horse."""

    data: Path
    """Folder with trainA, horses, and trainB, zebras."""
    masks: Path
    """Folder with A and B: where the animals are, white, by the same names."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for input/ and target/."""
    models: tuple[str, ...] = ("horse2zebra",)
    """What paints zebras: names or files; several paint more kinds of stripes."""
    each: int = 2
    """Pairs of each of the three kinds for a horse, before half of them are made smaller, too."""
    kept: int = 50
    """Pictures of either kind that are left out, as `--validation` leaves them out of training."""
    seed: int = 0


def redness(horse: Pixels, mask: Floats) -> float:
    """Mean red less mean blue where the mask, [H, W] from 0 to 1, shows it."""
    red, _, blue = np.average(horse.reshape(-1, 3), axis=0, weights=mask.ravel())
    return float(red - blue)


def painted_small(horse: Pixels, mask: Floats, paint: Paint, share: float, fine: float) -> Floats:
    """A zebra painted at `share` of the size, [H, W, 3], with `fine` of the luma that this loses."""
    width, height = (max(round(side * share / 4) * 4, 64) for side in horse.shape[1::-1])
    small = cv2.resize(horse, (width, height), interpolation=cv2.INTER_AREA)
    large = horse.astype(np.float32)
    lost = (large - enlarge(small.astype(np.float32), large)) @ LUMA
    zebra = enlarge(paint(small).astype(np.float32), large) + fine * lost[..., None]
    return large + (zebra - large) * mask[..., None]


def bleached(zebra: Floats, mask: Floats, random: np.random.Generator) -> Pixels:
    """A zebra, [H, W, 3], without most of the horse's colour, black and white at random distances and of random tints.

    Black is lit by the sky, white by the sun: either can be blue or yellow, as in photographs of zebras.
    """
    luma = zebra @ LUMA
    inside = luma[mask > 0.5]
    dark, light = np.percentile(inside, [3, 97])
    stripes = ((luma - dark) / max(light - dark, 20)).clip(0, 1)
    for _ in range(random.integers(0, 3)):
        stripes = stripes**2 * (3 - 2 * stripes)
    darkest, lightest = random.uniform(0, 50), random.uniform(175, 252)
    strength = random.uniform(0.5, 1)
    grey = luma + strength * (darkest + stripes * (lightest - darkest) - luma)
    blue_black, blue_white = random.uniform(*BLUE_BLACK), random.uniform(*BLUE_WHITE)
    blue = blue_black + stripes * (blue_white - blue_black)
    colour = (zebra - luma[..., None]) * max(random.uniform(-0.4, 0.5), 0)
    without = grey[..., None] + blue[..., None] * AGAINST_RED + colour
    return np.asarray((zebra + (without - zebra) * mask[..., None]).clip(0, 255).round(), np.uint8)


def within(mask: Floats) -> tuple[slice, slice]:
    """Rows and columns that hold the animal."""
    rows, columns = np.nonzero(mask > 0.5)
    return slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)


def dressed(horse: Pixels, mask: Floats, painted: Pixels, animal: Shown, random: np.random.Generator) -> Pixels:
    """The horse in the hide of a real zebra, [H, W, 3], stretched over it; as painted where that does not reach."""
    zebra, shown = animal
    rows, columns = within(shown)
    part = random.uniform(0.4, 1)
    height, width = (max(round((place.stop - place.start) * part), 8) for place in (rows, columns))
    top, left = (
        int(random.integers(place.start, max(place.stop - side, place.start) + 1))
        for place, side in ((rows, height), (columns, width))
    )
    side = -1 if random.random() < 0.5 else 1
    where = within(mask)
    goal = where[1].stop - where[1].start, where[0].stop - where[0].start
    hide = cv2.resize(
        np.ascontiguousarray(zebra[top : top + height, left : left + width][:, ::side]).astype(np.float32), goal,
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    inner = cv2.erode(shown, np.ones((5, 5)))[top : top + height, left : left + width][:, ::side]
    cover = cv2.GaussianBlur(cv2.resize(np.ascontiguousarray(inner), goal), (0, 0), 1.5)
    cover = (cover * mask[where])[..., None]

    luma = (horse @ LUMA)[where]
    shade = cv2.GaussianBlur(luma, (0, 0), 8)
    lit = (shade / max(float(shade.mean()), 1)).clip(0.4, 1.8) ** random.uniform(0, 0.8)
    fine = random.uniform(0, 0.8) * (luma - cv2.GaussianBlur(luma, (0, 0), 1.5))
    worn = hide * lit[..., None] + fine[..., None]
    result = painted.astype(np.float32)
    result[where] += (worn - result[where]) * cover
    return np.asarray(result.clip(0, 255).round(), np.uint8)


def square(mask: Floats, zoom: float, random: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square, `zoom` times smaller than the picture, near a place of the animal."""
    side = int(min(mask.shape) / zoom)
    rows, columns = np.nonzero(mask > 0.5)
    place = random.integers(len(rows))
    corner = ((found[place] + found.mean() - side) // 2 for found in (rows, columns))
    top, left = (int(np.clip(start, 0, length - side)) for start, length in zip(corner, mask.shape, strict=True))
    return slice(top, top + side), slice(left, left + side)


def pairs(
    animal: Shown, paint: Sequence[Paint], zebras: Sequence[Shown], random: np.random.Generator
) -> Iterator[Pair]:
    """Squares of a zebra and of the horse, of any size: as it is painted, with wide stripes, in a real zebra's hide."""
    horse, mask = animal
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1), np.float32)
    for kind in ("painted", "wide", "dressed"):
        painter = paint[int(random.integers(len(paint)))]
        if kind == "painted":
            zebra = painter(horse).astype(np.float32)
        else:
            zebra = painted_small(horse, soft, painter, random.uniform(0.3, 0.7), random.uniform(0.2, 1))
        result = bleached(zebra, soft, random)
        if kind == "dressed":
            result = dressed(horse, soft, result, zebras[int(random.integers(len(zebras)))], random)
        rows, columns = square(mask, random.uniform(1, 1.8 if kind == "wide" else 2.6), random)
        yield result[rows, columns], horse[rows, columns]


def smaller(pair: Pair, random: np.random.Generator) -> Pair:
    """Both squares, [`SIDE`, `SIDE`, 3], shrunk to 0.4 to 0.75 of that, in mirrored surroundings."""
    side = int(random.integers(int(0.4 * SIDE), int(0.75 * SIDE)))
    top, left = (int(start) for start in random.integers(0, SIDE - side + 1, 2))
    around = ((top, SIDE - side - top), (left, SIDE - side - left), (0, 0))
    zebra, horse = (
        np.pad(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), around, mode="symmetric")
        for picture in pair
    )
    return zebra, horse


def load(pictures: Path, masks: Path, kept: int) -> Iterator[tuple[str, Shown]]:
    """Names, animals with a shorter side of `SIDE`, and their masks.

    Raises:
        DataError: a mask is missing.
    """
    for file, masked in with_masks(hold_out(list_pictures(pictures), kept)[0], pictures, masks):
        with Image.open(file) as picture, Image.open(masked) as shown:
            share = SIDE / min(picture.size)
            size = [round(side * share / 4) * 4 for side in picture.size]
            animal = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC))
            mask = np.asarray(shown.convert("L").resize(size, Image.Resampling.BILINEAR), np.float32) / np.float32(255)
        if mask.mean() >= LARGE:
            yield file.stem, (animal, mask)


def main(settings: Settings) -> None:
    """Write the pairs."""
    random = np.random.default_rng(settings.seed)
    paint = [Translator.open(model, device="cpu") for model in settings.models]
    zebras = [animal for _, animal in load(settings.data / "trainB", settings.masks / "B", settings.kept)]
    all_horses = load(settings.data / "trainA", settings.masks / "A", settings.kept)
    horses = [(stem, animal) for stem, animal in all_horses if redness(*animal) >= BROWN]
    for stem, animal in track(horses, "making zebras", console=Console(stderr=True), transient=True):
        found = (pair for _ in range(settings.each) for pair in pairs(animal, paint, zebras, random))
        made = [(whole(zebra, SIDE), whole(horse, SIDE)) for zebra, horse in found]
        for number, pair in enumerate([*made, *(smaller(pair, random) for pair in made[::2])]):
            write_pair(settings.out, f"{stem}-{number}", *pair)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
