"""Folders in which pictures appear: each is converted once it has come to rest, until somebody interrupts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from translate.batch import OnOpen, OnProgress, Session, opened_journal, with_overview
from translate.config import RunConfig
from translate.folders.scan import LeftOut
from translate.inference.chain import Chain
from translate.plan import Job, plan
from translate.report import Report

POLL_SECONDS = 1.0
SETTLE_SECONDS = 1.5
"""How long a file must keep its size and time of change before it counts as complete."""

Stamp = tuple[int, int, int]


def watch(
    config: RunConfig,
    chain: Chain | None = None,
    *,
    on_open: OnOpen = lambda chain, files: None,
    on_progress: OnProgress = lambda outcome: None,
    stop: threading.Event,
    poll: float = POLL_SECONDS,
    settle: float = SETTLE_SECONDS,
) -> Report:
    """As `run`, again and again until `stop` is set; the report is on all that was converted.

    Args:
        poll, settle: seconds between two looks, and that a file must stay as it is.
    Raises:
        TranslateError: as `run`, before the first picture.
    """
    start = time.perf_counter()
    settling = Settling(settle)
    with opened_journal(config.out) as journal:
        session = Session(config, journal, chain, on_open, on_progress, stop)
        left_out = LeftOut()
        while not stop.is_set() and not session.problem:
            with plan(config, strict=False) as planned:
                session.convert(settling.settled(planned.jobs))
                left_out = planned.left_out
            stop.wait(poll)
        if not session.problem:
            journal.finish()
        report = session.report(left_out, time.perf_counter() - start)
    report = with_overview(report, config)
    return Report(**{**vars(report), "interrupted": stop.is_set()})


@dataclass
class Settling:
    """Which files have come to rest."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    seen: dict[Path, tuple[Stamp, float]] = field(default_factory=dict)
    """Result -> what its picture was like, and since when."""
    done: dict[Path, Stamp] = field(default_factory=dict)

    def settled(self, jobs: list[Job]) -> list[Job]:
        """Those that are new or changed, and have been as they are for long enough; each of them once."""
        ready = []
        for job in jobs:
            try:
                stamp = (0, 0, 0) if job.problem else job.stamp()
            except OSError:
                continue  # gone again
            if self.done.get(job.target) == stamp:
                continue
            before, since = self.seen.get(job.target, (None, 0.0))
            if before != stamp:
                self.seen[job.target] = stamp, self.clock()
            elif self.clock() - since >= self.seconds:
                self.done[job.target] = stamp
                del self.seen[job.target]
                ready.append(job)
        return ready
