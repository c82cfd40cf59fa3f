"""Pictures and folders in, pictures and folders out: reading, translating and writing overlap."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from models.errors import TranslateError
from translate.config import RunConfig
from translate.convert import alike, how, translate_picture, translate_pictures
from translate.finish import Finish, finished
from translate.formats.options import EncodingOptions
from translate.images import Picture, read_picture, write_picture
from translate.inference.chain import Chain
from translate.overview import write_overview
from translate.plan import Job, plan
from translate.recognise import Treatment, recognised
from translate.report import Outcome, Report

READERS = 2
WRITERS = 2
TOGETHER = 32
"""Most pictures translated at once: more are no faster, and an interruption waits for all of them."""
AHEAD = 4
"""Pictures whose reading has begun before their turn, and as many written after it: what bounds the memory ..."""
AHEAD_PIXELS = 64_000_000
"""... together with this: no more is read, or translated, while pictures with so many pixels wait."""


@dataclass
class _Work:
    """One job on its way through the stages."""

    job: Job
    picture: Picture | None = None
    size_before: tuple[int, int] | None = None
    seconds: float = 0.0
    how: str = ""
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
            how=self.how if picture else "",
            reason=self.reason,
            notices=picture.notices if picture else (),
            origin=str(picture.mark) if picture and picture.mark else "",
        )


def run(
    config: RunConfig,
    chain: Chain | None = None,
    *,
    on_open: Callable[[Chain, int], None] = lambda chain, files: None,
    on_progress: Callable[[Outcome], None] = lambda outcome: None,
    stop: threading.Event | None = None,
) -> Report:
    """Convert everything that the configuration names.

    Args:
        chain: what translates; opened by name when first needed if None.
        on_open: told the chain and how many files it will get; not called if nothing is left to do.
        on_progress: told each outcome as it happens.
        stop: once set, the files in flight are finished and the rest is left.
    Raises:
        UsageError: the plan makes no sense; nothing was read or written.
        TranslateError: the model cannot be opened.
    """
    start = time.perf_counter()
    stop = stop or threading.Event()
    jobs = plan(config)
    treatment = _treatment(config)
    models = " + ".join(config.model)
    outcomes: dict[Path, Outcome] = {}
    """By result, for one input may have several."""

    def tell(outcome: Outcome) -> None:
        outcomes[outcome.output] = outcome
        on_progress(outcome)

    due = deque[Job]()
    for job in jobs:
        if job.problem:
            tell(_Work(job, reason=job.problem).outcome(models))
        elif config.on_exists == "skip" and job.target.is_file():
            tell(
                Outcome(
                    input=job.source,
                    output=job.target,
                    model=models,
                    status="skipped",
                    reason="it is there already",
                )
            )
        else:
            due.append(job)
    device = ""
    if due:
        chain = chain or _open(config)
        treatment.check(chain)
        device = chain.device
        on_open(chain, len(due))
        _convert(due, chain, config, tell, stop)
    report = Report(
        outcomes=tuple(outcomes[job.target] for job in jobs if job.target in outcomes),
        model=models,
        device=device,
        seconds=time.perf_counter() - start,
        interrupted=stop.is_set() and len(outcomes) < len(jobs),
    )
    if config.overview and (report.count("done") or not config.overview.exists()):
        try:
            write_overview(report, config.overview, config.max_pixels)
        except TranslateError as error:
            return replace(report, problem=str(error))
        except Exception as error:  # noqa: BLE001  the report of a night's run is worth more than its picture
            return replace(report, problem=f"no overview {config.overview}: {type(error).__name__}: {error}")
    return report


def _open(config: RunConfig) -> Chain:
    return Chain.open(
        config.model,
        config.device,
        precision=config.precision,
        tile=config.tile,
        statistics=config.statistics,
        memory=config.memory,
        max_pixels=config.max_pixels,
        size=config.size,
        strength=config.strength,
        scale=config.scale,
    )


def _treatment(config: RunConfig) -> Treatment:
    return Treatment(config.alpha, config.seamless, config.normal_map)


def _convert(
    due: deque[Job],
    chain: Chain,
    config: RunConfig,
    tell: Callable[[Outcome], None],
    stop: threading.Event,
) -> None:
    """Keep readers and writers busy around the one thread that translates."""
    options = EncodingOptions.of(config)
    treatment = _treatment(config)

    def opened(path: Path) -> Picture:
        return options.fit(recognised(read_picture(path, config.max_pixels), path.name, treatment))

    def read(work: _Work) -> _Work:
        work.advance(lambda: opened(work.job.source))
        work.size_before = work.picture.size if work.picture else None
        return work

    finish = Finish(palette=config.palette, strip=config.strip, provenance=config.provenance)

    def write(work: _Work, picture: Picture) -> _Work:
        return work.advance(lambda: write_picture(finished(picture, chain, finish), work.job.target, options))

    writing = deque[tuple[_Work, Future[_Work]]]()
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
        reading = _Reading(due, lambda work: readers.submit(read, work))
        while not stop.is_set() and (group := reading.group(chain)):
            for work in _translated(group, chain):
                if work.picture and not work.reason:
                    writing.append((work, writers.submit(write, work, work.picture)))
                else:
                    tell(work.outcome(chain.name))
            most = max(AHEAD, len(group))
            while writing and (len(writing) > most or _pixels(writing) > AHEAD_PIXELS or writing[0][1].done()):
                tell(writing.popleft()[1].result().outcome(chain.name))
        reading.cancel()
        for _, future in writing:
            tell(future.result().outcome(chain.name))


class _Reading:
    """Pictures on their way in, in order."""

    def __init__(self, due: deque[Job], submit: Callable[[_Work], Future[_Work]]) -> None:
        self._due, self._submit = due, submit
        self._waiting = deque[tuple[_Work, Future[_Work]]]()

    def group(self, chain: Chain) -> list[_Work]:
        """The next picture with those right behind it that are best translated with it; empty at the end."""
        group: list[_Work] = []
        most = 1
        while len(group) < most and self._top_up():
            work = self._waiting[0][1].result()
            if group and not (work.picture and group[0].picture and alike(group[0].picture, work.picture)):
                break
            self._waiting.popleft()
            group.append(work)
            if work.picture and len(group) == 1:
                most = min(TOGETHER, chain.together(*work.picture.size))
        return group

    def cancel(self) -> None:
        """Leave what has not begun."""
        for _, future in self._waiting:
            future.cancel()

    def _top_up(self) -> bool:
        """Begin to read what may be begun; false at the end."""
        while self._due and (
            not self._waiting or (len(self._waiting) < AHEAD and _pixels(self._waiting) <= AHEAD_PIXELS)
        ):
            work = _Work(self._due.popleft())
            self._waiting.append((work, self._submit(work)))
        return bool(self._waiting)


def _translated(group: list[_Work], chain: Chain) -> list[_Work]:
    """All at once; where that fails, one by one, so that each picture answers for itself."""
    pictures = [work.picture for work in group if work.picture]
    if len(pictures) > 1:
        start = time.perf_counter()
        with contextlib.suppress(Exception):
            made = translate_pictures(pictures, chain)
            seconds = (time.perf_counter() - start) / len(group)
            for work, picture in zip(group, made, strict=True):
                work.how, work.picture, work.seconds = how(pictures[0], chain), picture, work.seconds + seconds
            return group
    for work in group:
        if work.picture:
            work.advance(partial(_translate, work, work.picture, chain))
    return group


def _translate(work: _Work, picture: Picture, chain: Chain) -> Picture:
    work.how = how(picture, chain)
    return translate_picture(picture, chain)


def _pixels(waiting: Iterable[tuple[_Work, Future[_Work]]]) -> int:
    """Pixels of the pictures in memory; what is still being read does not count yet."""
    return sum(picture.size[0] * picture.size[1] for work, _ in waiting if (picture := work.picture))
