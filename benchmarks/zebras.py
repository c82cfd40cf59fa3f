"""Pairs to learn zebra to horse from, made of horses: what horse2zebra makes of them, as black and white as zebras are.

    python -m benchmarks.zebras --horses trainA --masks masks/A -o pairs
    translate train pix2pix --recipe zebra2horse-pairs --data pairs --out runs/pairs

Unpaired methods alone do not learn it: what would let stripes go, a weak contrast or cycle, lets everything else go,
too. In a pair, what is below the stripes is known. Zebras have no colours of their own, horses have many, so that only
brown ones are taken: of all of them a network would learn the mean, which is grey. Half of the zebras are painted in a
small picture and enlarged, with the fine detail of the large one: stripes of zebras near by are wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

from translate.inference.translator import Translator
from translate.training.layout import list_pictures
from translate.training.pixels import Pixels

Floats = NDArray[np.float32]
Pair = tuple[Pixels, Pixels]
Paint = Callable[[Pixels], Pixels]
SIDE = 256
"""Of the squares that are written, and of the shorter side of what zebras are painted in."""
BROWN, LARGE = 22, 0.03
"""Mean red less mean blue of a horse, of 255, and its share of the picture, from which on it is taken."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Settings:
    """Make pairs of zebra and horse."""

    horses: Path
    """Photographs of horses."""
    masks: Path
    """Where horses are, white, by the same names (.png)."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for input/ and target/."""
    models: tuple[str, ...] = ("horse2zebra",)
    """What paints zebras: names or files; several paint more kinds of stripes."""
    each: int = 3
    """Pairs of each horse with stripes as they are painted, and as many with wide ones."""
    seed: int = 0


def redness(horse: Pixels, mask: Floats) -> float:
    """Mean red less mean blue where the mask, [H, W] from 0 to 1, shows it."""
    red, _, blue = np.average(horse.reshape(-1, 3), axis=0, weights=mask.ravel())
    return float(red - blue)


def painted_small(horse: Pixels, mask: Floats, paint: Paint, share: float, fine: float) -> Floats:
    """A zebra painted at `share` of the size, [H, W, 3], with `fine` of the luma that this loses."""
    width, height = (max(round(side * share / 4) * 4, 64) for side in horse.shape[1::-1])
    small = cv2.resize(horse, (width, height), interpolation=cv2.INTER_AREA)

    def enlarged(picture: Pixels) -> Floats:
        grown = cv2.resize(picture.astype(np.float32), horse.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(grown, np.float32)

    lost = (horse - enlarged(small)) @ LUMA
    zebra = enlarged(paint(small)) + fine * lost[..., None]
    return np.asarray(horse + (zebra - horse) * mask[..., None], np.float32)


def bleached(zebra: Floats, mask: Floats, random: np.random.Generator) -> Pixels:
    """A zebra, [H, W, 3], without most of the horse's colour, black and white at random distances, a little yellow."""
    luma = zebra @ LUMA
    inside = luma[mask > 0.5]
    dark, light = np.percentile(inside, [3, 97])
    stripes = ((luma - dark) / max(light - dark, 20)).clip(0, 1)
    for _ in range(random.integers(0, 3)):
        stripes = stripes**2 * (3 - 2 * stripes)
    darkest, lightest = random.uniform(10, 60), random.uniform(170, 245)
    strength = random.uniform(0.3, 1)
    grey = (luma + strength * (darkest + stripes * (lightest - darkest) - luma))[..., None]
    tint = np.array([1 + random.uniform(0, 0.08), 1, 1 - random.uniform(0, 0.12)])
    without = grey * tint + (zebra - luma[..., None]) * random.uniform(0, 0.5)
    return np.asarray((zebra + (without - zebra) * mask[..., None]).clip(0, 255).round(), np.uint8)


def square(mask: Floats, zoom: float, random: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a square, `zoom` times smaller than the picture, near a place of the animal."""
    side = int(min(mask.shape) / zoom)
    rows, columns = np.nonzero(mask > 0.5)
    place = random.integers(len(rows))
    corner = ((found[place] + found.mean() - side) // 2 for found in (rows, columns))
    top, left = (int(np.clip(start, 0, length - side)) for start, length in zip(corner, mask.shape, strict=True))
    return slice(top, top + side), slice(left, left + side)


def pairs(horse: Pixels, mask: Floats, paint: Sequence[Paint], each: int, random: np.random.Generator) -> list[Pair]:
    """Squares of zebras and of the horse, of any size: `each` as they are painted, `each` with wide stripes."""
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1), np.float32)
    made = []
    for number in range(2 * each):
        painter, wide = paint[int(random.integers(len(paint)))], number >= each
        if wide:
            zebra = painted_small(horse, soft, painter, random.uniform(0.3, 0.7), random.uniform(0.2, 1))
        else:
            zebra = painter(horse).astype(np.float32)
        nearest = 1.8 if wide else 2.6
        rows, columns = square(mask, random.uniform(1.1, nearest) if number % each else 1, random)
        made.append((bleached(zebra, soft, random)[rows, columns], horse[rows, columns]))
    return made


def main(settings: Settings) -> None:
    """Write the pairs."""
    random = np.random.default_rng(settings.seed)
    paint = [Translator.open(model, device="cpu") for model in settings.models]
    for name in ("input", "target"):
        (settings.out / name).mkdir(parents=True, exist_ok=True)
    for file in track(list_pictures(settings.horses), "making zebras", console=Console(stderr=True), transient=True):
        masked = settings.masks / f"{file.stem}.png"
        if not masked.exists():
            raise SystemExit(f"{settings.masks} holds no mask {masked.name}: make one, white where the horse is.")
        with Image.open(file) as picture, Image.open(masked) as shown:
            share = SIDE / min(picture.size)
            size = [round(side * share / 4) * 4 for side in picture.size]
            horse = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC))
            mask = np.asarray(shown.convert("L").resize(size, Image.Resampling.BILINEAR), np.float32) / np.float32(255)
        if mask.mean() < LARGE or redness(horse, mask) < BROWN:
            continue
        for number, pair in enumerate(pairs(horse, mask, paint, settings.each, random)):
            for name, cutting in zip(("input", "target"), pair, strict=True):
                whole = Image.fromarray(cutting).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
                whole.save(settings.out / name / f"{file.stem}-{number}.png")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
