"""A contact sheet of training pictures: those with a problem first, then others evenly from the set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from translate.images import write_bytes
from translate.training.check import DataReport, Look
from translate.training.pixels import load_rgb

VIEW = 112
"""Height of a picture on the sheet, in pixels, or half of its width where that is more."""
MOST = 60
COLUMNS = 6
GAP, CAPTION = 8, 30
BACKGROUND, INK, ALARM = (34, 36, 40), (220, 222, 226), (255, 120, 100)


def view(look: Look) -> Image.Image:
    """The picture as the sheet shows it, read again: of thousands that were looked at it has room for few."""
    image = Image.fromarray(load_rgb(look.file))
    image.thumbnail((2 * VIEW, VIEW))
    return image


def write_sheet(report: DataReport, looks: Sequence[Look], path: Path) -> None:
    """Write the sheet as PNG; an older one is replaced.

    Raises:
        BadPicture: the disk refuses it.
        DataError: a picture cannot be read any more.
    """
    wrong: dict[str, str] = {}
    for problem in report.problems:
        for file in problem.files:
            wrong.setdefault(file, problem.kind)
    marked = [look for look in looks if str(look.file) in wrong][:MOST]
    plain = [look for look in looks if str(look.file) not in wrong]
    room = min(MOST - len(marked), len(plain))
    places = np.unique(np.linspace(0, len(plain) - 1, room).round().astype(int)) if room else ()
    shown = [*marked, *(plain[place] for place in places)]
    views = [view(look) for look in shown]
    width = max(image.width for image in views) + GAP
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(shown)) * width + GAP, rows * (VIEW + CAPTION) + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, (look, image) in enumerate(zip(shown, views, strict=True)):
        x, y = GAP + number % COLUMNS * width, GAP + number // COLUMNS * (VIEW + CAPTION)
        sheet.paste(image, (x, y))
        name = look.file.name
        while draw.textlength(name, font) > width - GAP and len(name) > 1:
            name = name[:-2].rstrip("…") + "…"
        draw.text((x, y + VIEW), name, INK, font)
        kind = wrong.get(str(look.file), "")
        draw.text((x, y + VIEW + 12), kind or f"{look.width} x {look.height}", ALARM if kind else INK, font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(buffer.getvalue(), path)
