"""Folders of compiled models, which may be thrown away at any time: the next start is slower, no more."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs

MOST_BYTES = 2_000_000_000
"""Above this, a kind's oldest files go."""


def cache_folder(kind: str, most_bytes: int = MOST_BYTES) -> Path | None:
    """A folder for one kind of compiled models, pruned: in $TRANSLATE_CACHE, or this user's cache.

    Returns:
        None where it cannot be written, or $TRANSLATE_CACHE is empty: keep nothing.
    """
    own = os.environ.get("TRANSLATE_CACHE")
    if own == "":
        return None
    folder = (Path(own) if own else platformdirs.user_cache_path("translate-images", appauthor=False)) / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prune(folder, most_bytes)
    except OSError:
        return None
    return folder


def prune(folder: Path, most_bytes: int) -> None:
    """Delete the files that were used longest ago until the rest fits."""
    files = []
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another process prunes too
            status = path.stat()
            if path.is_file():
                files.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= most_bytes:
            break
        with contextlib.suppress(OSError):  # in use, on Windows
            path.unlink()
        total -= size
