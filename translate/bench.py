"""`translate bench`: how fast a model runs on this machine, on each device in each precision."""

from __future__ import annotations

import dataclasses
import json
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import DeviceError, TranslateError
from translate.doctor import find_devices
from translate.inference import Translator
from translate.inference.backends import find_candidates
from translate.store import find_model

LEAST_RUNS = 3
"""Fewest runs that the median is taken of."""


@dataclass(frozen=True)
class Row:
    """One model on one device in one precision, measured in a process of its own."""

    device: str
    """As `--device` takes it."""
    precision: str
    runs_on: str
    """The device for people, and its precision."""
    open_seconds: float
    """Loading the model."""
    first_milliseconds: float
    """The first picture: some runtimes finish compiling only then."""
    milliseconds: float
    """A picture after that: the median."""
    megapixels_per_second: float
    """Of the picture that goes in."""
    peak_megabytes: float | None
    """Most memory that the process had resident; None where the system does not tell."""
    recommended: bool = False
    """Whether `--device auto` takes this."""


@dataclass(frozen=True)
class Refusal:
    """A device that was asked for by name and does not work."""

    device: str
    reason: str


@dataclass(frozen=True)
class Bench:
    """What `translate bench` found."""

    model: str
    size: int
    rows: tuple[Row, ...]
    refusals: tuple[Refusal, ...]

    @property
    def exit_code(self) -> int:
        """1 where something asked for does not work."""
        return 1 if self.refusals or not self.rows else 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def bench(
    model: str,
    size: int = 512,
    devices: tuple[str, ...] = (),
    seconds: float = 2.0,
    on_progress: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Bench:
    """Measure a model on each device of this machine, in each precision that works there.

    Args:
        model: name of an installed model, or path of an .onnx file.
        size: side in pixels of the square picture.
        devices: as `--device` takes them; all that there are if empty. A named one that does not work is reported.
        seconds: how long each is measured, at least three pictures.
        on_progress: told what is measured next, how many are done, and of how many.
    Raises:
        UnknownModel, ConfigError: no such model, or no such device.
        TranslateError: no device runs the model.
    """
    path = find_model(model)
    for name in devices:
        find_candidates(name)
    names = devices or tuple(dict.fromkeys(find_devices()))
    todo = [(name, precision) for name in names for precision in ("fp32", "fp16", "bf16")]
    on_progress("auto", 0, len(todo) + 1)
    chosen = _in_child(path, "auto", "auto", size, 0.0)
    if not isinstance(chosen, Row):
        raise chosen
    rows: list[Row] = []
    reasons: dict[str, str] = {}
    for done, (name, precision) in enumerate(todo):
        on_progress(f"{name} {precision}", done + 1, len(todo) + 1)
        found = _in_child(path, name, precision, size, seconds)
        if isinstance(found, Row):
            rows.append(dataclasses.replace(found, recommended=found.runs_on == chosen.runs_on))
        else:
            reasons.setdefault(name, str(found))
    working = {row.device for row in rows}
    refusals = (Refusal(name, reason) for name, reason in reasons.items() if name in devices and name not in working)
    return Bench(path.stem if path.stem != "model" else path.parent.name, size, tuple(rows), tuple(refusals))


def _in_child(path: Path, device: str, precision: str, size: int, seconds: float) -> Row | TranslateError:
    """In a fresh process, so that the memory of one runtime is not counted for another."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(measure, path, device, precision, size, seconds).result()
        except TranslateError as error:
            return error
        except BrokenExecutor:
            return DeviceError(f"{device} in {precision} ended its process: out of memory, or a fault of its driver.")


def measure(model: Path, device: str, precision: str, size: int, seconds: float) -> Row:
    """Run a picture of noise again and again, in this process."""
    start = time.perf_counter()
    translator = Translator.open(model, device, precision=precision)
    opened = time.perf_counter() - start
    picture: NDArray[np.uint8] = np.random.default_rng(0).integers(
        0, 256, (size, size, translator.manifest.channels), np.uint8
    )
    first, *rest = _runs(translator, picture, seconds)
    usual = statistics.median(rest or [first])
    return Row(
        device,
        precision,
        translator.device,
        round(opened, 3),
        round(1e3 * first, 1),
        round(1e3 * usual, 1),
        round(size * size / usual / 1e6, 3),
        peak_megabytes(),
    )


def _runs(translator: Translator, picture: NDArray[np.uint8], seconds: float) -> Iterator[float]:
    begun = time.perf_counter()
    count = 0
    while count == 0 or (seconds and (count <= LEAST_RUNS or time.perf_counter() - begun < seconds)):
        start = time.perf_counter()
        translator(picture)
        yield time.perf_counter() - start
        count += 1


def peak_megabytes() -> float | None:
    """Most memory that this process ever had resident."""
    try:  # what getrusage says on Linux includes the process that started this one
        found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        return round(int(found[1]) * 1024 / 1e6, 1) if found else None
    except OSError:
        pass
    if sys.platform == "win32":
        return None
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)  # bytes on macOS
