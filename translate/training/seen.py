"""Which pictures a model has seen: in its Manifest, so that it is not measured with them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

KEPT = 512
"""Most fingerprints in a Manifest, the smallest ones: of more pictures, some of a folder are known all the same."""
BYTES = 6
"""Of a fingerprint: two of a million pictures differ, as good as certainly."""


def fingerprint(file: Path) -> bytes:
    """The first bytes of a file's SHA-256; none of a file that cannot be read, which no model has seen, either."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()[:BYTES]
    except OSError:
        return b""


def fingerprints(files: Iterable[Path]) -> str:
    """What a Manifest keeps of pictures: the smallest fingerprints, in base64."""
    return _kept(found for file in files if (found := fingerprint(file)))


def merged(one: str, other: str) -> str:
    """What is kept of two sets together, from what is kept of each."""
    return _kept([*_parts(one), *_parts(other)])


def find_seen(kept: str, files: Iterable[Path]) -> list[Path]:
    """Those of the files whose fingerprints are among the kept ones."""
    known = set(_parts(kept))
    return [file for file in files if fingerprint(file) in known] if known else []


def _kept(prints: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(sorted(set(prints))[:KEPT])).decode()


def _parts(kept: str) -> list[bytes]:
    data = base64.b64decode(kept)
    return [data[start : start + BYTES] for start in range(0, len(data), BYTES)]
