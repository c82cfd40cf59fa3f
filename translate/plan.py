"""Which files are to be converted, and where each result goes; found out before anything is written."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from models.errors import UsageError
from translate.config import RunConfig
from translate.folders.archive import Archive, Member, is_archive
from translate.folders.journal import outputs
from translate.folders.names import identity, longest_name, model_words, result_name, safe_name
from translate.folders.patterns import Patterns
from translate.folders.scan import Entry, LeftOut, Scan
from translate.images import Source
from translate.inference.model_file import read_manifest
from translate.overview import is_overview
from translate.picture import EXTENSIONS, OPTIONS
from translate.store import find_model


@dataclass(frozen=True)
class Job:
    """One picture to convert."""

    source: Path
    """The file, or for people the place of a picture inside an archive."""
    target: Path
    problem: str = ""
    """Why it cannot even be tried: a folder that may not be listed, say."""
    content: Member | None = None
    """The picture inside an archive."""
    size: int = 0
    """Bytes of the input."""
    notices: tuple[str, ...] = ()
    replaces: bool = False
    """Whether its target may be there."""
    skipped: str = ""
    """Why nothing is to be done: the result is there."""
    reason: str = ""
    """Why it is made though a result was there or had been."""

    @property
    def place(self) -> Source:
        """What to open."""
        return self.content or self.source

    def stamp(self) -> tuple[int, int, int]:
        """What changes when the input does: size, and times in nanoseconds.

        Raises:
            OSError: it is gone.
        """
        there = (self.content.archive.path if self.content else self.source).stat()
        return self.content.size if self.content else there.st_size, there.st_mtime_ns, there.st_ctime_ns


@dataclass
class Plan:
    """What is to be done. Close it after use: archives are open."""

    jobs: list[Job] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    archives: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Plan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.archives.close()


def plan(config: RunConfig, *, strict: bool = True) -> Plan:
    """List the jobs: a folder's content is mirrored into `out`, a single file goes there as it is called.

    Hidden files, other kinds of files and overviews inside folders are left out, symbolic links unless they are to be
    followed, and so are `out` itself and what runs made there. An archive's content is mirrored into a folder of its
    name.

    Args:
        strict: two inputs for one result, and nothing to do, are errors; else the second input has a `problem`.
    Raises:
        UsageError: an input that does not exist; nothing to do; two inputs for one result; a result or the
            overview in place of something else; `out` is a file.
        TooLarge, BadPicture: an archive beyond its limits, or damaged.
    """
    there = next(place for place in (config.out, *config.out.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UsageError(f"{there} is a file; results need a folder: name another with -o.")
    planned = Plan()
    try:
        _fill(planned, config, there, strict=strict)
    except BaseException:
        planned.archives.close()
        raise
    return planned


def _fill(planned: Plan, config: RunConfig, there: Path, *, strict: bool) -> None:
    naming = _Naming.of(config, there)
    jobs: dict[str, Job] = {}
    for place in config.inputs:
        for entry, root in _entries(place, config, planned):
            job = naming.job(entry, root)
            other = jobs.setdefault(identity(job.target), job)
            if identity(other.source) != identity(job.source):
                complaint = f"{other.source} and {job.source} would both become {job.target}"
                if strict:
                    raise UsageError(f"{complaint}; use two runs, or give results other names with --name.")
                jobs[f"{identity(job.source)} twice"] = replace(job, problem=f"{complaint}.")
    if not jobs and strict:
        places = ", ".join(map(str, config.inputs))
        seen = sum(planned.left_out.counts.values())
        raise UsageError(
            f"no pictures in {places}; looked for {', '.join(EXTENSIONS)} files"
            + (f" and left out {seen:,} others." if seen else ".")
        )
    sources = {identity(job.source) for job in jobs.values()}
    if config.overview:
        if identity(config.overview) in sources | jobs.keys():
            raise UsageError(f"the overview {config.overview} is also an input or a result; give it another name.")
        if config.overview.exists() and not is_overview(config.overview):
            raise UsageError(f"{config.overview} is there already and is no overview; name another --overview.")
    for job in jobs.values():
        if identity(job.target) in sources:
            raise UsageError(
                f"the result would replace its input {job.target}; name another folder with -o, or results with --name."
            )
    planned.jobs = list(jobs.values())


def _entries(place: Path, config: RunConfig, planned: Plan) -> Iterator[tuple[Entry, tuple[str, ...]]]:
    """Pictures of one input, and the folder below `out` that they go to."""
    if not place.exists():
        raise UsageError(f"no such file or folder: {place}")
    out = identity(config.out)
    made: Collection[str] = ()
    if place.is_dir() and out == identity(place):
        # results lie beside their pictures, if under other names
        out, made = "", {identity(path) for path in outputs(config.out)}
    scan = Scan(Patterns(config.include, config.exclude), config.links, out, made, planned.left_out)
    if place.is_dir():
        for entry in scan.folder(place):
            yield entry, ()
    elif not place.is_file():
        raise UsageError(f"{place} is neither a file nor a folder.")
    elif place.suffix.lower() not in EXTENSIONS and is_archive(place):
        archive = Archive(place, config.max_unpacked)
        planned.archives.callback(archive.close)
        for entry in scan.archive(archive):
            yield entry, (archive.folder,)
    else:
        yield Entry(place, (place.name,), place.stat().st_size), ()


@dataclass(frozen=True)
class _Naming:
    """How results are called."""

    config: RunConfig
    model: str
    scale: str
    most: int
    """Bytes of a name."""

    @classmethod
    def of(cls, config: RunConfig, there: Path) -> _Naming:
        scale = f"{scale_of(config):g}" if "{scale}" in config.name else ""
        return cls(config, model_words(config.model), scale, longest_name(there))

    def job(self, entry: Entry, root: tuple[str, ...]) -> Job:
        *folders, _ = wanted = [*root, *entry.parts]
        if entry.parts and not (entry.problem and entry.path.is_dir()):
            wanted = [
                *folders,
                result_name(self.config.name, entry.path, self.model, self.scale, self._extension(entry.path)),
            ]
        names = [safe_name(name, most=self.most) for name in wanted]
        notices = tuple(
            f"it is called {safe}, for a file cannot be called {name if len(name) < 80 else name[:77] + '...'}"
            for name, safe in zip(wanted, names, strict=True)
            if name != safe
        )
        target = self.config.out.joinpath(*names)
        return Job(entry.path, target, entry.problem, entry.content, entry.size, notices)

    def _extension(self, path: Path) -> str | None:
        """That of the format that was asked for, unless the picture's is one of that format."""
        own = path.suffix.lower()
        if self.config.format == "same" or EXTENSIONS.get(own) == EXTENSIONS[OPTIONS[self.config.format]]:
            return None
        return ("" if own in EXTENSIONS else path.suffix) + OPTIONS[self.config.format]


def scale_of(config: RunConfig) -> float:
    """Side of results / side of pictures, by what the models say of themselves.

    Raises:
        TranslateError: a model that is not there, or is broken.
    """
    if config.scale is not None:
        return config.scale
    return math.prod(read_manifest(find_model(model)).scale for model in config.model)


def described(left_out: LeftOut) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """What was left out: reason, count and the first of them; the most first."""
    return tuple((reason, count, tuple(left_out.examples[reason])) for reason, count in left_out.counts.most_common())
