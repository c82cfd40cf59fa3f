"""Finding the pictures in a folder or an archive, and saying what was left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from translate.folders.archive import Archive, Member
from translate.folders.journal import JOURNAL
from translate.folders.names import identity
from translate.folders.patterns import Patterns
from translate.overview import is_overview
from translate.picture import EXTENSIONS

EXAMPLES = 3


@dataclass
class LeftOut:
    """Files that were seen and are not converted."""

    counts: Counter[str] = field(default_factory=Counter)
    """Reason -> how many."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> the first of them."""

    def add(self, reason: str, path: Path | Member) -> None:
        """Count one."""
        self.counts[reason] += 1
        if self.counts[reason] <= EXAMPLES:
            self.examples.setdefault(reason, []).append(str(path))


@dataclass(frozen=True)
class Entry:
    """One picture that was found."""

    path: Path
    parts: tuple[str, ...]
    """Its path below the input."""
    size: int = 0
    """Bytes."""
    content: Member | None = None
    problem: str = ""
    """Why it cannot be converted."""


@dataclass
class Scan:
    """How folders are searched."""

    patterns: Patterns
    links: bool
    """Whether symbolic links are followed, within the folder."""
    out: str
    """Identity of the folder for results, which is not searched."""
    made: Collection[str]
    """Identities of results of earlier runs."""
    left_out: LeftOut

    def folder(self, root: Path) -> Iterator[Entry]:
        """Pictures below a folder: those of a folder before those of its folders, each by name."""
        real_root = Path(os.path.realpath(root))
        linked: set[str] = set()
        stack: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
        while stack:
            place, parts = stack.pop()
            try:
                with os.scandir(place) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield Entry(place, parts, problem=f"cannot list {place}: {error.strerror}.")
                continue
            if parts and any(entry.name == JOURNAL for entry in entries):
                self.left_out.add("folders with results of another run; name them as inputs to convert those", place)
                continue
            folders = []
            for entry in entries:
                path, below = place / entry.name, (*parts, entry.name)
                if entry.is_symlink() and not self._follows(path, real_root, linked):
                    continue
                if entry.is_dir():
                    if entry.name.startswith("."):
                        self.left_out.add("hidden files", path)
                    elif self.patterns.shuts(below):
                        self.left_out.add("excluded files", path)
                    elif identity(path) != self.out:
                        folders.append((path, below))
                elif self._wants(path, below, entry):
                    yield Entry(path, below, entry.stat().st_size)
            stack.extend(reversed(folders))

    def archive(self, archive: Archive) -> Iterator[Entry]:
        """Pictures in an archive."""
        for member in archive.members():
            if self._is_wanted(member.parts, member):
                problem = f"cannot unpack {member}: {member.problem}." if member.problem else ""
                yield Entry(Path(str(member)), member.parts, member.size, member, problem)

    def _follows(self, path: Path, root: Path, linked: set[str]) -> bool:
        """Whether a link is followed: within the folder, and each folder once, so that circles end."""
        if not self.links:
            self.left_out.add("symbolic links (--links follows them)", path)
            return False
        real = Path(os.path.realpath(path))
        if not real.exists():
            self.left_out.add("symbolic links that lead nowhere", path)
            return False
        if not real.is_relative_to(root):
            self.left_out.add("symbolic links that lead out of the folder", path)
            return False
        if not real.is_dir():
            return True
        if str(real) in linked or Path(os.path.realpath(path.parent)).is_relative_to(real):
            self.left_out.add("symbolic links to folders that were searched already", path)
            return False
        linked.add(str(real))
        return True

    def _wants(self, path: Path, parts: tuple[str, ...], entry: os.DirEntry[str]) -> bool:
        if not self._is_wanted(parts, path):
            return False
        if not entry.is_file():
            self.left_out.add("pipes, devices and the like", path)
            return False
        if path.suffix.lower() == ".png" and is_overview(path):
            return False
        if self.made and identity(path) in self.made:
            self.left_out.add("results of an earlier run", path)
            return False
        return True

    def _is_wanted(self, parts: tuple[str, ...], path: Path | Member) -> bool:
        name = parts[-1]
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  a name, not a path
        if name.startswith(JOURNAL):
            return False
        if any(part.startswith(".") for part in parts):
            self.left_out.add("hidden files", path)
        elif suffix not in EXTENSIONS:
            self.left_out.add(f"{suffix} files" if suffix else "files without an extension", path)
        elif not self.patterns.wants(parts):
            self.left_out.add("excluded files", path)
        else:
            return True
        return False
