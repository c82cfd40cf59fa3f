"""A contact sheet of training pictures: those with a problem first, then others evenly from the set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from translate.images import write_bytes
from translate.training.check import VIEW, DataReport, Look

MOST = 60
COLUMNS = 6
GAP, CAPTION = 8, 30
BACKGROUND, INK, ALARM = (34, 36, 40), (220, 222, 226), (255, 120, 100)


def write_sheet(report: DataReport, looks: Sequence[Look], path: Path) -> None:
    """Write the sheet as PNG; an older one is replaced.

    Raises:
        BadPicture: the disk refuses it.
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
    width = max(look.view.shape[1] for look in shown) + GAP
    rows = -(-len(shown) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(shown)) * width + GAP, rows * (VIEW + CAPTION) + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, look in enumerate(shown):
        x, y = GAP + number % COLUMNS * width, GAP + number // COLUMNS * (VIEW + CAPTION)
        sheet.paste(Image.fromarray(look.view), (x, y))
        name = look.file.name
        while draw.textlength(name, font) > width - GAP and len(name) > 1:
            name = name[:-2].rstrip("…") + "…"
        draw.text((x, y + VIEW), name, INK, font)
        kind = wrong.get(str(look.file), "")
        draw.text((x, y + VIEW + 12), kind or f"{look.width} x {look.height}", ALARM if kind else INK, font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(buffer.getvalue(), path)
