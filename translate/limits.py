"""Limits that several parts share. Imports nothing, so that the command line can show them at once."""

from __future__ import annotations

MAX_PIXELS = 400_000_000
"""Most pixels of a picture, and of a result."""
TILE = 512
"""Largest side, in input pixels, that is computed in one piece where the model allows tiles."""
MIN_TILE = 32
"""Smallest TILE that can be asked for; below it, most of the work is context."""
QUALITY = 95
"""Of lossy formats, 1 to 100."""
PNG_EFFORT = 1
"""Of 0 (the fastest PNG) to 9 (the smallest): `python -m benchmarks.encoders` prints what each costs."""
