"""Decoded pictures, kept as uint8 in one memory-mapped file that all loaders read."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import secrets
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from models.errors import DataError
from translate.training.pixels import Pixels

Item = TypeVar("Item")
Place = tuple[int, tuple[int, ...]]
"""Where a picture begins, in bytes, and its shape."""
SUFFIX = ".pixels"
PART = ".part"
"""Of a cache that is being written."""
ABANDONED = 3600.0
"""Seconds without a picture after which nobody writes it any more: the run was killed."""
DESCRIPTORS = Path("/proc/self/fd")


class PixelCache:
    """The first pictures of a list, as many as fit into the limit; [H, W, 3] uint8, read-only.

    The pixels are in one file: in a folder that outlives the run, or a temporary one without a name. Pickled, it is the
    name of that file: a loader's process maps it and shares its pages, however it was started.
    """

    def __init__(self, file: IO[bytes], path: str, places: list[Place]) -> None:
        self.path, self.places = path, places
        with file:
            self.pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if places else None

    def __getitem__(self, index: int) -> Pixels | None:
        if self.pixels is None or index >= len(self.places):
            return None
        start, shape = self.places[index]
        return np.frombuffer(self.pixels, np.uint8, int(np.prod(shape)), start).reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "places": self.places}

    def __setstate__(self, state: dict[str, Any]) -> None:
        try:
            file = Path(state["path"]).open("rb")  # noqa: SIM115  closed as soon as it is mapped
            self.__init__(file, **state)  # type: ignore[misc]
        except OSError:  # another run has made room: pictures are decoded again
            self.path, self.places, self.pixels = state["path"], [], None


def fill(
    items: Sequence[Item], prepare: Callable[[Item], Pixels], files: Callable[[Item], Sequence[Path]],
    where: str, limit: int, label: str,
) -> PixelCache | None:  # fmt: skip
    """Decode pictures until the limit is reached, or take them from an earlier run.

    Args:
        prepare: item -> picture, as it is to be kept.
        files: item -> the files that it depends on; a change of one makes a new cache.
        where: memory (a temporary file), off, or a folder.
        limit: bytes.
        label: what `prepare` does, in words that change when it does.
    Raises:
        DataError: a picture cannot be read, or the cache not be written.
    """
    if where == "off" or not items:
        return None
    try:
        if where == "memory":
            return _temporary(items, prepare, limit)
        return _lasting(items, prepare, files, Path(where), limit, label)
    except OSError as error:
        raise DataError(
            f"cannot keep decoded pictures ({error.strerror or error}): use --cache off, name a folder with room "
            "(--cache DIR), or lower --cache-bytes."
        ) from None


def make_room(folder: Path, limit: int) -> None:
    """Remove what killed runs have left, and the caches longest unused until the others are within the limit."""
    remove_abandoned(folder)
    caches = sorted(folder.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_mtime_ns)
    total = sum(file.stat().st_size for file in caches)
    for file in caches[:-1]:
        if total <= limit:
            return
        total -= file.stat().st_size
        file.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove the unfinished caches of runs that were killed. One that is being written grows with each picture."""
    for file in folder.glob(f".*{PART}"):
        try:
            if time.time() - file.stat().st_mtime > ABANDONED:
                file.unlink()
        except OSError:  # another run was faster, or has it open where that forbids removing it
            continue


def _temporary(items: Sequence[Item], prepare: Callable[[Item], Pixels], limit: int) -> PixelCache:
    number, name = tempfile.mkstemp(suffix=SUFFIX)
    path, file = Path(name), os.fdopen(number, "w+b")
    try:
        places = _write(file, items, prepare, limit)
    except BaseException:
        file.close()
        path.unlink()
        raise
    if DESCRIPTORS.exists():  # nameless, so that nothing is left behind, however the run ends
        path.unlink()
        kept = os.dup(file.fileno())
        cache = PixelCache(file, f"/proc/{os.getpid()}/fd/{kept}", places)
        weakref.finalize(cache, os.close, kept)
        return cache
    cache = PixelCache(file, name, places)
    weakref.finalize(cache, _remove, path, os.getpid())
    return cache


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        path.unlink(missing_ok=True)


def _lasting(
    items: Sequence[Item], prepare: Callable[[Item], Pixels], files: Callable[[Item], Sequence[Path]],
    folder: Path, limit: int, label: str,
) -> PixelCache:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)  # first: this one may need their room
    path = folder / f"{_key(items, files, limit, label)}{SUFFIX}"
    places = _places(path)
    if places is None:
        partial = folder / f".{secrets.token_hex(8)}{PART}"
        try:
            with partial.open("w+b") as file:
                places = _write(file, items, prepare, limit)
                index = json.dumps(places).encode()
                file.write(index + len(index).to_bytes(8, "little"))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    os.utime(path)
    return PixelCache(path.open("rb"), str(path.resolve()), places)


def _key(items: Sequence[Item], files: Callable[[Item], Sequence[Path]], limit: int, label: str) -> str:
    digest = hashlib.sha256(f"{label} {limit}".encode())
    for item in items:
        for file in files(item):
            known = file.stat()
            digest.update(f"\0{file.resolve()}\0{known.st_size}\0{known.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def _places(path: Path) -> list[Place] | None:
    """The index at the end of a cache; None if there is no whole one."""
    try:
        with path.open("rb") as file:
            file.seek(-8, os.SEEK_END)
            length = int.from_bytes(file.read(8), "little")
            file.seek(-8 - length, os.SEEK_END)
            return [(start, tuple(shape)) for start, shape in json.loads(file.read(length))]
    except (OSError, ValueError):
        return None


def _write(file: IO[bytes], items: Sequence[Item], prepare: Callable[[Item], Pixels], limit: int) -> list[Place]:
    places: list[Place] = []
    used, count = 0, min(32, (os.cpu_count() or 1) + 4)
    with ThreadPoolExecutor(count) as threads:
        for picture in _ahead(threads, prepare, items, count):
            if used + picture.nbytes > limit:
                threads.shutdown(cancel_futures=True)
                break
            places.append((used, picture.shape))
            file.write(np.ascontiguousarray(picture).data)
            used += picture.nbytes
    file.flush()
    return places


def _ahead(
    threads: ThreadPoolExecutor, prepare: Callable[[Item], Pixels], items: Sequence[Item], most: int
) -> Iterator[Pixels]:
    """What becomes of each, in order; at most so many are begun before they are asked for, for they are large."""
    begun: deque[Future[Pixels]] = deque()
    for item in items:
        begun.append(threads.submit(prepare, item))
        if len(begun) == most:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
