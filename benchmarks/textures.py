"""x4 models on game textures, beside nearest, bicubic and Lanczos.

    python -m benchmarks.textures --data DIR [--game DIR ...] [--model NAME ...] [--features squeezenet1_1.pth]

DIR holds train/ (the textures that `translate train srgan --recipe texture-x4` was given; the 40 that it kept aside are
measured here, shrunk by a box filter, and then reduced to a palette or damaged by JPEG) and, if there, pairs/NAME/32
and pairs/NAME/128 (the same tile at two sizes, as a game shipped it). --game names a folder of another game's textures,
which are shrunk by a box filter, too. Numbers are means over pictures: PSNR and SSIM over RGB, 8 bits, no border left
out; the distance is that of the features of the network that is named, and no shipped model was trained by it; seconds
are those of one picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table
from tyro.conf import UseAppendAction

from translate.inference import Translator
from translate.metrics.features import FeatureNetwork, open_features
from translate.metrics.scoring import to_unit
from translate.metrics.similarity import psnr, ssim
from translate.training.data import hold_out, list_pictures, load_rgb
from translate.training.degrade import jpeg, palette, shrink

Pixels = NDArray[np.uint8]
Upscale = Callable[[Pixels], Pixels]
SCALE = 4
SHEET_SIDE = 160


@dataclass(frozen=True)
class Settings:
    """Measure x4 models on game textures."""

    data: Path
    """Folder with train/ and pairs/."""
    model: UseAppendAction[tuple[str, ...]] = ()
    """Name or path of a model; may be repeated. texture-x4 if none."""
    game: UseAppendAction[tuple[Path, ...]] = ()
    """Folder with textures of a game that is not in train/; may be repeated."""
    device: str = "auto"
    """As in `translate run`."""
    features: Path | None = None
    """Weights of SqueezeNet 1.1 or another network, for a perceptual distance."""
    validation: int = 40
    """How many textures of train/ the training kept aside."""
    sheet: Path | None = None
    """Also write a picture of some of them: input, bicubic, models, original."""
    show: tuple[str, ...] = ()
    """File names for the sheet; the first six if none."""


def resample(kernel: Image.Resampling) -> Upscale:
    """Enlargement by Pillow."""
    return lambda low: np.asarray(Image.fromarray(low).resize((low.shape[1] * SCALE, low.shape[0] * SCALE), kernel))


def made_pairs(files: Sequence[Path], damage: Upscale) -> Iterator[tuple[str, Pixels, Pixels]]:
    """(name, low, high) of textures, the low one box-shrunk and damaged."""
    for file in files:
        high = load_rgb(file)
        high = np.ascontiguousarray(high[: high.shape[0] // SCALE * SCALE, : high.shape[1] // SCALE * SCALE])
        yield file.name, damage(shrink(high, SCALE, "box")), high


def shipped_pairs(folder: Path) -> Iterator[tuple[str, Pixels, Pixels]]:
    """(name, low, high) of tiles that a game ships at 32 and at 128 pixels."""
    for file in list_pictures(folder / "128"):
        yield file.name, load_rgb(folder / "32" / file.name), load_rgb(file)


def write_sheet(path: Path, rows: list[dict[str, Pixels]]) -> None:
    """A row for each texture, a column for each version, the middle of each at its own pixels."""
    names = list(rows[0])
    side = SHEET_SIDE
    sheet = Image.new("RGB", (len(names) * (side + 4), 16 + len(rows) * (side + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        draw.text((column * (side + 4) + 2, 2), name, fill="black")
        for line, row in enumerate(rows):
            image = row[name]
            top, left = ((length - side) // 2 // SCALE * SCALE for length in image.shape[:2])
            cut = Image.fromarray(image[top : top + side, left : left + side])
            sheet.paste(cut, (column * (side + 4), 16 + line * (side + 4)))
    sheet.save(path, optimize=True)


def unharmed(low: Pixels) -> Pixels:
    """No damage."""
    return low


def pile(settings: Settings) -> dict[str, Iterator[tuple[str, Pixels, Pixels]]]:
    """What is measured, by its title."""
    damages: dict[str, Upscale] = {
        "box-shrunk": unharmed,
        "and of 32 colours": lambda low: palette(low, 32, dither=False),
        "and JPEG of quality 80": lambda low: jpeg(low, 80),
    }
    kept_aside = hold_out(list_pictures(settings.data / "train"), settings.validation)[1]
    sets = {f"validation textures, {name}": made_pairs(kept_aside, damage) for name, damage in damages.items()}
    games = {f"{folder.name}, box-shrunk": made_pairs(list_pictures(folder), unharmed) for folder in settings.game}
    tiles = sorted((settings.data / "pairs").glob("*"))
    return sets | games | {f"{folder.name}, 32 to 128": shipped_pairs(folder) for folder in tiles}


def main(settings: Settings) -> None:
    """Print the table."""
    methods: dict[str, Upscale] = {
        "nearest": resample(Image.Resampling.NEAREST),
        "bicubic": resample(Image.Resampling.BICUBIC),
        "lanczos": resample(Image.Resampling.LANCZOS),
    }
    models = settings.model or ("texture-x4",)
    for model in models:
        methods[Path(model).stem] = Translator.open(model, device=settings.device)
    network = open_features(settings.features) if settings.features else None

    distance = f"distance ({network.title})" if network else "distance"
    table = Table("pictures", "by", "PSNR, dB", "over bicubic", "SSIM", distance, "seconds", title="RGB, mean")
    shown: dict[str, dict[str, Pixels]] = {}
    for title, pictures in pile(settings).items():
        scores: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
        for name, low, high in pictures:
            row: dict[str, Any] = {"input": resample(Image.Resampling.NEAREST)(low)}
            for method, upscale in methods.items():
                start = time.perf_counter()
                row[method] = upscale(low)
                seconds = time.perf_counter() - start
                near = float("nan") if network is None else perceptual(network, row[method], high)
                scores[method].append((psnr(row[method], high), ssim(row[method], high), near, seconds))
            wanted = name in settings.show if settings.show else len(shown) < 6
            if wanted and name not in shown:  # as it is shrunk first, without damage
                columns = ("input", "bicubic", *list(methods)[3:])
                shown[name] = {key: row[key] for key in columns} | {"original": high}
        means = {name: np.mean(values, axis=0) for name, values in scores.items()}
        for method, (fidelity, alike, near, seconds) in means.items():
            over = fidelity - means["bicubic"][0]
            first = f"{len(scores[method])} x {title}" if method == "nearest" else ""
            table.add_row(
                *(first, method, f"{fidelity:.2f}", f"{over:+.2f}", f"{alike:.3f}", f"{near:.2f}", f"{seconds:.3f}")
            )
    Console(width=140).print(table)
    if settings.sheet:
        write_sheet(settings.sheet, [*shown.values()])


def perceptual(network: FeatureNetwork, result: Pixels, target: Pixels) -> float:
    """Squared distance of features of unit length, summed over the network's layers."""
    with torch.no_grad():
        return float(network.distance(to_unit(result)[None], to_unit(target)[None]))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
