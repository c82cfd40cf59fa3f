"""Where the page keeps visitors' files: one folder, for the life of the process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import secrets
import shutil
import tempfile
import time
from pathlib import Path

KEPT_SECONDS = 3600
"""Age at which uploads and results are deleted."""


@functools.cache
def working_folder() -> Path:
    """The one folder with visitors' files: made for this process, open to its user only, removed at exit."""
    folder = Path(tempfile.mkdtemp(prefix="translate-web-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def new_place(name: str) -> Path:
    """Where a file of that name can be written without meeting another visitor's."""
    _sweep()
    folder = working_folder() / secrets.token_hex(16)
    folder.mkdir()
    return folder / name


def _sweep() -> None:
    """Remove folders that have long been empty: Gradio deletes old files, but not what they lie in."""
    for folder in working_folder().iterdir():
        with contextlib.suppress(OSError):  # it holds something, or is gone already
            if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
                folder.rmdir()
