"""Where the page keeps visitors' files: one folder, for the life of the process."""

from __future__ import annotations

import atexit
import functools
import secrets
import shutil
import tempfile
from pathlib import Path


@functools.cache
def working_folder() -> Path:
    """The one folder with visitors' files: made for this process, open to its user only, removed at exit."""
    folder = Path(tempfile.mkdtemp(prefix="translate-web-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def new_place(name: str) -> Path:
    """Where a file of that name can be written without meeting another visitor's."""
    folder = working_folder() / secrets.token_hex(16)
    folder.mkdir()
    return folder / name
