"""One picture through a pipe: standard input or a file to standard output, and nothing else there."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import IO, Literal

from models.errors import BadPicture, TooLarge, UsageError
from translate.batch import OnOpen, opened_chain
from translate.config import RunConfig
from translate.convert import translate_picture
from translate.folders.manner import Manner
from translate.images import encode_picture, read_picture

BYTES_OF_PIXEL = 8
"""Most bytes that are read for each pixel that is allowed; files take fewer."""


class _Input:
    """Standard input as a source."""

    def __init__(self, most: int) -> None:
        self._most = most

    def open(self, mode: Literal["rb"], /) -> IO[bytes]:
        if sys.stdin is None or sys.stdin.isatty():
            raise BadPicture("it is a terminal; send a picture into it: translate run - -o - < a.png > b.png")
        content = sys.stdin.buffer.read(self._most + 1)
        if len(content) > self._most:
            raise TooLarge(f"more than {self._most:,} bytes came; raise --max-pixels if it is meant.")
        return io.BytesIO(content)

    def __str__(self) -> str:
        return "standard input"


def pipe(config: RunConfig, on_open: OnOpen) -> None:
    """Translate one picture to standard output, in its own format.

    Raises:
        TranslateError: it cannot be read, translated or encoded; nothing was written.
    """
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError("standard output is a terminal; send the result into a file: -o - > b.png")
    place = config.inputs[0]
    if place != Path("-") and not place.is_file():
        raise UsageError(f"-o - writes one picture, and {place} is none; name a file.")
    source = _Input(max(2**26, BYTES_OF_PIXEL * config.max_pixels)) if place == Path("-") else place
    manner = Manner.of(config)
    picture = manner.before(read_picture(source, config.max_pixels), str(place))
    chain = opened_chain(config)
    manner.treatment.check(chain)
    on_open(chain, 1)
    result = manner.after(translate_picture(picture, chain), chain)
    sys.stdout.buffer.write(encode_picture(result, "standard output", manner.options))
    sys.stdout.buffer.flush()
