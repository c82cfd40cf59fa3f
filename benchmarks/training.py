"""What the trainer gains: images a second against a plain loop, which computes the same.

    python -m benchmarks.training [--method cyclegan] [--device cuda] [--compile]

The plain loop (plain_training.py) is float32 and eager, with one call for each forward pass, an optimizer that is not
fused, networks never in channels_last, and loaders that decode each picture anew. First both make five updates from
the same weights: in float64 with batches of two, where the weights must be equal to 1e-8, and in float32 with batches
of four, where the losses must be equal to 1e-3; if they are not, that is said, and nothing is measured. Then they take
turns, loaders included; a ratio is the median over rounds of the plain loop's time by the other's in the same round.
Beside the plain loop in float32 there is one in our own precision, to tell the gain of the precision from that of the
code. Waiting is the share of the time in which the next batch was not there. Each loop has a process of its own, whose
peak memory is shown; on a GPU, what PyTorch took of it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import plain_training
from benchmarks.equal_training import same
from translate.training.allocator import freed_memory_kept, give_back
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.data import batches
from translate.training.folder import RunFolder
from translate.training.hardware import choose_device, choose_precision, compile_networks
from translate.training.loop import Run, peak_memory
from translate.training.run import build_method, build_samples

PHOTOGRAPH = Path(__file__).parents[1] / "examples/photographs/cat.jpg"
PICTURES = 64
TITLES = {
    "pix2pix": "Pix2Pix, U-Net",
    "cyclegan": "CycleGAN, ResNet-9",
    "cut": "CUT, ResNet-9",
    "srgan": "SRResNet x4, batch of 16",
}
ENDLESS = 10**9
Name = Literal["pix2pix", "cyclegan", "cut", "srgan"]


@dataclass(frozen=True)
class Settings:
    """Measure training."""

    method: tuple[Name, ...] = ("pix2pix", "cyclegan", "cut", "srgan")
    """Which ones."""
    size: int = 256
    """Side of the squares, in pixels; those of srgan are 96 at most."""
    rounds: int = 3
    """How often each gets its turn."""
    steps: int = 1
    """Updates in one turn: on a GPU take 20."""
    device: str = "auto"
    """As in `translate train`."""
    workers: int = 2
    """As in `translate train`, for each loop."""
    compile: bool = False
    """Also measure our loop with its networks compiled."""


@dataclass(frozen=True)
class Contender:
    """A loop in a precision."""

    name: str
    ours: bool
    precision: torch.dtype
    compile: bool = False


@dataclass
class Turns:
    """A loop in a process of its own, since an allocator remembers who came before, and what its turns took."""

    contender: Contender
    config: TrainingConfig
    process: ProcessPoolExecutor = field(default_factory=lambda: ProcessPoolExecutor(1, get_context("spawn")))
    seconds: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Make the first updates, in which networks are compiled."""
        self.process.submit(begin, self.contender, self.config).result()
        self.process.submit(take, 2 if self.contender.compile else 1).result()

    def take(self, steps: int) -> None:
        seconds, waited = self.process.submit(take, steps).result()
        self.seconds.append(seconds)
        self.waited.append(waited)

    def end(self) -> float:
        """Most memory that it took, in MB."""
        with self.process:
            return self.process.submit(leave).result()


@dataclass
class Here:
    """What runs in such a process."""

    step: Callable[[], float]
    """One update; returns the seconds that it waited for its batch."""
    device: torch.device
    resources: ExitStack


