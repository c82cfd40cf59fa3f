"""Whole folders: how much of the time is the model's, how much memory they take, and what `kill -9` leaves.

    python -m benchmarks.folders textures --data DIR
    python -m benchmarks.folders photographs --data DIR
    python -m benchmarks.folders memory --data DIR
    python -m benchmarks.folders kill --data DIR

DIR holds pictures, at any depth: textures are cut out of them at 32 to 64 pixels a side, with alpha where they have
it, and photographs are made by enlarging them. `textures` and `photographs` convert them in rounds, and after each
round put the same arrays through the chain again, with no files around it. "in the run" is the share of the wall-clock
time that the model was at work; "bare" is what the same calls take by themselves, of the time of the run: the model's,
and the whole translation's, which also shrinks to the work size and carries the detail over.
`memory` and `kill` use pixels that are repeated in place of a model: `memory` is the peak of processes of their own,
and `kill` ends one by SIGKILL at a random moment, lets a second run go on, and compares every file with an
uninterrupted run.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.manifest import Manifest
from translate.batch import run
from translate.bench import peak_megabytes
from translate.config import RunConfig
from translate.folders.journal import JOURNAL
from translate.images import PARTIAL
from translate.inference.chain import Chain, Translates, WorkSize
from translate.inference.wrapped import NO_WRAPS, Wraps

Array = NDArray[Any]
SIDES = (32, 40, 48, 64)
PER_FOLDER = 33


@dataclass(frozen=True)
class Settings:
    """Measure folders."""

    what: tyro.conf.Positional[Literal["textures", "photographs", "memory", "kill", "child"]]
    """Which figure; child is used by the processes themselves."""
    data: Path
    """Folder with pictures."""
    count: int | None = None
    """Pictures. If not given, 10,000 textures, 50 photographs, 200 for kill, 1,000 and ten times as many for memory."""
    megapixels: float = 12.0
    """Of a photograph."""
    model: str = "texture-x4"
    """Name or path of the model."""
    device: str = "cpu"
    """As in `translate run`."""
    size: WorkSize = "auto"
    """As in `translate run`."""
    rounds: int | None = None
    """10 if not given, 50 for kill."""
    bare: int | None = None
    """Rounds after which the calls are made again without files. If not given, all of them."""
    out: Annotated[Path, tyro.conf.arg(help="Used by the processes themselves.")] = Path("out")


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


class Repeat:
    """Pixels, repeated four times: no model at all."""

    manifest = Manifest(name="repeat", task="super-resolution", source="a", target="b", generator="none", scale=4)
    device, why = "NumPy", ""

    def batch(self, pictures: Sequence[Array], /) -> list[Array]:
        return [picture.repeat(4, 0).repeat(4, 1) for picture in pictures]

    def together(self, height: int, width: int) -> int:
        return 50

    def how(self, height: int, width: int) -> str:
        return "repeated"


def dice() -> random.Random:
    """The same throws every time."""
    return random.Random(0)  # noqa: S311


def load(data: Path, least: int) -> list[Image.Image]:
    """Pictures of at least so many pixels a side."""
    found = []
    for path in sorted(data.rglob("*")):
        if path.suffix.lower() in (".png", ".jpg") and path.is_file():
            with Image.open(path) as image:
                if min(image.size) >= least:
                    has_alpha = image.mode in ("RGBA", "LA") or "transparency" in image.info
                    found.append(image.convert("RGBA" if has_alpha else "RGB"))
        if len(found) >= 1500:
            break
    if not found:
        raise SystemExit(f"no pictures of {least} pixels a side in {data}.")
    return found


def textures(data: Path, count: int, target: Path) -> None:
    """Write `count` cuttings, some dozens to a folder."""
    chance, pictures = dice(), load(data, max(SIDES))
    for number in range(count):
        picture = chance.choice(pictures)
        width, height = chance.choice(SIDES), chance.choice(SIDES)
        left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        place = target / f"{number // PER_FOLDER:03}" / f"{number:05}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture.crop((left, top, left + width, top + height)).save(place)


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
    rounds = min(settings.rounds or 10, len(folders))
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


def repeating(pictures: Path, out: Path) -> Any:
    """Run without a model."""
    return run(RunConfig(inputs=(pictures,), model=("repeat",), out=out), Chain((Repeat(),)))


def child(settings: Settings, pictures: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "benchmarks.folders", "child"),
        *("--data", str(pictures), "--out", str(out), "--count", str(settings.count or 0)),
    ]


def memory(settings: Settings, work: Path) -> Table:
    """Peaks of processes that convert so many textures, and ten times as many."""
    table = Table("pictures", "peak MB", title="Peak resident memory")
    for count in ((settings.count or 1000), 10 * (settings.count or 1000)):
        textures(settings.data, count, work / str(count))
        told = subprocess.run(
            child(settings, work / str(count), work / f"out{count}"), capture_output=True, text=True, check=True
        )
        table.add_row(f"{count:,}", f"{float(told.stdout):,.0f}")
        shutil.rmtree(work / f"out{count}")
    return table


def tree(folder: Path) -> dict[str, str]:
    """Every file but the journal -> its hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != JOURNAL
    }


def kill(settings: Settings, work: Path) -> Table:
    """Kill, resume, compare."""
    count, rounds, chance = settings.count or 200, settings.rounds or 50, dice()
    pictures = work / "pictures"
    textures(settings.data, count, pictures)
    repeating(pictures, work / "reference")
    reference = tree(work / "reference")
    wrong = partial = cut = 0
    done: list[int] = []
    for _ in track(range(rounds), description="rounds", console=Console(stderr=True), transient=True):
        out = work / "out"
        victim = subprocess.Popen(child(settings, pictures, out), stdout=subprocess.DEVNULL)
        wanted = chance.randint(0, count - 1)
        while victim.poll() is None and written(out) < wanted:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.01)
        victim.kill()
        victim.wait()
        left = tree(out) if out.exists() else {}
        unfinished = [name for name in left if PARTIAL in name]
        cut += len(unfinished)
        whole = {name: value for name, value in left.items() if name not in unfinished}
        wrong += any(reference[name] != value for name, value in whole.items())
        done.append(len(whole))
        repeating(pictures, out)
        after = tree(out)
        partial += any(PARTIAL in name for name in after)
        wrong += after != reference
        shutil.rmtree(out)
    table = Table("rounds", "results when killed", "cut off files found", "trees that differ", "with temporary files")
    table.add_row(str(rounds), f"{min(done)} to {max(done)} of {count}", str(cut), str(wrong), str(partial))
    return table


def written(out: Path) -> int:
    """Lines of the journal."""
    try:
        return (out / JOURNAL).read_bytes().count(b"\n")
    except OSError:
        return 0


def tables(settings: Settings, work: Path) -> Iterator[Table]:
    if settings.what == "textures":
        textures(settings.data, settings.count or 10_000, work / "in")
        yield measured(settings, work / "in", work)
    elif settings.what == "photographs":
        photographs(settings.data, settings.count or 50, settings.megapixels, work / "in")
        yield measured(settings, work / "in", work)
    elif settings.what == "memory":
        yield memory(settings, work)
    else:
        yield kill(settings, work)


def main(settings: Settings) -> None:
    """Print the table."""
    if settings.what == "child":
        repeating(settings.data, settings.out)
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as work:
        for table in tables(settings, Path(work)):
            Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
