"""Whole folders that nobody watches: how much memory they take, and what `kill -9` leaves.

    python -m benchmarks.unattended memory --data DIR
    python -m benchmarks.unattended kill --data DIR

DIR holds pictures, at any depth; textures are cut out of them. Pixels that are repeated stand in for a model. `memory`
is the peak of processes of their own, and `kill` ends one by SIGKILL at a random moment, lets a second run go on, and
compares every file with an uninterrupted run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cuttings import dice, textures
from models.manifest import Manifest
from translate.batch import run
from translate.bench import peak_megabytes
from translate.config import RunConfig
from translate.folders.journal import JOURNAL
from translate.images import PARTIAL
from translate.inference.chain import Chain

Array = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """Measure folders that nobody watches."""

    what: tyro.conf.Positional[Literal["memory", "kill", "child"]]
    """Which figure; child is used by the processes themselves."""
    data: Path
    """Folder with pictures."""
    count: int | None = None
    """Pictures. If not given, 200 for kill, 1,000 and ten times as many for memory."""
    rounds: int = 50
    """Of kill."""
    out: Annotated[Path, tyro.conf.arg(help="Used by the processes themselves.")] = Path("out")


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


def repeating(pictures: Path, out: Path) -> Any:
    """Run without a model."""
    return run(RunConfig(inputs=(pictures,), model=("repeat",), out=out), Chain((Repeat(),)))


def child(settings: Settings, pictures: Path, out: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "benchmarks.unattended", "child"),
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
    count, rounds, chance = settings.count or 200, settings.rounds, dice()
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


def main(settings: Settings) -> None:
    """Print the table."""
    if settings.what == "child":
        repeating(settings.data, settings.out)
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as work:
        table = memory(settings, Path(work)) if settings.what == "memory" else kill(settings, Path(work))
        Console(width=140).print(table)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
