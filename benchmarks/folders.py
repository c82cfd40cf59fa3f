"""Whole folders: how much of the time is the model's.

    python -m benchmarks.folders textures --data DIR
    python -m benchmarks.folders photographs --data DIR

DIR holds pictures, at any depth: textures are cut out of them at 32 to 64 pixels a side, with alpha where they have
it, and photographs are made by enlarging them. Both are converted in rounds, and after each round the same arrays go
through the chain again, with no files around it. "in the run" is the share of the wall-clock time that the model was at
work; "bare" is what the same calls take by themselves, of the time of the run: the model's, and the whole
translation's, which also shrinks to the work size and carries the detail over.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cuttings import dice, load, textures
from translate.batch import run
from translate.config import RunConfig
from translate.inference.chain import Chain, Translates, WorkSize
from translate.inference.wrapped import NO_WRAPS, Wraps

Array = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """Measure folders."""

    what: tyro.conf.Positional[Literal["textures", "photographs"]]
    """Which figure."""
    data: Path
    """Folder with pictures."""
    count: int | None = None
    """Pictures. If not given, 10,000 textures or 50 photographs."""
    megapixels: float = 12.0
    """Of a photograph."""
    model: str = "texture-x4"
    """Name or path of the model."""
    device: str = "cpu"
    """As in `translate run`."""
    size: WorkSize = "auto"
    """As in `translate run`."""
    rounds: int = 10
    """Parts that the pictures are converted in."""
    bare: int | None = None
    """Rounds after which the calls are made again without files. If not given, all of them."""


@dataclass
class Timed:
    """A model that keeps the time."""

    model: Translates
    seconds: float = 0.0
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def batch(self, pictures: Sequence[Array], /) -> list[Array]:
        start = time.perf_counter()
        results = self.model.batch(pictures)
        self.seconds += time.perf_counter() - start
        self.calls += 1
        return results


@dataclass(frozen=True)
class Recorded(Chain):
    """A chain that remembers what it was given."""

    given: list[Callable[[Chain], object]] = field(default_factory=list)

    def batch(self, pictures: Sequence[Array], wraps: Wraps = NO_WRAPS) -> list[Array]:
        self.given.append(lambda chain: chain.batch(pictures, wraps))
        return super().batch(pictures, wraps)

    def enlarge(self, planes: Sequence[Array], wraps: Wraps = NO_WRAPS, *, drawn: bool = True) -> list[Array]:
        self.given.append(lambda chain: chain.enlarge(planes, wraps, drawn=drawn))
        return super().enlarge(planes, wraps, drawn=drawn)


def photographs(data: Path, count: int, megapixels: float, target: Path) -> None:
    """Write `count` JPEGs of that many megapixels, 4 to 3."""
    chance, pictures = dice(), load(data, 256)
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    size = width, width * 3 // 4
    for number in range(count):
        large = chance.choice(pictures).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        grain = np.random.default_rng(number).normal(0, 4, (*size[::-1], 1))
        place = target / f"{number:03}" / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((np.asarray(large) + grain).clip(0, 255).astype(np.uint8)).save(place, quality=92)


def measured(settings: Settings, pictures: Path, work: Path) -> Table:
    """Convert in rounds, and put the same calls through the model alone."""
    opened = Chain.open([settings.model], settings.device, size=settings.size)
    folders = sorted(path for path in pictures.iterdir())
    rounds = min(settings.rounds, len(folders))
    again_in = rounds if settings.bare is None else max(1, min(settings.bare, rounds))
    wall = inside = bare = whole = beside = pixels = 0.0
    files = calls = 0
    opened(np.zeros((32, 32, 3), np.uint8))  # compiled before the clock starts
    for number in track(range(rounds), description="rounds", console=Console(stderr=True), transient=True):
        in_run, again = ([Timed(step) for step in opened.steps] for _ in range(2))
        chain = Recorded(tuple(in_run), settings.size)
        config = RunConfig(
            inputs=tuple(folders[number::rounds]),
            model=(settings.model,),
            out=work / f"out{number}",
            size=settings.size,
        )
        report = run(config, chain)
        assert report.exit_code == 0, report
        wall, files, pixels = wall + report.seconds, files + len(report.outcomes), pixels + report.megapixels
        if number < again_in:
            start = time.perf_counter()
            for call in chain.given:
                call(Chain(tuple(again), settings.size))
            whole, beside = whole + time.perf_counter() - start, beside + report.seconds
        inside += sum(step.seconds for step in in_run)
        bare += sum(step.seconds for step in again)
        calls += sum(step.calls for step in in_run)
        Console(stderr=True).print(f"{files} in {wall:.0f} s, bare {bare:.0f} of {beside:.0f} s: {inside / wall:.1%}")
        shutil.rmtree(config.out)
    shares = (inside / wall, bare / beside, whole / beside)
    columns = ("model, in the run", "model, bare", "translation, bare")
    table = Table("pictures", "megapixels", "calls of the model", *columns, title=opened.device)
    table.add_row(f"{files:,}", f"{pixels:.1f}", f"{calls:,}", *(f"{share:.1%}" for share in shares))
    return table


def main(settings: Settings) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if settings.what == "textures":
            textures(settings.data, settings.count or 10_000, work / "in")
        else:
            photographs(settings.data, settings.count or 50, settings.megapixels, work / "in")
        Console(width=140).print(measured(settings, work / "in", work))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
