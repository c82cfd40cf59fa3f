"""Pictures and folders in, pictures and folders out: what is left to do is done, whatever happens to one file."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from models.errors import TranslateError
from translate.config import RunConfig
from translate.folders.journal import History, Journal
from translate.folders.manner import Manner
from translate.folders.pipeline import Pipeline
from translate.folders.resume import Resume, models_of, options_of
from translate.folders.scan import LeftOut
from translate.folders.space import check_room, estimate, free
from translate.folders.work import Work
from translate.images import PARTIAL
from translate.inference.chain import Chain
from translate.overview import write_overview
from translate.plan import Job, described, plan, scale_of
from translate.report import Outcome, Preview, Report
from translate.version import VERSION

OnOpen = Callable[[Chain, int], None]
OnProgress = Callable[[Outcome], None]


def run(
    config: RunConfig,
    chain: Chain | None = None,
    *,
    on_open: OnOpen = lambda chain, files: None,
    on_progress: OnProgress = lambda outcome: None,
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
        TranslateError: the model cannot be opened, the results do not fit on the disk, or another run is at work in
            the same folder.
    """
    start = time.perf_counter()
    stop = stop or threading.Event()
    with plan(config) as planned, opened_journal(config.out) as journal:
        session = Session(config, journal, chain, on_open, on_progress, stop)
        session.convert(planned.jobs)
        if not stop.is_set() and not session.problem:
            journal.finish()
        report = session.report(planned.left_out, time.perf_counter() - start)
    return with_overview(report, config)


def preview(config: RunConfig) -> Preview:
    """What `run` would do, without doing any of it.

    Raises:
        TranslateError: as `run`.
    """
    with plan(config) as planned:
        history = History.read(config.out)
        settings = {"models": models_of(config), "options": options_of(config)}
        key = next((key for key, known in history.settings.items() if known == settings), "")
        history.settings[key] = settings
        jobs = Resume(config, history, key).decide(planned.jobs)
        due = [job for job in jobs if not (job.problem or job.skipped)]
        return Preview(
            files=tuple((job.source, job.target, job.problem or job.skipped or job.reason or "new") for job in jobs),
            convert=len(due),
            skip=sum(bool(job.skipped) for job in jobs),
            fail=sum(bool(job.problem) for job in jobs),
            result_bytes=estimate(due, scale_of(config), config.max_pixels),
            free_bytes=free(config.out),
            left_out=described(planned.left_out),
        )


def opened_journal(folder: Path) -> Journal:
    """Lock the folder for results.

    Raises:
        TranslateError: another run is at work in it, or it cannot be written to.
    """
    try:
        return Journal(folder)
    except OSError as error:
        raise TranslateError(
            f"cannot write into {folder}: {error.strerror or error}. Name another folder with -o."
        ) from None


@dataclass
class Session:
    """Jobs put through one chain into one folder, in one go or in many."""

    config: RunConfig
    journal: Journal
    chain: Chain | None
    on_open: OnOpen
    on_progress: OnProgress
    stop: threading.Event
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    """By result, for one input may have several."""
    targets: dict[Path, None] = field(default_factory=dict)
    """All results that there are to be, in order."""
    problem: str = ""
    removed: int = 0
    """Unfinished files of a run that was killed."""
    device: str = ""

    def __post_init__(self) -> None:
        self.models = " + ".join(self.config.model)
        self.settings = self.journal.settings(models_of(self.config), options_of(self.config), VERSION)

    def convert(self, jobs: Iterable[Job]) -> None:
        """Convert what is left to do of these."""
        decided = Resume(self.config, self.journal.history, self.settings).decide(jobs)
        self.targets |= dict.fromkeys(job.target for job in decided)
        self.removed += remove_partial({job.target.parent for job in decided})
        due = []
        for job in decided:
            if job.problem:
                self._tell(Work(job, reason=job.problem).outcome(self.models))
            elif job.skipped:
                self._tell(
                    Outcome(
                        input=job.source,
                        output=job.target,
                        model=self.models,
                        status="skipped",
                        reason=job.skipped,
                        notices=job.notices,
                    )
                )
            else:
                due.append(job)
        if not due:
            return
        first = self.chain is None or not self.device
        self.chain = self.chain or opened_chain(self.config)
        Manner.of(self.config).treatment.check(self.chain)
        self.device = self.chain.device
        if self.config.check_space:
            check_room(due, self.chain.size_after(1000, 1000)[0] / 1000, self.config.out, self.config.max_pixels)
        if first:
            self.on_open(self.chain, len(due))
        pipeline = Pipeline(self.chain, self.config, self._tell, self.journal.add, self.settings, self.stop)
        full = pipeline.run(due)
        if full:
            self.problem = f"stopped, for the disk is full: {full} Make room and run the same line again; it goes on."

    def report(self, left_out: LeftOut, seconds: float) -> Report:
        """What became of all jobs so far."""
        listed = [self.outcomes[target] for target in self.targets if target in self.outcomes]
        left = len(self.targets) - len(listed)
        removed = f"removed {self.removed} unfinished files of a run that was cut off"
        return Report(
            outcomes=tuple(listed),
            model=self.models,
            device=self.device,
            seconds=seconds,
            interrupted=self.stop.is_set() and left > 0,
            not_reached=left,
            problem=self.problem,
            notes=(removed,) if self.removed else (),
            left_out=described(left_out),
        )

    def _tell(self, outcome: Outcome) -> None:
        self.outcomes[outcome.output] = outcome
        self.on_progress(outcome)


def with_overview(report: Report, config: RunConfig) -> Report:
    """The report; with the overview, or what kept it from being written."""
    if config.overview and (report.count("done") or not config.overview.exists()):
        try:
            write_overview(report, config.overview, config.max_pixels)
        except TranslateError as error:
            return replace(report, problem=str(error))
        except Exception as error:  # noqa: BLE001  the report of a night's run is worth more than its picture
            return replace(report, problem=f"no overview {config.overview}: {type(error).__name__}: {error}")
    return report


def remove_partial(folders: Iterable[Path]) -> int:
    """Remove what a run that was killed was writing; nobody else writes there, for the folder is locked."""
    removed = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in folder.glob(f"{PARTIAL}*.part"):
                path.unlink()
                removed += 1
    return removed


def opened_chain(config: RunConfig) -> Chain:
    """The chain that the settings name.

    Raises:
        TranslateError: as `Chain.open`.
    """
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
