"""The page under load: visitors who each send picture after picture, and what they get back.

    python -m benchmarks.serving [--clients 20] [--seconds 120]

A server of its own on this machine; every client sends pictures that nobody else sends, waits for each result, loads it
down, and goes on at once. Afterwards each file is compared, byte by byte, with the one that `translate run` writes.
Resident memory is the server's: after a fifth of the time, when models and libraries are in place, and at the end.
Linux only.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro
from gradio_client import Client, handle_file
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.started import started
from translate.batch import run
from translate.config import RunConfig


@dataclass(frozen=True)
class Settings:
    """Load the page."""

    clients: int = 20
    """Visitors at once."""
    seconds: float = 120.0
    """For so long each sends another picture as soon as it has a result."""
    model: str = "texture-x4"
    """Name of the model."""
    side: int = 48
    """Of a picture, in pixels."""


@dataclass
class Told:
    """What the visitors tell."""

    results: dict[Path, bytes] = field(default_factory=dict)
    """Of each picture sent."""
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def visit(address: str, settings: Settings, number: int, until: float, told: Told, work: Path) -> None:
    """One visitor."""
    folder = work / "sent" / str(number)
    folder.mkdir(parents=True)
    client = Client(address, verbose=False, download_files=work / "got", analytics_enabled=False)
    chance = np.random.default_rng(number)
    while time.monotonic() < until:
        file = folder / f"{number}-{time.monotonic_ns()}.png"
        Image.fromarray(chance.integers(0, 256, (settings.side, settings.side, 3), dtype=np.uint8)).save(file)
        start = time.monotonic()
        try:
            _, result, _ = client.predict(settings.model, handle_file(file), api_name="/translate")
            told.results[file] = Path(result).read_bytes()
            told.seconds.append(time.monotonic() - start)
        except Exception as error:  # noqa: BLE001  whatever it is, a visitor got no picture
            told.failures.append(f"{type(error).__name__}: {error}")
    client.close()


def resident(process: int) -> float:
    """Megabytes."""
    found = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def main(settings: Settings) -> None:
    """Print the table."""
    told, memory = Told(), []
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        with started("--port", "17960", "--device", "cpu") as (address, process):
            until = time.monotonic() + settings.seconds
            visitors = [
                threading.Thread(target=visit, args=(address, settings, number, until, told, work))
                for number in range(settings.clients)
            ]
            for visitor in visitors:
                visitor.start()
            while any(visitor.is_alive() for visitor in visitors):
                memory.append(resident(process))
                time.sleep(1)
        run(RunConfig(inputs=(work / "sent",), model=(settings.model,), out=work / "out", device="cpu"))
        wrong = sum(
            content != (work / "out" / file.relative_to(work / "sent")).read_bytes()
            for file, content in told.results.items()
        )
    table = Table(
        *("clients", "seconds", "results", "wrong", "lost", "median, s", "slowest, s"), "memory, MB", title="The page"
    )
    table.add_row(
        *(f"{settings.clients}", f"{settings.seconds:g}", f"{len(told.results):,}", f"{wrong}"),
        f"{len(told.failures)}",
        f"{statistics.median(told.seconds):.1f}",
        f"{max(told.seconds):.1f}",
        f"{memory[len(memory) // 5]:,.0f} to {memory[-1]:,.0f}",
    )
    Console(width=120).print(table)
    for failure in sorted(set(told.failures)):
        print(failure)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
