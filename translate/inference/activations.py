"""Tensors the size of a picture, in memory or in files that have no name."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import TooLarge

Values = NDArray[np.float32]


class Activations:
    """Named tensors of [C, H, W], written and read window by window. One thread at a time.

    They lie row by row, all channels of a row together, so that a window over the full width is one run of
    bytes. Files are written and read, not mapped: mapped pages would count as memory.
    """

    def __init__(self, folder: Path | None) -> None:
        """Keep them in files in `folder`; in memory without one."""
        self.folder = folder
        self._arrays: dict[str, Values] = {}
        self._files: dict[str, tuple[Any, tuple[int, int, int]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in [*self._arrays, *self._files]:
            self.drop(name)

    def add(self, name: str, channels: int, height: int, width: int) -> None:
        """Make room for a tensor.

        Raises:
            TooLarge: no temporary file can be made.
        """
        if self.folder is None:
            self._arrays[name] = np.empty((height, channels, width), np.float32)
            return
        try:
            file = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115  closed by drop()
        except OSError as error:
            raise self._failed(error) from None
        self._files[name] = (file, (height, channels, width))

    def drop(self, name: str) -> None:
        """Give a tensor's room back."""
        if name in self._arrays:
            del self._arrays[name]
        else:
            self._files.pop(name)[0].close()

    def write(self, name: str, top: int, left: int, values: Values) -> None:
        """Store a window [C, h, w] whose first value belongs at row `top` and column `left`.

        Raises:
            TooLarge: the disk is full.
        """
        rows = values.transpose(1, 0, 2)
        if name in self._arrays:
            self._arrays[name][top : top + rows.shape[0], :, left : left + rows.shape[2]] = rows
            return
        file, (_, channels, width) = self._files[name]
        try:
            if rows.shape[2] == width:
                file.seek(4 * top * channels * width)
                _write(file, np.ascontiguousarray(rows))
                return
            for row, part in enumerate(rows, top):
                for channel, run in enumerate(part):
                    file.seek(4 * ((row * channels + channel) * width + left))
                    _write(file, np.ascontiguousarray(run))
        except OSError as error:
            raise self._failed(error) from None

    def read(self, name: str, rows: slice, columns: slice) -> Values:
        """A window as [1, C, h, w]."""
        if name in self._arrays:
            return np.ascontiguousarray(self._arrays[name][rows, :, columns].transpose(1, 0, 2)[None])
        file, (_, channels, width) = self._files[name]
        found = np.empty((channels, rows.stop - rows.start, columns.stop - columns.start), np.float32)
        step = max(2**22 // (4 * channels * width), 1)  # rows at a time: a few megabytes
        buffer = np.empty((step, channels, width), np.float32)
        for first in range(rows.start, rows.stop, step):
            part = buffer[: min(step, rows.stop - first)]
            file.seek(4 * first * channels * width)
            _read(file, part)
            found[:, first - rows.start : first - rows.start + len(part)] = part[:, :, columns].transpose(1, 0, 2)
        return found[None]

    def _failed(self, error: OSError) -> TooLarge:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "is full" if full else f"cannot be used: {error.strerror}"
        return TooLarge(
            f"the folder for temporary files, {self.folder}, {what}. Name another in the environment variable "
            "TRANSLATE_TEMP, allow more --memory, or use --statistics thumbnail, which needs no files."
        )


def _write(file: Any, values: Values) -> None:
    left = memoryview(values.data).cast("B")
    while left:
        left = left[file.write(left) :]


def _read(file: Any, values: Values) -> None:
    left = memoryview(values.data).cast("B")
    while left:
        count = file.readinto(left)
        if not count:
            raise OSError(errno.EIO, "a temporary file has become shorter")
        left = left[count:]
