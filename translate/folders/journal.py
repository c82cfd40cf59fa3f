"""What was made in a folder, of what, and how: an append-only file of JSON lines that survives `kill -9`.

A result's line is written when the result is complete under its hidden name, and before it gets its own: a file that
the journal knows by its hash is ours and whole, and one that it does not know is somebody else's.

Each line is with the system before its result has its name, which is all that a killed process needs. Against a loss of
power the journal is forced to the disk every few seconds and at the end; results are not, for that takes longer than
small pictures do. A result that such a loss emptied or cut short does not have its hash, and an empty one is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from models.errors import TranslateError

JOURNAL = ".translate-journal.jsonl"
SYNC_SECONDS = 5.0
"""How often the journal is forced to the disk."""
LOCKED_BYTE = 2**40
"""Windows locks bytes of a file against reading, so one that is never there."""


class Busy(TranslateError):
    """Another run is at work in the folder."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One result."""

    output: str
    """Path below the folder, with slashes."""
    output_size: int
    output_mtime: int
    """Nanoseconds."""
    output_sha256: str
    input: str
    stamp: tuple[int, int, int]
    """Input's size, time of change and time of change of its entry, in bytes and nanoseconds."""
    input_sha256: str
    settings: str
    """Key of the settings it was made with."""


@dataclass
class History:
    """What a journal says."""

    last: dict[str, Record] = field(default_factory=dict)
    """Output -> the newest record of it."""
    hashes: dict[str, set[str]] = field(default_factory=dict)
    """Output -> all that it ever was."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key -> models and options."""
    unfinished: set[str] = field(default_factory=set)
    """Outputs made since the last run that came to its end."""

    @classmethod
    def read(cls, folder: Path) -> History:
        """Read a folder's journal; empty if there is none. Lines that a crash cut off are left out."""
        history = cls()
        try:
            content = (folder / JOURNAL).read_text(encoding="ascii", errors="replace")
        except OSError:
            return history
        for line in content.splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                history.note(json.loads(line))
        return history

    def note(self, line: dict[str, Any]) -> None:
        """Take in one line."""
        if "output" in line:
            record = Record(**line | {"stamp": tuple(line["stamp"])})
            self.last[record.output] = record
            self.hashes.setdefault(record.output, set()).add(record.output_sha256)
            self.unfinished.add(record.output)
        elif "finished" in line:
            self.unfinished.clear()
        else:
            self.settings[line["key"]] = {"models": line["models"], "options": line["options"]}


class Journal:
    """A folder's journal, open for one run at a time; thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be, and lock it.

        Raises:
            Busy: another run is at work in it.
            OSError: it cannot be made, or not be written to.
        """
        self.path = folder / JOURNAL
        self._made = [place for place in (folder, *folder.parents) if not place.exists()]
        self._lock = threading.Lock()
        self._synced = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                _lock(self._file)
            except OSError:
                os.close(self._file)
                raise Busy(
                    f"another run is writing into {folder}; wait for its end, or name another folder with -o."
                ) from None
            # a run that wrote nothing takes its journal away: then this one has no name
            if self._is_named():
                break
            os.close(self._file)
        self.history = History.read(folder)
        self._known = set(self.history.settings)
        if os.fstat(self._file).st_size:
            os.lseek(self._file, -1, os.SEEK_END)
            if os.read(self._file, 1) != b"\n":  # a line that was cut off
                self._write(b"\n")

    def _is_named(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        return False

    def settings(self, models: list[str], options: dict[str, str], program: str) -> str:
        """The key under which these settings stand in the journal."""
        content = {"models": models, "options": options}
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        self.history.settings[key] = content
        self._header = {"key": key, **content, "program": program}
        return key

    def add(self, record: Record) -> None:
        """Write a line on a result that is about to get its name.

        Raises:
            OSError: the disk refuses it.
        """
        with self._lock:
            if record.settings not in self._known:
                self._write(_line(self._header))
                self._known.add(record.settings)
            self._write(_line(asdict(record)))
            self.history.note(asdict(record))
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._file)
                self._synced = time.monotonic()

    def finish(self) -> None:
        """Say that a run came to its end."""
        with self._lock:
            if self.history.unfinished:
                self._write(_line({"finished": True}))
                self.history.unfinished.clear()

    def _write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._file, content) :]

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        empty = os.fstat(self._file).st_size == 0
        with contextlib.suppress(OSError):
            if empty:
                self.path.unlink()  # before it is unlocked
            else:
                os.fsync(self._file)
        os.close(self._file)
        for folder in self._made if empty else ():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _line(content: dict[str, Any]) -> bytes:
    """In ASCII, whatever bytes names hold."""
    return json.dumps(content).encode() + b"\n"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def outputs(folder: Path) -> Iterator[Path]:
    """Files of a folder that its journal knows."""
    for output in History.read(folder).last:
        yield folder / output