here: Here


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def configure(method: str, data: Path, settings: Settings) -> TrainingConfig:
    """The method's defaults."""
    where: dict[str, Any] = {
        "data": data, "out": data / "run", "device": settings.device, "workers": settings.workers, "images": ENDLESS,
    }  # fmt: skip
    load = {"load_size": settings.size * 286 // 256, "size": settings.size}
    match method:
        case "pix2pix":
            depth = min(8, settings.size.bit_length() - 1)
            return Pix2PixConfig(**where, **load, generator_arguments={"depth": depth})
        case "cyclegan":
            return CycleGANConfig(**where, **load)
        case "cut":
            return CUTConfig(**where, **load)
        case _:
            return SRGANConfig(**{**where, "data": data / "trainA"}, size=min(settings.size, 96))


def contenders(settings: Settings) -> list[Contender]:
    """The plain loop first; in the device's own precision too, where that is not float32."""
    own = choose_precision("auto", torch.device(settings.device))
    found = [Contender("plain fp32", False, torch.float32), Contender("ours fp32", True, torch.float32)]
    if own != torch.float32:
        found += [Contender("plain bf16", False, own), Contender("ours bf16", True, own)]
    if settings.compile:
        found += [replace(entry, name=f"{entry.name}, compiled", compile=True) for entry in found if entry.ours]
    return found


def begin(contender: Contender, config: TrainingConfig) -> None:
    """A loop, ready for its first update, in this process."""
    global here
    set_start_method(None, force=True)  # of loaders: the system's own, where a spawned process would spawn them
    resources = ExitStack()
    if contender.ours:
        resources.enter_context(freed_memory_kept())
    here = Here(updates(contender, config, resources), torch.device(config.device), resources)


def take(steps: int) -> tuple[float, float]:
    """Updates in this process: seconds, and of these waited for batches."""
    start = time.perf_counter()
    waited = sum(here.step() for _ in range(steps))
    synchronize(here.device)
    seconds = time.perf_counter() - start
    give_back()  # the next loop needs it
    return seconds, waited


def leave() -> float:
    """End this process's loaders; most memory that it took, in MB."""
    here.resources.close()
    return peak_memory(here.device)


def updates(contender: Contender, config: TrainingConfig, resources: ExitStack) -> Callable[[], float]:
    device = torch.device(config.device)
    torch.manual_seed(0)
    method = build_method(config, device)
    if not contender.ours:
        loop = plain_training.plain(method)
        found = plain_training.plain_batches(config, 4 if isinstance(config, SRGANConfig) else 1, device)

        def plain_step(a: torch.Tensor, b: torch.Tensor) -> None:
            with plain_training.in_precision(device, contender.precision):
                loop.step(a, b)

        return timed(resources.enter_context(closing(found)), lambda pair: plain_step(*pair))
    if contender.compile:
        compile_networks(method, device, contender.precision)
    run = Run(method, RunFolder(config.out), config, device, [], contender.precision)
    ours = batches(build_samples(config, method), config, 0, pin=device.type == "cuda")
    return timed(resources.enter_context(closing(ours)), run.step)


def timed(found: Iterator[Any], update: Callable[[Any], None]) -> Callable[[], float]:
    def step() -> float:
        start = time.perf_counter()
        batch = next(found)
        waited = time.perf_counter() - start
        update(batch)
        return waited

    return step


def measure(method: str, data: Path, settings: Settings) -> Table:
    config = configure(method, data, settings)
    size = f"{config.size} x {config.size}"
    found = same(replace(config, size=config.size if method == "pix2pix" else min(config.size, 64)))
    table = Table(title=f"{TITLES[method]}, {size}; {found}")
    for column in ("loop", "images a second", "by plain fp32", "by plain, same precision", "waiting", "peak MB"):
        table.add_column(column, justify="left" if column == "loop" else "right")
    running = [Turns(contender, config) for contender in contenders(settings)]
    for turns in running:
        turns.begin()
    for _ in range(settings.rounds):
        for turns in running:
            turns.take(settings.steps)
    plain = {turns.contender.precision: turns for turns in running if not turns.contender.ours}
    for turns in running:
        speeds = [settings.steps * config.batch / seconds for seconds in turns.seconds]
        table.add_row(
            turns.contender.name,
            f"{statistics.median(speeds):.3g}",
            ratio(plain[torch.float32], turns),
            ratio(plain[turns.contender.precision], turns),
            f"{sum(turns.waited) / sum(turns.seconds):.1%}",
            f"{turns.end():,.0f}",
        )
    return table


def ratio(plain: Turns, turns: Turns) -> str:
    return f"{statistics.median(p / t for p, t in zip(plain.seconds, turns.seconds, strict=True)):.2f}"


def main() -> None:
    settings = tyro.cli(Settings, prog="python -m benchmarks.training", description=__doc__)
    settings = replace(settings, device=str(choose_device(settings.device)))
    with tempfile.TemporaryDirectory() as folder:
        plain_training.write_pictures(Path(folder), PHOTOGRAPH, PICTURES)
        for method in settings.method:
            Console().print(measure(method, Path(folder), settings))


if __name__ == "__main__":
    main()
