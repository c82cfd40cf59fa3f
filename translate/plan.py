"""Which files are to be converted, and where each result goes; found out before anything is written."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import UsageError
from translate.config import RunConfig
from translate.overview import is_overview
from translate.picture import EXTENSIONS, OPTIONS


@dataclass(frozen=True)
class Job:
    """One picture to convert."""

    source: Path
    target: Path
    problem: str = ""
    """Why it cannot even be tried: a folder that may not be listed."""


def plan(config: RunConfig) -> list[Job]:
    """List the jobs: a folder's content is mirrored into `out`, a single file goes there as it is called.

    Hidden files, other kinds of files, symbolic links and overviews inside folders are left out, and so is
    `out` itself.

    Raises:
        UsageError: an input that does not exist; nothing to do; two inputs for one result; a result or the
            overview in place of something else; a result that is already there, if that is to be an error;
            `out` is a file.
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
    if config.overview:
        if _identity(config.overview) in sources | jobs.keys():
            raise UsageError(f"the overview {config.overview} is also an input or a result; give it another name.")
        if config.overview.exists() and not is_overview(config.overview):
            raise UsageError(f"{config.overview} is there already and is no overview; name another --overview.")
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
        yield Job(place, config.out / _named(Path(place.name), config))
        return
    out = _identity(config.out)
    if out == _identity(place):
        out = ""  # told by the check for replaced inputs
    refused: list[OSError] = []
    for folder, names, files in os.walk(place, onerror=refused.append):
        here = Path(folder)
        names[:] = sorted(n for n in names if not n.startswith(".") and _identity(here / n) != out)
        for name in sorted(files):
            path = here / name
            if name.startswith(".") or path.suffix.lower() not in EXTENSIONS or path.is_symlink():
                continue
            if path.suffix.lower() != ".png" or not is_overview(path):
                yield Job(path, config.out / _named(path.relative_to(place), config))
    for error in refused:
        path = Path(str(error.filename))
        yield Job(path, config.out / path.relative_to(place), f"cannot list {path}: {error.strerror}.")


def _named(path: Path, config: RunConfig) -> Path:
    """The result's name: with the extension of the format that was asked for, unless it has one of that format."""
    if config.format == "same":
        return path
    extension, own = OPTIONS[config.format], path.suffix.lower()
    if EXTENSIONS.get(own) == EXTENSIONS[extension]:
        return path
    return path.with_suffix(extension) if own in EXTENSIONS else path.with_name(path.name + extension)


def _identity(path: Path) -> str:
    """The same text for the same file: by what is there, else by the name."""
    with contextlib.suppress(OSError):
        there = path.stat()
        # Hard links are files of their own here: replacing one leaves the others alone.
        if there.st_ino and (stat.S_ISDIR(there.st_mode) or there.st_nlink == 1):
            return f"{there.st_dev}:{there.st_ino}"
    name = os.path.normcase(path.resolve())
    return unicodedata.normalize("NFC", name).casefold() if sys.platform == "darwin" else name
