"""How much memory there is, and how it is shared out."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

UNKNOWN = 4 * 2**30
"""Bytes that are taken to be free where the system does not say: an 8 GB machine with other programs on it."""
MIN_MEMORY = 64 * 2**20
"""Smallest budget, in bytes, that can be asked for."""


def available(root: Path = Path("/")) -> int:
    """Bytes that this process can still take without swapping: the system's, within its control group's.

    On Linux what the kernel says; elsewhere half of the installed memory, or `UNKNOWN` bytes.
    """
    try:
        text = (root / "proc/meminfo").read_text()
        found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
        free = int(found[1]) * 1024 if found else UNKNOWN
    except OSError:
        free = _installed() // 2
    return max(min([free, *_groups(root)]), MIN_MEMORY)


def _installed() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 2 * UNKNOWN


def _groups(root: Path) -> list[int]:
    """What the control groups of version 2 and 1 leave; a container sees its own as the root."""
    folder = root / "sys/fs/cgroup"
    left = []
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            most, now = (folder / limit).read_text().strip(), int((folder / used).read_text())
            reclaimable = _cache((folder / used).parent / "memory.stat")
        except (OSError, ValueError):
            continue
        if most.isdecimal():
            left.append(max(int(most) - now + reclaimable, 0))
    return left


def _cache(statistics: Path) -> int:
    """Bytes of files that the kernel drops when programs need the memory."""
    found = re.search(r"^(?:total_)?inactive_file (\d+)$", statistics.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def temporary_folder() -> Path:
    """Where large temporary files go: TRANSLATE_TEMP, else TMPDIR, else the system's folder for lasting ones.

    /tmp itself is often kept in memory, which is what such files are to save.
    """
    for name in ("TRANSLATE_TEMP", "TMPDIR"):
        if os.environ.get(name):
            return Path(os.environ[name])
    lasting = Path("/var/tmp")  # noqa: S108  files in it have no name
    return lasting if os.access(lasting, os.W_OK) else Path(tempfile.gettempdir())
