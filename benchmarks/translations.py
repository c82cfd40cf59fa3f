"""What a translation model does to the subject of photographs, and to the rest of them.

    python -m benchmarks.translations --model horse2zebra --data DIR --features squeezenet1_1.pth --wanted 340

DIR holds testA and testB, as `translate evaluate` takes them; the features are weights of a classifier as torchvision
names them, which the model was neither trained with nor chosen by. Printed for the results, for the pictures as they
are, and for real pictures of the target domain:

- wanted: pictures whose first class is the one asked for (ImageNet's numbers: 340 zebra, 339 sorrel).
- border: mean change of the outer tenth of the frame, blurred with sigma 4, of 255: what meadows and skies turn to.
- grid: power at periods of 2 and 4 pixels along the axes, over that of their neighbours, in dB: a checkerboard's peaks.
- light and colour: mean luma, part of the pixels that are bright (luma above 180), mean a* and b* of Lab.
- SWD, kernel distance, edge agreement: as in `translate evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch.nn.functional as F
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from translate.inference.chain import Chain
from translate.metrics.features import SIDE, Classifier, FeatureNetwork, in_batches, open_classifier
from translate.metrics.pictures import find_two
from translate.metrics.scoring import mean_agreement, pile_scores, resized, to_unit
from translate.metrics.similarity import Pixels, luma
from translate.training.data import load_rgb

CELLS = 128
"""Side of the squares whose spectrum is taken."""
BRIGHT = 180
"""Luma of what shines at night."""


@dataclass(frozen=True)
class Settings:
    """Measure a translation model."""

    model: str
    """Name or path of the model."""
    data: Path
    """Folder with testA and testB."""
    features: Path
    """Weights of a classifier."""
    wanted: int | None = None
    """Number of the class that results should be taken for; not looked at if not given."""
    direction: str = "a-to-b"
    """b-to-a translates testB."""
    side: int = 256
    """Shorter side of the pictures."""
    size: Literal["auto", "full"] | int = "full"
    """Work size, as in `translate run`."""
    out: Path | None = None
    """Also write each picture beside its result there."""


def border_change(picture: Pixels, result: Pixels) -> float:
    """Of the outer tenth of the frame, blurred; of 255."""
    one, other = (cv2.GaussianBlur(image.astype(np.float32), (0, 0), 4) for image in (picture, result))
    height, width = picture.shape[:2]
    inside = np.zeros((height, width), bool)
    inside[height // 10 : height - height // 10, width // 10 : width - width // 10] = True
    return float(np.abs(one - other)[~inside].mean())


def grid_peak(pictures: list[Pixels]) -> float:
    """Mean over the peaks of a grid of their power over their neighbours', in dB."""
    window = np.outer(np.hanning(CELLS), np.hanning(CELLS))
    power = np.zeros((CELLS, CELLS))
    for picture in pictures:
        grey = luma(picture)
        for y in range(0, grey.shape[0] - CELLS + 1, CELLS // 2):
            for x in range(0, grey.shape[1] - CELLS + 1, CELLS // 2):
                square = grey[y : y + CELLS, x : x + CELLS]
                power += np.abs(np.fft.fft2((square - square.mean()) * window)) ** 2
    peaks = []
    for y, x in ((0, CELLS // 4), (CELLS // 4, 0), (0, CELLS // 2), (CELLS // 2, 0), (CELLS // 2, CELLS // 2)):
        near = [
            power[(y + j) % CELLS, (x + i) % CELLS] for j in range(-6, 7) for i in range(-6, 7) if abs(i) + abs(j) > 4
        ]
        peaks.append(10 * np.log10(power[y, x] / np.mean(near)))
    return float(np.mean(peaks))


def scored(classifier: Classifier) -> Callable[[Tensor], Tensor]:
    """Pictures, [B, 3, H, W] in [0, 1] -> scores of ImageNet's classes, [B, 1000]."""

    def score(images: Tensor) -> Tensor:
        small = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        found: Tensor = classifier(small)
        return found

    return score


def lab(picture: Pixels) -> NDArray[np.float32]:
    """L* 0 to 100, a* and b*."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))


def scores(
    pile: list[Pixels],
    inputs: list[Pixels] | None,
    real: list[Pixels],
    network: FeatureNetwork,
    judge: Callable[[Tensor], Tensor],
    wanted: int | None,
) -> dict[str, str]:
    """One column of the table."""
    found: dict[str, str] = {}
    if wanted is not None:
        first = in_batches([to_unit(picture) for picture in pile], judge).argmax(dim=1)
        found["wanted class first"] = f"{int((first == wanted).sum())} of {len(pile)}"
    distances = pile_scores(pile, real, network)
    border = [border_change(a, b) for a, b in zip(inputs, pile, strict=True)] if inputs else []
    lights = np.mean([[luma(picture).mean(), 100 * (luma(picture) > BRIGHT).mean()] for picture in pile], axis=0)
    colors = np.mean([lab(picture).mean((0, 1)) for picture in pile], axis=0)
    return found | {
        "border, of 255": f"{np.mean(border):.1f}" if inputs else "",
        "grid, dB": f"{grid_peak(pile):.1f}",
        "luma, of 255": f"{lights[0]:.0f}",
        "bright, % of pixels": f"{lights[1]:.1f}",
        "a*, b*": f"{colors[1]:+.1f}, {colors[2]:+.1f}",
        "SWD x 1000": f"{distances['SWD x 1000 (mean)']:.0f}",
        f"kernel distance ({network.title})": f"{distances[f'kernel distance ({network.title})']:.4g}",
        "edge agreement": f"{mean_agreement(inputs, pile):.2f}" if inputs else "",
    }


def main(settings: Settings) -> None:
    """Print the table."""
    classifier = open_classifier(settings.features)
    chain = Chain.open([settings.model], size=settings.size)
    measured = find_two(settings.data, "piles", settings.direction)
    files = measured.a
    inputs, real = ([resized(load_rgb(file), settings.side) for file in pile] for pile in (files, measured.b))
    results = [np.asarray(chain(picture)) for picture in track(inputs, console=Console(stderr=True), transient=True)]
    if settings.out:
        settings.out.mkdir(parents=True, exist_ok=True)
        for file, picture, result in zip(files, inputs, results, strict=True):
            Image.fromarray(np.hstack([picture, result])).save(settings.out / f"{file.stem}.png")
    judges = classifier.network, scored(classifier), settings.wanted
    half = len(real) // 2
    columns = {
        settings.model: scores(results, inputs, real, *judges),
        "inputs": scores(inputs, inputs, real, *judges),
        "real, half against half": scores(real[:half], None, real[half:], *judges),
    }
    table = Table("", *columns, title=f"{len(inputs)} pictures, shorter side {settings.side}, {chain.device}")
    for name in columns["inputs"]:
        table.add_row(name, *(column[name] for column in columns.values()))
    Console(width=150).print(table)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
