"""Pictures and folders in, pictures and folders out: reading, translating and writing overlap."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.errors import TranslateError
from translate.config import RunConfig
from translate.convert import Translates, translate_picture
from translate.images import Picture, read_picture, write_picture
from translate.overview import write_overview
from translate.plan import Job, plan
from translate.report import Outcome, Report

READERS = 2
WRITERS = 2
AHEAD = 4
"""Pictures read before their turn, and as many written after it: what bounds the memory."""


@dataclass
class _Work:
    """One job on its way through the stages."""

    job: Job
    picture: Picture | None = None
    size_before: tuple[int, int] | None = None
    seconds: float = 0.0
    reason: str = ""
    """What went wrong; the remaining stages are left out."""

    def advance(self, stage: Callable[[], Picture]) -> _Work:
        """Run one stage. Whatever happens to one file, a night's run outlives it."""
        start = time.perf_counter()
        try:
            self.picture = stage()
        except TranslateError as error:
            told = any(str(path) in str(error) for path in (self.job.source, self.job.target))
            self.reason = str(error) if told else f"cannot convert {self.job.source}: {error}"
        except MemoryError:
            self.reason = f"not enough memory for {self.job.source}; try a smaller --tile."
        except Exception as error:  # noqa: BLE001  runtimes raise what they like
            self.reason = f"cannot convert {self.job.source}: {type(error).__name__}: {error}"
        self.seconds += time.perf_counter() - start
        return self

    def outcome(self, model: str) -> Outcome:
        picture = None if self.reason else self.picture
        return Outcome(
            input=self.job.source,
            output=self.job.target,
            model=model,
            status="done" if picture else "failed",
            size_before=self.size_before,
            size_after=picture.size if picture else None,
            seconds=round(self.seconds, 3),
            reason=self.reason,
            notices=picture.notices if picture else (),
        )


def run(
    config: RunConfig,
    translator: Translates | None = None,
    *,
    on_open: Callable[[Translates, int], None] = lambda translator, files: None,
    on_progress: Callable[[Outcome], None] = lambda outcome: None,
    stop: threading.Event | None = None,
) -> Report:
    """Convert everything that the configuration names.

    Args:
        translator: what translates; opened by name when first needed if None.
        on_open: told the translator and how many files it will get; not called if nothing is left to do.
        on_progress: told each outcome as it happens.
        stop: once set, the files in flight are finished and the rest is left.
    Raises:
        UsageError: the plan makes no sense; nothing was read or written.
        TranslateError: the model cannot be opened.
    """
    start = time.perf_counter()
    stop = stop or threading.Event()
    jobs = plan(config)
    outcomes: dict[Path, Outcome] = {}

    def tell(outcome: Outcome) -> None:
        outcomes[outcome.input] = outcome
        on_progress(outcome)

    due = deque[Job]()
    for job in jobs:
        if job.problem:
            tell(_Work(job, reason=job.problem).outcome(config.model))
        elif config.on_exists == "skip" and job.target.is_file():
            tell(
                Outcome(
                    input=job.source,
                    output=job.target,
                    model=config.model,
                    status="skipped",
                    reason="it is there already",
                )
            )
        else:
            due.append(job)
    device = ""
    if due:
        translator = translator or _open(config)
        device = translator.device
        on_open(translator, len(due))
        _convert(due, translator, config, tell, stop)
    report = Report(
        outcomes=tuple(outcomes[job.source] for job in jobs if job.source in outcomes),
        model=config.model,
        device=device,
        seconds=time.perf_counter() - start,
        interrupted=stop.is_set() and len(outcomes) < len(jobs),
    )
    if config.overview and (report.count("done") or not config.overview.exists()):
        write_overview(report, config.overview, config.max_pixels)
    return report


def _open(config: RunConfig) -> Translates:
    from translate.inference import Translator

    return Translator.open(
        config.model,
        config.device,
        precision=config.precision,
        tile=config.tile,
        max_pixels=config.max_pixels,
    )


def _convert(
    due: deque[Job],
    translator: Translates,
    config: RunConfig,
    tell: Callable[[Outcome], None],
    stop: threading.Event,
) -> None:
    """Keep readers and writers busy around the one thread that translates."""

    def read(work: _Work) -> _Work:
        work.advance(lambda: read_picture(work.job.source, config.max_pixels))
        work.size_before = work.picture.size if work.picture else None
        return work

    def write(work: _Work, picture: Picture) -> _Work:
        return work.advance(lambda: write_picture(picture, work.job.target))

    model = translator.manifest.name
    reading, writing = deque[Future[_Work]](), deque[Future[_Work]]()
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
        while (due or reading) and not stop.is_set():
            while due and len(reading) < AHEAD:
                reading.append(readers.submit(read, _Work(due.popleft())))
            work = reading.popleft().result()
            if work.picture:
                work.advance(partial(translate_picture, work.picture, translator))
            if work.picture and not work.reason:
                writing.append(writers.submit(write, work, work.picture))
            else:
                tell(work.outcome(model))
            while writing and (len(writing) >= AHEAD or writing[0].done()):
                tell(writing.popleft().result().outcome(model))
        for future in reading:
            future.cancel()
        for future in writing:
            tell(future.result().outcome(model))
