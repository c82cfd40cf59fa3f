"""Which files of a folder are wanted, by patterns of their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Patterns:
    """Patterns of wanted and unwanted files; capital letters do not count.

    A pattern without a slash is one of names, anywhere: '*.png'. One with a slash is one of paths below the input, in
    which ** stands for any folders: 'walls/**/*_d.png'.
    """

    include: tuple[str, ...] = ()
    """Only these; all if none."""
    exclude: tuple[str, ...] = ()
    """Not these, nor what lies in folders that they match."""

    def wants(self, parts: Sequence[str]) -> bool:
        """Whether a file is wanted; its path below the input, in parts."""
        if any(self.shuts(parts[:length]) for length in range(1, len(parts) + 1)):
            return False
        return not self.include or any(_matches(pattern, parts) for pattern in self.include)

    def shuts(self, parts: Sequence[str]) -> bool:
        """Whether a file or folder is excluded by itself."""
        return any(_matches(pattern, parts) for pattern in self.exclude)


def _matches(pattern: str, parts: Sequence[str]) -> bool:
    steps = pattern.replace("\\", "/").casefold().rstrip("/").lstrip("/").split("/")
    names = [part.casefold() for part in parts]
    if len(steps) == 1 and steps[0] != "**" and not pattern.startswith("/"):
        return fnmatchcase(names[-1], steps[0])
    return _follows(steps, names)


def _follows(steps: Sequence[str], names: Sequence[str]) -> bool:
    if not steps:
        return not names
    if steps[0] == "**":
        return _follows(steps[1:], names) or (len(names) > 0 and _follows(steps, names[1:]))
    return len(names) > 0 and fnmatchcase(names[0], steps[0]) and _follows(steps[1:], names[1:])
