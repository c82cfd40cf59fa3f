"""Pictures inside zip and tar archives, read where they are; nothing is unpacked under a name that an archive gives."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from models.errors import BadPicture, TooLarge, TranslateError
from translate.inference.memory import temporary_folder

MOST_ENTRIES = 200_000
"""Most files in an archive."""
MOST_DIRECTORY = 64 * 2**20
"""Most bytes of a zip file's own list of entries."""
MOST_RATIO = 250
"""Most bytes that a packed one may stand for, where they are more than ..."""
RATIO_FROM = 64 * 2**20
"""... so many; also the largest entry that is held in memory while it is decoded."""
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""What archives are called; content decides what they are."""

_PACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error),
    *(ValueError, NotImplementedError, RuntimeError, OSError),  # zipfile: encrypted, and ways of packing it lacks
)


@dataclass(frozen=True)
class Member:
    """One file inside an archive; can be opened as a path can."""

    archive: Archive
    name: str
    """As the archive has it."""
    parts: tuple[str, ...]
    """Folders and name, safe to use."""
    size: int
    """Bytes, as the archive says."""
    problem: str = ""
    """Why it is refused."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        """Its content: in memory, or in a temporary file without a name if it is large.

        Raises:
            BadPicture: damaged, encrypted, or longer than the archive says.
        """
        target = io.BytesIO() if self.size <= RATIO_FROM else _nameless()
        try:
            with self.archive.lock, self.archive.extract(self.name) as source:
                _copy(source, target, self.size)
        except (*_DAMAGE, KeyError) as error:
            target.close()
            raise BadPicture(f"it cannot be unpacked ({error}).") from None
        target.seek(0)
        return target

    def __str__(self) -> str:
        return f"{self.archive.path}/{self.name if self.problem else '/'.join(self.parts)}"


class Archive:
    """An open archive. Its members may be read by several threads."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open it and check its limits.

        Raises:
            TooLarge: more entries or bytes than are allowed.
            BadPicture: damaged.
        """
        self.path, self._most = path, most_bytes
        self.lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._members: dict[str, tuple[Any, str]] = {}
        """Name -> what the library knows of it, and why it is refused."""
        self.extract: Callable[[str], IO[bytes]]
        try:
            self._open_zip() if zipfile.is_zipfile(path) else self._open_tar()
        except TranslateError:
            self.close()
            raise
        except _DAMAGE as error:
            self.close()
            raise BadPicture(f"cannot read {path}: it is no archive, or a damaged one ({error}).") from None

    @property
    def folder(self) -> str:
        """What the folder for its results is called: its name without what says that it is an archive."""
        name = self.path.name
        for suffix in SUFFIXES:
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                return name[: -len(suffix)]
        return self.path.stem

    def members(self) -> Iterator[Member]:
        """All files in it, in its order; those that are no plain files in it with a `problem`."""
        for name, (info, problem) in self._members.items():
            size = info.file_size if isinstance(info, zipfile.ZipInfo) else info.size
            parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
            if not problem:
                problem = _unsafe(name, parts)
            yield Member(self, name, tuple(part for part in parts if part != "..") or ("_",), size, problem)

    def close(self) -> None:
        """Close its files; members cannot be opened any more."""
        self._stack.close()

    def _open_zip(self) -> None:
        _check_directory(self.path)
        file = self._stack.enter_context(zipfile.ZipFile(self.path))
        infos = [info for info in file.infolist() if not info.is_dir()]
        self._check(len(infos), sum(info.file_size for info in infos))
        for info in infos:
            problem = ""
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                problem = "it is a link or a device, not a file"
            elif info.file_size > RATIO_FROM and info.file_size > MOST_RATIO * max(info.compress_size, 1):
                problem = f"its {info.file_size:,} bytes are packed more than {MOST_RATIO} times; unpack it yourself"
            self._members[info.filename] = info, problem

        def extract(name: str) -> IO[bytes]:
            return file.open(self._members[name][0])

        self.extract = extract

    def _open_tar(self) -> None:
        plain: IO[bytes] = self._stack.enter_context(self.path.open("rb"))
        head = plain.read(6)
        plain.seek(0)
        for magic, unpacked in _PACKERS.items():
            if head.startswith(magic):
                plain = self._unpack(unpacked(plain))
                break
        file = self._stack.enter_context(tarfile.open(fileobj=plain, mode="r:"))  # noqa: SIM115  closed with the stack
        total = 0
        for count, info in enumerate(file, 1):
            total += info.size
            self._check(count, total)
            if not info.isdir():
                problem = "" if info.isfile() else "it is a link or a device, not a file"
                self._members[info.name] = info, problem

        def extract(name: str) -> IO[bytes]:
            content = file.extractfile(self._members[name][0])
            if content is None:
                raise BadPicture("it is no file.")
            return content

        self.extract = extract

    def _unpack(self, packed: IO[bytes]) -> IO[bytes]:
        """A packed tar as a temporary file without a name, so that its members can be read in any order."""
        limit = max(RATIO_FROM, min(self._most, MOST_RATIO * self.path.stat().st_size))
        plain = self._stack.enter_context(_nameless())
        with packed:
            try:
                _copy(packed, plain, limit)
            except ValueError:
                raise TooLarge(
                    f"{self.path} is more than {limit:,} bytes when unpacked, {MOST_RATIO} times its size or "
                    "--max-unpacked; unpack it yourself if you trust it."
                ) from None
        plain.seek(0)
        return plain

    def _check(self, entries: int, total: int) -> None:
        if entries > MOST_ENTRIES:
            raise TooLarge(f"{self.path} holds more than {MOST_ENTRIES:,} files; unpack it yourself.")
        if total > self._most:
            raise TooLarge(
                f"{self.path} unpacked is more than {self._most:,} bytes; raise --max-unpacked if it is meant."
            )


def is_archive(path: Path) -> bool:
    """Whether a file is one of the archives, or is called so."""
    return path.name.lower().endswith(SUFFIXES) or zipfile.is_zipfile(path) or _is_tar(path)


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        return False


def _nameless() -> IO[bytes]:
    return tempfile.TemporaryFile(dir=temporary_folder())


def _unsafe(name: str, parts: tuple[str, ...]) -> str:
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        return "its path is not one below the archive's folder"
    if ".." in parts or not parts or "\0" in name:
        return "its path leads out of the archive's folder"
    return ""


def _copy(source: IO[bytes], target: IO[bytes], most: int) -> None:
    """Raises ValueError if there is more."""
    left = most
    while left > 0 and (block := source.read(min(left, 2**20))):
        target.write(block)
        left -= len(block)
    if left == 0 and source.read(1):
        raise ValueError(f"it is longer than {most:,} bytes")


def _check_directory(path: Path) -> None:
    """zipfile reads a zip's whole list of entries at once, however long it says that it is."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        start = max(0, size - 2**16 - 64)
        file.seek(start)
        tail = file.read()
        place = tail.rfind(b"PK\5\6")
        (length,) = struct.unpack_from("<I", tail, place + 12)
        if length == 2**32 - 1 and tail[place - 20 : place - 16] == b"PK\6\7":
            file.seek(struct.unpack_from("<Q", tail, place - 12)[0])
            (length,) = struct.unpack_from("<Q", file.read(56), 40)
    if length > MOST_DIRECTORY:
        raise TooLarge(f"{path} holds more than {MOST_ENTRIES:,} files, by the length of its list; unpack it yourself.")
