"""Which files are to be converted, and where each result goes; found out before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import UsageError
from translate.config import RunConfig
from translate.picture import EXTENSIONS


@dataclass(frozen=True)
class Job:
    """One picture to convert."""

    source: Path
    target: Path
    problem: str = ""
    """Why it cannot even be tried: a folder that may not be listed."""


def plan(config: RunConfig) -> list[Job]:
    """List the jobs: a folder's content is mirrored into `out`, a single file goes there as it is called.

    Hidden files, other kinds of files and symbolic links inside folders are left out, and so is `out` itself.

    Raises:
        UsageError: an input that does not exist; nothing to do; two inputs for one result; a result in place
            of an input; a result that is already there, if that is to be an error; `out` is a file.
    """
    out = config.out
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UsageError(f"{there} is a file; results need a folder: name another with -o.")
    jobs: dict[str, Job] = {}
    for place in config.inputs:
        for job in _jobs(place, config):
            other = jobs.setdefault(_identity(job.target), job)
            if _identity(other.source) != _identity(job.source):
                raise UsageError(f"{other.source} and {job.source} would both become {job.target}; use two runs.")
    if not jobs:
        places = ", ".join(map(str, config.inputs))
        raise UsageError(f"no pictures in {places}; looked for {', '.join(EXTENSIONS)} files.")
    sources = {_identity(job.source) for job in jobs.values()}
    for job in jobs.values():
        if _identity(job.target) in sources:
            raise UsageError(f"the result would replace its input {job.target}; name another folder with -o.")
        if config.on_exists == "error" and job.target.exists():
            raise UsageError(f"{job.target} is there already; choose --on-exists skip or overwrite, or another -o.")
    return list(jobs.values())


def _jobs(place: Path, config: RunConfig) -> Iterator[Job]:
    if not place.exists():
        raise UsageError(f"no such file or folder: {place}")
    if not place.is_dir():
        yield Job(place, config.out / place.name)
        return
    barred = {_identity(path) for path in (config.out, config.overview) if path is not None}
    if _identity(config.out) == _identity(place):
        barred.clear()  # told by the check for replaced inputs
    refused: list[OSError] = []
    for folder, names, files in os.walk(place, onerror=refused.append):
        here = Path(folder)
        names[:] = sorted(n for n in names if not n.startswith(".") and _identity(here / n) not in barred)
        for name in sorted(files):
            path = here / name
            if name.startswith(".") or path.suffix.lower() not in EXTENSIONS or path.is_symlink():
                continue
            if _identity(path) not in barred:
                yield Job(path, config.out / path.relative_to(place))
    for error in refused:
        path = Path(str(error.filename))
        yield Job(path, config.out / path.relative_to(place), f"cannot list {path}: {error.strerror}.")


def _identity(path: Path) -> str:
    """The same text for the same file, as far as the names tell."""
    return os.path.normcase(path.resolve())
