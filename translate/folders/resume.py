"""What is left to do: results that are there, against what the journal says of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import TranslateError, UsageError
from translate.config import RunConfig
from translate.folders.journal import History, Record, digest
from translate.plan import Job
from translate.store import find_model

NEUTRAL = frozenset(
    {
        *("inputs", "model", "out", "include", "exclude", "name", "links", "on_exists", "overview"),
        *("device", "memory", "tile", "max_pixels", "max_unpacked", "jobs", "check_space"),
        *("dry_run", "watch", "json", "quiet", "verbose"),
    }
)
"""Settings that a result does not depend on, or (device) only as far as its arithmetic rounds."""


def options_of(config: RunConfig) -> dict[str, str]:
    """The settings that results depend on, as text."""
    return {
        field.name: str(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name not in NEUTRAL
    }


def models_of(config: RunConfig) -> list[str]:
    """SHA-256 of each model; the name of one that is not there."""
    hashes: list[str] = []
    for model in config.model:
        try:
            hashes.append(digest(find_model(model)))
        except (TranslateError, OSError):
            hashes.append(model)
    return hashes


@dataclass(frozen=True)
class Resume:
    """Decides what becomes of each job."""

    config: RunConfig
    history: History
    settings: str
    """Key of this run's settings in the history."""

    def decide(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs, with what is there already skipped, and with other names where asked for.

        Raises:
            UsageError: something else is there, and that is to be an error.
        """
        jobs = list(jobs)
        taken = {job.target for job in jobs}
        decided = []
        for job in jobs:
            decided.append(job := job if job.problem else self._decide(job, taken))
            taken.add(job.target)
        return decided

    def _decide(self, job: Job, taken: set[Path]) -> Job:
        key = self.key(job.target)
        record = self.history.last.get(key)
        if not job.target.exists():
            return replace(job, reason="its result was gone" if record else "")
        if self._is_ours(key, job.target):
            return self._ours(job, key, record)
        if self.config.on_exists == "overwrite":
            return replace(job, replaces=True, reason="replaced what was there")
        if self.config.on_exists == "error":
            raise UsageError(
                f"{job.target} is there already; choose --on-exists skip, rename or overwrite, or another -o."
            )
        if self.config.on_exists == "rename":
            return self._renamed(job, taken)
        return replace(job, skipped="it was changed since it was made" if record else "it is there already")

    def _ours(self, job: Job, key: str, record: Record | None) -> Job:
        change = self._change(job, key, record)
        if not change and (self.config.on_exists != "overwrite" or key in self.history.unfinished):
            return replace(job, skipped="it is done already")
        return replace(job, replaces=True, reason=change and f"made anew: {change}")

    def _change(self, job: Job, key: str, record: Record | None) -> str:
        """What differs from when a result of ours was made; empty if nothing."""
        if record is None or not _is(record, job.target):
            return "the last run was cut off"
        try:
            stamp = job.stamp()
            if stamp != record.stamp and (stamp[0] != record.stamp[0] or _digest(job) != record.input_sha256):
                return "the picture changed"
        except (OSError, TranslateError):
            return "the picture changed"
        if record.settings == self.settings:
            return ""
        before, now = (self.history.settings.get(key, {}) for key in (record.settings, self.settings))
        if before.get("models") != now.get("models"):
            return "the model changed"
        was, options = before.get("options", {}), now.get("options", {})
        changed = sorted(name for name in was.keys() | options.keys() if was.get(name) != options.get(name))
        return ", ".join(f"{name} was {was.get(name)}" for name in changed) or "the options changed"

    def _is_ours(self, key: str, target: Path) -> bool:
        """Whether a file is what a run made there, whole and unchanged."""
        record = self.history.last.get(key)
        if record is None or not target.is_file():
            return False
        if target.stat().st_size == 0:
            return True  # a loss of power does that; nobody's work is lost with it
        return _is(record, target) or digest(target) in self.history.hashes[key]

    def _renamed(self, job: Job, taken: set[Path]) -> Job:
        """The job with the first name that is free, or that holds its own earlier result."""
        for number in itertools.count(2):
            target = job.target.with_stem(f"{job.target.stem}_{number}")
            key = self.key(target)
            record = self.history.last.get(key)
            notices = (*job.notices, f"it is called {target.name}, for {job.target.name} is there already")
            other = replace(job, target=target, notices=notices)
            if target in taken:
                continue
            if not target.exists():
                return other
            if record and record.input == str(job.source) and self._is_ours(key, target):
                return self._ours(other, key, record)
        raise AssertionError

    def key(self, target: Path) -> str:
        """What the journal calls a result."""
        return target.relative_to(self.config.out).as_posix()


def _is(record: Record, target: Path) -> bool:
    there = target.stat()
    if there.st_size != record.output_size:
        return False
    return there.st_mtime_ns == record.output_mtime or digest(target) == record.output_sha256


def _digest(job: Job) -> str:
    import hashlib

    with job.place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
