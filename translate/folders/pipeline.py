"""Reading, translating and writing overlap: the model never waits while work is left, and memory stays flat."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal

from models.errors import DeviceError, TranslateError
from translate.config import RunConfig
from translate.convert import how, translate_picture, translate_pictures
from translate.folders.intake import Intake
from translate.folders.journal import Record
from translate.folders.manner import Manner
from translate.folders.work import Work
from translate.images import Picture, Source, read_picture, write_picture
from translate.inference.cancel import Cancelled, cancellable
from translate.inference.chain import Chain
from translate.inference.memory import available
from translate.plan import Job
from translate.report import Outcome

TOGETHER = 32
"""Most pictures translated at once: more are no faster, and an interruption waits for all of them."""
PIXELS = 64_000_000
"""Pixels of results that may wait to be written, whatever the memory."""
BYTES_OF_PIXEL = 12
"""Memory that a pixel takes while it is written: the picture, a copy in another order, and the file."""
GRACE_SECONDS = 3.0
"""How long after an interruption a picture in several pieces may still come to its end."""
FULL = re.compile(r"bad.?alloc|out of memory|not enough memory|failed to allocate|can't allocate", re.IGNORECASE)
"""What runtimes say when they have no memory left."""

Keep = Callable[[Record], None]


class _Hashed:
    """A source that is hashed when it is opened."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.sha256 = ""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        file = self._source.open(mode)
        try:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def __str__(self) -> str:
        return str(self._source)


@dataclass(frozen=True)
class Pipeline:
    """Puts jobs through a chain."""

    chain: Chain
    config: RunConfig
    tell: Callable[[Outcome], None]
    """Told each outcome, as it happens."""
    keep: Keep
    """Told what a result is, before it gets its name."""
    settings: str
    """Key of the settings in the journal."""
    stop: threading.Event
    """Once set, what is in hand is finished and the rest is left."""

    def run(self, jobs: Iterable[Job]) -> str:
        """Convert; returns why it ended early, if it did other than by `stop`."""
        writing = deque[tuple[Work, Future[Work]]]()
        full: list[str] = []

        def told(work: Work) -> None:
            if work.full:
                full.append(work.full)  # its turn comes again when there is room
            else:
                self.tell(work.outcome(self.chain.name))

        workers = self.config.jobs or default_jobs()
        room = room_for_results(self.config.memory)
        wanted = _Patience(self.stop)
        with ThreadPoolExecutor(workers) as writers, Intake(jobs, self._read, workers) as intake:
            while not (self.stop.is_set() or full) and (group := intake.group(self._together)):
                try:
                    with cancellable(wanted):
                        translated = self._translated(group)
                except Cancelled:
                    break
                for work in translated:
                    if work.picture and not work.reason:
                        writing.append((work, writers.submit(self._write, work, work.picture)))
                    else:
                        told(work)
                most = max(2 * workers, len(group))
                while writing and (len(writing) > most or _pixels(writing) > room or writing[0][1].done()):
                    told(writing.popleft()[1].result())
            for _, future in writing:
                told(future.result())
        return full[0] if full else ""

    def _together(self, picture: Picture) -> int:
        return min(TOGETHER, self.chain.together(*picture.size))

    def _read(self, job: Job) -> Work:
        work = Work(job)
        if not job.problem:
            work.advance(lambda: self._opened(work))
        work.reason = work.reason or job.problem
        work.size_before = work.picture.size if work.picture else None
        return work

    def _opened(self, work: Work) -> Picture:
        source = _Hashed(work.job.place)
        with contextlib.suppress(OSError):  # what is wrong is told when it is opened
            work.stamp = work.job.stamp()
        picture = Manner.of(self.config).before(read_picture(source, self.config.max_pixels), work.job.source.name)
        work.sha256 = source.sha256
        if work.job.stamp() != work.stamp:
            raise TranslateError(f"{work.job.source} changed while it was read; run again when it is complete.")
        return picture

    def _write(self, work: Work, picture: Picture) -> Work:
        job = work.job

        def seal(content: bytes, state: os.stat_result) -> None:
            if not job.replaces and os.path.lexists(job.target):
                raise TranslateError(f"{job.target} has come to be there meanwhile; it was kept.")
            self.keep(
                Record(
                    output=job.target.relative_to(self.config.out).as_posix(),
                    output_size=state.st_size,
                    output_mtime=state.st_mtime_ns,
                    output_sha256=hashlib.sha256(content).hexdigest(),
                    input=str(job.source),
                    stamp=work.stamp,
                    input_sha256=work.sha256,
                    settings=self.settings,
                )
            )

        manner = Manner.of(self.config)
        return work.advance(lambda: write_picture(manner.after(picture, self.chain), job.target, manner.options, seal))

    def _translated(self, group: list[Work]) -> list[Work]:
        """All at once; where that fails, one by one, so that each picture answers for itself."""
        pictures = [work.picture for work in group if work.picture]
        if len(pictures) > 1:
            start = time.perf_counter()
            with contextlib.suppress(Exception):
                made = translate_pictures(pictures, self.chain)
                seconds = (time.perf_counter() - start) / len(group)
                for work, picture in zip(group, made, strict=True):
                    work.how = how(pictures[0], self.chain)
                    work.picture, work.seconds = picture, work.seconds + seconds
                return group
        for work in group:
            if work.picture and not work.reason:
                work.advance(partial(self._translate, work, work.picture))
        return group

    def _translate(self, work: Work, picture: Picture) -> Picture:
        """With smaller tiles if there is not enough memory."""
        chain = self.chain
        while True:
            try:
                work.how = how(picture, chain)
                return translate_picture(picture, chain)
            except (MemoryError, RuntimeError, DeviceError) as error:
                if not (isinstance(error, MemoryError) or FULL.search(str(error))):
                    raise
                smaller = chain.smaller()
                if smaller is None:
                    raise MemoryError from error
                chain = smaller


class _Patience:
    """Whether a large picture is still worth finishing."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._until = stop, float("inf")

    def __call__(self) -> bool:
        if self._stop.is_set() and self._until == float("inf"):
            self._until = time.monotonic() + GRACE_SECONDS
        return time.monotonic() < self._until


def default_jobs() -> int:
    """Readers, and writers: half of the cores, 2 to 8."""
    return min(8, max(2, (os.cpu_count() or 1) // 2))


def room_for_results(memory: int | None) -> int:
    """Pixels of results that may wait to be written: what a quarter of the working memory holds."""
    memory = available() // 2 if memory is None else memory
    return max(PIXELS, memory // 4 // BYTES_OF_PIXEL)


def _pixels(waiting: Iterable[tuple[Work, Future[Work]]]) -> int:
    return sum(picture.size[0] * picture.size[1] for work, _ in waiting if (picture := work.picture))
