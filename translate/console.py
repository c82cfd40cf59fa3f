"""What the command line shows: progress on standard error, tables on standard output."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from translate.report import Outcome, Report

if TYPE_CHECKING:
    from translate.bench import Bench
    from translate.doctor import Diagnosis
    from translate.foreign import Imported
    from translate.inference.chain import Chain
    from translate.metrics.evaluate import Evaluation
    from translate.store import InstalledModel

MOST_ROWS = 200
"""Files in the closing table; `--json` has no such limit."""
MOST_WAYS = 3
"""Lines on how pictures were computed."""
WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts as ever."""
    stop = threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        print("finishing the files in hand; press Ctrl-C again to stop at once", file=sys.stderr)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Bar:
    """Progress over files; silent where standard error is no terminal, except for the device."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def opened(self, chain: Chain, files: int) -> None:
        """Say what runs where, and begin to count."""
        print(f"{chain.name} on {chain.device}{f': {chain.why}' if chain.why else ''}", file=sys.stderr)
        self._task = self._progress.add_task("", total=files)

    def advanced(self, outcome: Outcome) -> None:
        """Count one file that was tried."""
        if self._task is not None:
            self._progress.update(self._task, advance=1, description=outcome.input.name[-40:])


@contextlib.contextmanager
def progress() -> Iterator[Bar]:
    """A progress bar on standard error."""
    console = Console(stderr=True)
    columns = (
        *(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        TextColumn("{task.description}", markup=False),
    )
    warnings.filterwarnings("ignore", module="PIL")  # the report says in its own words what was damaged
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Bar(bars)


def print_report(report: Report, *, as_json: bool) -> None:
    """The table, or JSON, on standard output; failures and notices on standard error."""
    for outcome in report.outcomes:
        for line in (outcome.reason,) if outcome.status == "failed" else outcome.notices:
            place = "" if outcome.status == "failed" else f"{outcome.input}: "
            print(f"translate: {place}{line}", file=sys.stderr)
    if report.problem:
        print(f"translate: {report.problem}", file=sys.stderr)
    if as_json:
        print(report.to_json())
        return
    shown = [outcome for outcome in report.outcomes if outcome.status != "skipped"]
    if shown:
        table = _table("file", "model", "size before", "size after", "seconds")
        for outcome in shown[:MOST_ROWS]:
            after = _size(outcome.size_after) if outcome.status == "done" else "failed"
            table.add_row(
                *(str(outcome.input), outcome.model, _size(outcome.size_before), after),
                f"{outcome.seconds:.2f}",
            )
        _show(table)
    if len(shown) > MOST_ROWS:
        print(f"... and {len(shown) - MOST_ROWS:,} more; --json lists all.")
    ways = Counter(outcome.how for outcome in report.outcomes if outcome.how)
    for how, count in ways.most_common(MOST_WAYS):
        print(f"{count:,} x {how}")
    counts = ", ".join(f"{report.count(status):,} {status}" for status in ("done", "skipped", "failed"))
    kept = (
        " (skipped ones were there already; --on-exists overwrite makes them anew)" if report.count("skipped") else ""
    )
    stopped = "; interrupted before the end" if report.interrupted else ""
    print(f"{counts} in {report.seconds:.1f} s{stopped}{kept}")


def print_models(models: Sequence[InstalledModel]) -> None:
    """One line a model."""
    table = _table("name", "task", "scale", "what for", "licence", "size", "origin")
    for model in models:
        size = f"{model.path.stat().st_size / 1e6:.1f} MB"
        if model.manifest is None:
            table.add_row(model.name, "broken", "", model.problem, "", size, model.origin)
            continue
        manifest = model.manifest
        purpose = f"{manifest.source} → {manifest.target}"
        table.add_row(*(model.name, manifest.task, f"x{manifest.scale}", purpose, manifest.license, size, model.origin))
    if models:
        _show(table)
    else:
        print("no models installed.")


def print_manifest(path: Path) -> None:
    """What a model file says of itself, one line a field."""
    from translate.inference.model_file import read_manifest

    print(f"file: {path}")
    for name, value in asdict(read_manifest(path)).items():
        print(f"{name}: {value}")


def print_imported(imported: Imported) -> None:
    """What was found out about a model, why, and what says otherwise; doubts on standard error."""
    table = _table("what", "found", "because", "otherwise")
    for fact in imported.facts:
        table.add_row(fact.name, fact.value, fact.reason, fact.option)
    _show(table)
    for warning in imported.warnings:
        print(f"translate: {imported.manifest.name}: {warning}", file=sys.stderr)
    name = imported.path.parent.name
    print(f"{name} is in {imported.path}. Try it: translate run PHOTO -m {name} -o out")


def print_bench(found: Bench) -> None:
    """One line for each device and precision; what does not work on standard error."""
    table = _table("", "device", "runs on", "load", "first picture", "picture", "megapixels/s", "peak memory")
    for row in found.rows:
        memory = "not measured" if row.peak_megabytes is None else f"{row.peak_megabytes:,.0f} MB"
        table.add_row(
            *("auto" if row.recommended else "", row.device, row.runs_on, f"{row.open_seconds:.2f} s"),
            *(f"{row.first_milliseconds:,.0f} ms", f"{row.milliseconds:,.0f} ms"),
            *(f"{row.megapixels_per_second:.2f}", memory),
        )
    print(f"{found.model}, one picture of {found.size} x {found.size} pixels:")
    _show(table)
    for refusal in found.refusals:
        print(f"translate: {refusal.reason}", file=sys.stderr)


def print_evaluation(found: Evaluation) -> None:
    """One line a metric, beside what costs nothing."""
    print(f"{found.model} on {found.device}: {found.pictures:,} pictures of {found.inputs} against {found.references}")
    print(f"{found.protocol}; {found.seconds:.1f} s of translation")
    table = _table("metric", "model", "baseline")
    for name, value in found.metrics.items():
        table.add_row(name, f"{value:.4g}", f"{found.baseline[name]:.4g}" if name in found.baseline else "")
    _show(table)


def print_diagnosis(found: Diagnosis) -> None:
    """Versions, machine, devices; what is wrong on standard error."""
    for name, value in (found.versions | found.machine).items():
        print(f"{name}: {value}")
    print(f"--device auto takes: {found.chosen}\n")
    table = _table("device", "state", "precisions", "what")
    for device in found.devices:
        table.add_row(device.name, device.state, " ".join(device.precisions), device.detail)
    _show(table)
    for problem in found.problems:
        print(f"translate: {problem}", file=sys.stderr)


@contextlib.contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar over named steps, on standard error; silent where that is no terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None)
        yield lambda label, done, total: bars.update(task, description=label, completed=done, total=total)


def print_zoo(networks: Sequence[Any]) -> None:
    """One line a network."""
    table = _table(*(name.replace("_", " ") for name in asdict(networks[0])))
    for network in networks:
        cells = asdict(network).values()
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells))
    _show(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        numeric = column in ("seconds", "size", "size before", "size after", "parameters", "multiply adds")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table


def _show(table: Table) -> None:
    Console(width=None if sys.stdout and sys.stdout.isatty() else WIDTH, markup=False, highlight=False).print(table)


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]} x {size[1]}" if size else ""
