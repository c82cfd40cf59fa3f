"""Many pictures at once: uploads in, one zip out, through the code of `translate run`."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import TranslateError
from translate.batch import run
from translate.inference.chain import Chain
from translate.report import Outcome, Report
from translate.web.engine import Engine
from translate.web.options import Options
from translate.web.turns import Job
from translate.web.unpack import gather
from translate.web.work import new_place

SHOWN = 48
"""Results that the gallery shows at most; the zip has all."""
SHOWN_SIDE = 320
"""Longest side, in pixels, of a picture in the gallery."""
DISK_LEFT = 1_000_000_000
"""Bytes on the disk at which a job ends."""
NAME = "results.zip"


@dataclass(frozen=True)
class Progress:
    """How far a job is."""

    files: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Since the first file began."""

    @property
    def left(self) -> float | None:
        """Seconds to go, as the files so far took; None before the first."""
        through = self.done + self.failed
        return self.seconds / through * (self.files - through) if through else None


@dataclass(frozen=True)
class Results:
    """What came of a job."""

    report: Report
    """With names as the visitor knows them."""
    stopped: str
    """Why it ended early; empty if it did not."""
    archive: Path | None
    """All results and report.json; None if there are none."""
    shown: tuple[tuple[Path, str], ...]
    """Some results for the browser, with their names."""
    left_out: tuple[str, ...] = ()
    """Files that are no pictures by their names."""


def convert_many(
    engine: Engine, options: Options, uploads: list[Path], job: Job, on_progress: Callable[[Progress], None]
) -> Results:
    """Convert pictures and zips of pictures.

    Raises:
        TranslateError: unknown model, bad option, a zip that is refused, no pictures, or too many.
    """
    inputs, out = new_place("pictures"), new_place("results")
    for folder in (inputs, out):
        folder.mkdir()
    left_out = gather(uploads, inputs, engine.config.max_files)
    config = options.run_config([inputs], out, engine.config)
    progress = Progress(0)
    start = time.monotonic()

    def opened(_: Chain, files: int) -> None:
        nonlocal progress, start
        start, progress = time.monotonic(), Progress(files)
        on_progress(progress)

    def advanced(outcome: Outcome) -> None:
        nonlocal progress
        seconds = time.monotonic() - start
        if outcome.status == "done":
            progress = replace(progress, done=progress.done + 1, seconds=seconds)
        else:
            progress = replace(progress, failed=progress.failed + 1, seconds=seconds)
        if shutil.disk_usage(out).free < DISK_LEFT:
            job.end("the server's disk is full.")
        on_progress(progress)

    try:
        with job.running():
            report = run(config, engine.chain(config), on_open=opened, on_progress=advanced, stop=job.stop)
        report = _relative(report, inputs, out, job.why)
        return Results(report, job.why, _packed(report, out), _shown(engine, report, out), tuple(left_out))
    finally:
        for folder in (inputs, out):
            shutil.rmtree(folder.parent, ignore_errors=True)


def _relative(report: Report, inputs: Path, out: Path, stopped: str) -> Report:
    """With names below the visitor's folder, and without what was under way when the job ended."""
    outcomes = []
    for outcome in report.outcomes:
        if stopped and stopped in outcome.reason:
            continue
        reason = outcome.reason.replace(f"{inputs}/", "").replace(f"{inputs}\\", "")
        names = {"input": outcome.input.relative_to(inputs), "output": outcome.output.relative_to(out)}
        outcomes.append(replace(outcome, **names, reason=reason))  # type: ignore[arg-type]
    return replace(report, outcomes=tuple(outcomes), interrupted=bool(stopped))


def _packed(report: Report, out: Path) -> Path | None:
    if not report.count("done"):
        return None
    archive = new_place(NAME)
    # Pictures are compressed already.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for outcome in report.outcomes:
            if outcome.status == "done":
                packed.write(out / outcome.output, outcome.output.as_posix())
        packed.writestr("report.json", report.to_json())
    return archive


def _shown(engine: Engine, report: Report, out: Path) -> tuple[tuple[Path, str], ...]:
    done = [outcome.output for outcome in report.outcomes if outcome.status == "done"]
    shown = []
    for output in done[:SHOWN]:
        try:
            shown.append((engine.preview(out / output, SHOWN_SIDE), output.as_posix()))
        except TranslateError:  # such as a DDS of a kind that is written but not shown
            continue
    return tuple(shown)
