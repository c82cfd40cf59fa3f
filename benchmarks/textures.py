"""PSNR of a x4 model on game textures, beside bicubic and Lanczos.

    python -m benchmarks.textures --data DIR

DIR holds train/ (the textures that `translate train srgan --recipe texture-x4` was given; the 40 that it kept aside are
measured here, shrunk by a box filter) and, if there, pairs/NAME/32 and pairs/NAME/128 (the same tile at two sizes, as a
game shipped it). Numbers are means over pictures of the PSNR in dB over RGB, 8 bits, no border left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from translate.inference import Translator
from translate.metrics.similarity import psnr
from translate.training.data import hold_out, list_pictures, load_rgb
from translate.training.degrade import shrink

Pixels = NDArray[np.uint8]
Upscale = Callable[[Pixels], Pixels]
SCALE = 4
SHEET_SIDE = 160


@dataclass(frozen=True)
class Settings:
    """Measure a x4 model on game textures."""

    data: Path
    """Folder with train/ and pairs/."""
    model: str = "texture-x4"
    """Name or path of the model."""
    device: str = "auto"
    """As in `translate run`."""
    validation: int = 40
    """How many textures of train/ the training kept aside."""
    sheet: Path | None = None
    """Also write a picture of some of them: input, bicubic, model, original."""
    show: tuple[str, ...] = ()
    """File names for the sheet; the first six if none."""


def resample(kernel: Image.Resampling) -> Upscale:
    """Enlargement by Pillow."""
    return lambda low: np.asarray(Image.fromarray(low).resize((low.shape[1] * SCALE, low.shape[0] * SCALE), kernel))


def validation_pairs(folder: Path, count: int) -> Iterator[tuple[str, Pixels, Pixels]]:
    """(name, low, high) of the textures that training kept aside."""
    for file in hold_out(list_pictures(folder), count)[1]:
        high = load_rgb(file)
        high = np.ascontiguousarray(high[: high.shape[0] // SCALE * SCALE, : high.shape[1] // SCALE * SCALE])
        yield file.name, shrink(high, SCALE, "box"), high


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


def main(settings: Settings) -> None:
    """Print the table."""
    translator = Translator.open(settings.model, device=settings.device)
    methods: dict[str, Upscale] = {
        "nearest": resample(Image.Resampling.NEAREST),
        "bicubic": resample(Image.Resampling.BICUBIC),
        "lanczos": resample(Image.Resampling.LANCZOS),
        settings.model: translator,
    }
    sets: dict[str, Iterator[tuple[str, Pixels, Pixels]]] = {
        f"{settings.validation} validation textures, box-shrunk": validation_pairs(
            settings.data / "train", settings.validation
        )
    }
    for folder in sorted((settings.data / "pairs").glob("*")):
        sets[f"{folder.name}, 32 to 128"] = shipped_pairs(folder)

    table = Table(
        "pictures", "count", *methods, "over bicubic", "seconds", title=f"RGB PSNR in dB, {translator.device}"
    )
    shown: list[dict[str, Pixels]] = []
    for title, pictures in sets.items():
        scores: dict[str, list[float]] = {name: [] for name in methods}
        seconds = 0.0
        for name, low, high in pictures:
            row: dict[str, Any] = {"input": resample(Image.Resampling.NEAREST)(low)}
            for method, upscale in methods.items():
                start = time.perf_counter()
                row[method] = upscale(low)
                seconds += (time.perf_counter() - start) * (method == settings.model)
                scores[method].append(psnr(row[method], high))
            if name in settings.show or (not settings.show and len(shown) < 6):
                shown.append({key: row[key] for key in ("input", "bicubic", settings.model)} | {"original": high})
        means = {name: float(np.mean(values)) for name, values in scores.items()}
        over = means[settings.model] - means["bicubic"]
        table.add_row(
            title,
            str(len(scores["bicubic"])),
            *(f"{mean:.2f}" for mean in means.values()),
            f"{over:+.2f}",
            f"{seconds:.1f}",
        )
    Console(width=140).print(table)
    if settings.sheet:
        write_sheet(settings.sheet, shown)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
