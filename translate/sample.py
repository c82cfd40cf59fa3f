"""A sample for a model that came without one: a photograph before and after."""

from __future__ import annotations

import contextlib
import io
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import TranslateError

SAMPLE = "sample.png"
CAPTION = 'a photograph before and after ("Chelsea" by Stéfan van der Walt, CC0)'
SIDE = 320
"""Pixels on the long side of either half."""


def make_sample(model: Path) -> bytes:
    """PNG of the photograph, enlarged by repeating its pixels where the model enlarges, and of what becomes of it.

    Raises:
        TranslateError: the model does not run here.
    """
    from translate.inference.translator import Translator

    translator = Translator.open(model)
    scale = translator.manifest.scale
    with (files("export") / "photograph.jpg").open("rb") as file, Image.open(file) as opened:
        before = opened.convert("RGB" if translator.manifest.channels == 3 else "L")
    before.thumbnail((SIDE // scale, SIDE // scale), Image.Resampling.LANCZOS)
    after = Image.fromarray(translator(np.asarray(before)))
    sheet = Image.new(after.mode, (2 * after.width + 8, after.height), "white")
    sheet.paste(before.resize(after.size, Image.Resampling.NEAREST), (0, 0))
    sheet.paste(after, (after.width + 8, 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def keep_sample(model: Path) -> None:
    """Write a sample beside an installed model; none where it does not run here, or where the disk refuses it."""
    from translate.images import write_bytes

    with contextlib.suppress(TranslateError, OSError):
        write_bytes(make_sample(model), model.with_name(SAMPLE))
