"""A server of the page, for as long as something is measured or photographed on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = "import sys; from translate.cli import main; raise SystemExit(main(['app', *sys.argv[1:]]))"


@contextmanager
def started(*options: str, models: Path | None = None) -> Iterator[tuple[str, int]]:
    """`translate app` with these options: its address and its process.

    Args:
        models: folder of the user's own models; as on this machine if not given.
    """
    command = [sys.executable, "-c", START, *options]
    environment = os.environ | ({"TRANSLATE_MODELS": str(models)} if models else {})
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            said = next((line for line in server.stderr if "The page is at" in line), "")
            found = re.search(r"http://\S+", said)
            if found is None:
                raise SystemExit("the server did not start.")
            yield found[0], server.pid
        finally:
            server.terminate()
