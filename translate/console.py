"""What the command line shows: progress on standard error, tables on standard output."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from translate.report import LeftOutFiles, Outcome, Preview, Report, amount

if TYPE_CHECKING:
    from translate.bench import Bench
    from translate.doctor import Diagnosis
    from translate.inference.chain import Chain
    from translate.metrics.evaluate import Evaluation
    from translate.training.check import DataReport

MOST_ROWS = 200
"""Files in the closing table; `--json` has no such limit."""
MOST_LINES = 500
"""Failures and notices on standard error."""
MOST_KINDS = 6
"""Kinds of files that were left out."""
RATE_SECONDS = 30.0
"""What the current rate is measured over."""
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

    def __init__(self, progress: Progress, *, quiet: bool = False, verbose: bool = False) -> None:
        self._progress, self._quiet, self._verbose = progress, quiet, verbose
        self._task: TaskID | None = None
        self._pixels = 0
        self._recent = deque[tuple[float, int]]()

    def opened(self, chain: Chain, files: int) -> None:
        """Say what runs where, and begin to count."""
        if not self._quiet:
            print(f"{chain.name} on {chain.device}{f': {chain.why}' if chain.why else ''}", file=sys.stderr)
        self._task = self._progress.add_task("", total=files, pixels="")

    def advanced(self, outcome: Outcome) -> None:
        """Count one file that was tried."""
        if self._verbose:
            self._say(outcome)
        if self._task is None or outcome.status == "skipped":
            return
        now = time.monotonic()
        self._pixels += outcome.size_before[0] * outcome.size_before[1] if outcome.size_before else 0
        self._recent.append((now, self._pixels))
        while now - self._recent[0][0] > RATE_SECONDS and len(self._recent) > 2:
            self._recent.popleft()
        (since, before), passed = self._recent[0], max(now - self._recent[0][0], 1e-3)
        rate = f", {(self._pixels - before) / 1e6 / passed:.2f} MP/s" if now > since else ""
        words = f"{self._pixels / 1e6:,.1f} MP{rate}"
        self._progress.update(self._task, advance=1, description=outcome.input.name[-40:], pixels=words)

    def _say(self, outcome: Outcome) -> None:
        size = f"{_size(outcome.size_before)} to {_size(outcome.size_after)}" if outcome.size_after else ""
        told = [outcome.status, str(outcome.output), size, outcome.how, outcome.reason]
        line = ", ".join(word for word in told if word)
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress(*, quiet: bool = False, verbose: bool = False) -> Iterator[Bar]:
    """A progress bar on standard error."""
    console = Console(stderr=True)
    columns = (
        *(BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pixels]}"), TimeRemainingColumn()),
        TextColumn("{task.description}", markup=False),
    )
    warnings.filterwarnings("ignore", module="PIL")  # the report says in its own words what was damaged
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bars:
        yield Bar(bars, quiet=quiet, verbose=verbose)


def print_report(report: Report, *, as_json: bool, quiet: bool = False) -> None:
    """The table, or JSON, on standard output; failures and notices on standard error."""
    lines = [
        f"{'' if outcome.status == 'failed' else f'{outcome.input}: '}{line}"
        for outcome in report.outcomes
        for line in ((outcome.reason,) if outcome.status == "failed" else () if quiet else outcome.notices)
    ]
    for line in lines[:MOST_LINES]:
        print(f"translate: {line}", file=sys.stderr)
    if len(lines) > MOST_LINES:
        print(f"translate: ... and {len(lines) - MOST_LINES:,} lines more; --json lists all.", file=sys.stderr)
    if report.problem:
        print(f"translate: {report.problem}", file=sys.stderr)
    if as_json:
        print(report.to_json())
        return
    if quiet:
        return
    shown = [outcome for outcome in report.outcomes if outcome.status != "skipped"]
    if shown:
        table = new_table("file", "model", "size before", "size after", "seconds")
        for outcome in shown[:MOST_ROWS]:
            after = _size(outcome.size_after) if outcome.status == "done" else "failed"
            table.add_row(
                *(str(outcome.input), outcome.model, _size(outcome.size_before), after),
                f"{outcome.seconds:.2f}",
            )
        show_table(table)
    if len(shown) > MOST_ROWS:
        print(f"... and {len(shown) - MOST_ROWS:,} more; --json lists all.")
    ways = Counter(outcome.how for outcome in report.outcomes if outcome.how)
    for how, count in ways.most_common(MOST_WAYS):
        print(f"{count:,} x {how}")
    again = Counter(outcome.reason for outcome in shown if outcome.status == "done" and outcome.reason)
    for reason, count in again.most_common(MOST_WAYS):
        print(f"{count:,} x {reason}")
    _print_left_out(report.left_out)
    for note in report.notes:
        print(note)
    print(_summary(report))


def _summary(report: Report) -> str:
    counts = ", ".join(f"{report.count(status):,} {status}" for status in ("done", "skipped", "failed"))
    rate = f", {report.megapixels:.3g} megapixels, {report.megapixels_per_second:.3g} a second"
    stopped = "; interrupted before the end" if report.interrupted else ""
    left = f"; {report.not_reached:,} not reached" if report.not_reached and not report.interrupted else ""
    reasons = Counter(outcome.reason for outcome in report.outcomes if outcome.status == "skipped")
    kept = ", ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common())
    hint = f" (skipped: {kept}; --on-exists overwrite makes them anew)" if kept else ""
    return f"{counts} in {report.seconds:.1f} s{rate if report.count('done') else ''}{left}{stopped}{hint}"


def _print_left_out(found: LeftOutFiles) -> None:
    for reason, count, examples in found[:MOST_KINDS]:
        print(f"left out: {count:,} {reason}, such as {examples[0]}")
    if len(found) > MOST_KINDS:
        print(f"left out: {sum(count for _, count, _ in found[MOST_KINDS:]):,} others; --json says which kinds.")


def print_preview(found: Preview, *, as_json: bool, verbose: bool = False) -> None:
    """What would be done."""
    if as_json:
        print(found.to_json())
        return
    files = found.files if verbose else found.files[:MOST_ROWS]
    for source, target, what in files:
        print(f"{source} -> {target} ({what})")
    if len(files) < len(found.files):
        print(f"... and {len(found.files) - len(files):,} more; --verbose or --json lists all.")
    _print_left_out(found.left_out)
    print(
        f"{found.convert:,} to convert, {found.skip:,} to skip, {found.fail:,} would fail; results take about "
        f"{amount(found.result_bytes)} of {amount(found.free_bytes)} that are free. Nothing was written."
    )


def print_bench(found: Bench) -> None:
    """One line for each device and precision; what does not work on standard error."""
    table = new_table("", "device", "runs on", "load", "first picture", "picture", "megapixels/s", "peak memory")
    for row in found.rows:
        memory = "not measured" if row.peak_megabytes is None else f"{row.peak_megabytes:,.0f} MB"
        table.add_row(
            *("auto" if row.recommended else "", row.device, row.runs_on, f"{row.open_seconds:.2f} s"),
            *(f"{row.first_milliseconds:,.0f} ms", f"{row.milliseconds:,.0f} ms"),
            *(f"{row.megapixels_per_second:.2f}", memory),
        )
    print(f"{found.model}, one picture of {found.size} x {found.size} pixels:")
    show_table(table)
    for refusal in found.refusals:
        print(f"translate: {refusal.reason}", file=sys.stderr)


def print_evaluation(found: Evaluation) -> None:
    """One line a metric, beside what costs nothing."""
    print(f"{found.model} on {found.device}: {found.pictures:,} pictures of {found.inputs} against {found.references}")
    print(f"{found.protocol}; {found.seconds:.1f} s of translation")
    if found.note:
        print(f"note: {found.note}")
    table = new_table("metric", "model", "baseline", *found.published)
    columns = [found.metrics, found.baseline, *found.published.values()]
    for name in found.metrics:
        table.add_row(name, *(f"{scores[name]:.4g}" if name in scores else "" for scores in columns))
    show_table(table)


def print_data(found: DataReport) -> None:
    """What the set holds, and one line a problem."""
    print(f"{found.layout}; the smallest is {found.smallest[0]} x {found.smallest[1]} pixels")
    if found.problems:
        table = new_table("problem", "files", "what")
        for problem in found.problems[:MOST_ROWS]:
            table.add_row(problem.kind, "\n".join(problem.files), problem.detail)
        show_table(table)
    counts = Counter(problem.kind for problem in found.problems)
    rest = f" ({len(found.problems) - MOST_ROWS:,} more: --json)" if len(found.problems) > MOST_ROWS else ""
    print(", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + rest if counts else "nothing is wrong")


def print_settings(rows: Sequence[Sequence[str]]) -> None:
    """One line a setting: its value and where that came from."""
    table = new_table("setting", "value", "from")
    for row in rows:
        table.add_row(*row)
    show_table(table)


def print_diagnosis(found: Diagnosis) -> None:
    """Versions, machine, devices; what is wrong on standard error."""
    for name, value in (found.versions | found.machine).items():
        print(f"{name}: {value}")
    print(f"--device auto takes: {found.chosen}\n")
    table = new_table("device", "state", "precisions", "what")
    for device in found.devices:
        table.add_row(device.name, device.state, " ".join(device.precisions), device.detail)
    show_table(table)
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


def new_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        numeric = column in ("seconds", "size", "size before", "size after", "parameters", "multiply adds")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table


def show_table(table: Table) -> None:
    """As wide as the terminal, or WIDTH where there is none."""
    Console(width=None if sys.stdout and sys.stdout.isatty() else WIDTH, markup=False, highlight=False).print(table)


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]} x {size[1]}" if size else ""
