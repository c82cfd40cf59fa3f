"""A server of the page, for as long as something is measured or photographed on it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = "import sys; from translate.cli import main; raise SystemExit(main(['app', *sys.argv[1:]]))"


@contextmanager
def started(*options: str) -> Iterator[tuple[str, int]]:
    """`translate app` with these options: its address and its process."""
    command = [sys.executable, "-c", START, *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            said = next((line for line in server.stderr if "The page is at" in line), "")
            found = re.search(r"http://\S+", said)
            if found is None:
                raise SystemExit("the server did not start.")
            yield found[0], server.pid
        finally:
            server.terminate()
