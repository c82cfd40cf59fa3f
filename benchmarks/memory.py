"""Peak resident memory against the size of the picture.

    python -m benchmarks.memory

Each line is a process of its own that translates one picture of noise and says the most memory it ever had resident:
the program, the picture, its result and the working memory that `--memory` bounds. The generator is one of CycleGAN's,
which normalize by the whole picture, with random weights; texture-x4 is the shipped model.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.engine import exported
from translate.bench import peak_megabytes
from translate.inference import Translator


@dataclass(frozen=True)
class Settings:
    """Measure memory."""

    sizes: tuple[str, ...] = ("1024x1024", "2048x2048", "4096x4096", "8192x8192")
    """Width x height of the pictures for the generator."""
    generator: str = "resnet_6blocks"
    """Network of the zoo; resnet_9blocks of width 64 takes half an hour for 64 megapixels on two cores."""
    width: int = 32
    """Channels of its first layer."""
    enlarged: tuple[str, ...] = ("256x256", "512x512", "1024x1024", "2048x2048")
    """The same for texture-x4, whose results have 16 times the pixels."""
    memory: int = 10**9
    """Bytes of working memory that are allowed."""
    child: str = ""
    """Used by the processes themselves."""


def measure(settings: Settings) -> str:
    """In this process: seconds, peak in MB and how it was computed."""
    model, size = settings.child.split(" ")
    width, height = map(int, size.split("x"))
    translator = Translator.open(Path(model) if "/" in model else model, memory=settings.memory)
    # a block of noise repeated: noise of this size would itself take memory that is then free again
    block = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = np.tile(block, (-(-height // 64), -(-width // 64), 1))[:height, :width]
    start = time.perf_counter()
    translator(picture)
    return f"{time.perf_counter() - start:.1f}\t{peak_megabytes()}\t{translator.how(height, width)}"


def main(settings: Settings) -> None:
    """Print the table, or a line of it."""
    if settings.child:
        print(measure(settings))
        return
    table = Table("model", "picture", "megapixels", "seconds", "peak MB", "computed")
    with tempfile.TemporaryDirectory() as folder:
        _, path = exported(settings.generator, Path(folder), width=settings.width)
        cases = [(f"{path}", f"{settings.generator}, width {settings.width}", size) for size in settings.sizes]
        cases += [("texture-x4", "texture-x4", size) for size in settings.enlarged]
        for model, title, size in track(cases, description="measuring", console=Console(stderr=True), transient=True):
            command = [sys.executable, "-m", "benchmarks.memory", "--child", f"{model} {size}"]
            told = subprocess.run(
                [*command, "--memory", str(settings.memory)], capture_output=True, text=True, check=True
            )
            seconds, peak, how = told.stdout.strip().split("\t")
            width, height = map(int, size.split("x"))
            table.add_row(title, size, f"{width * height / 1e6:.1f}", seconds, f"{float(peak):,.0f}", how)
    Console(width=150).print(table)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
