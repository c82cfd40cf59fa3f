"""A contact sheet: pairs of before and after, at the pixels that they have."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from models.errors import TranslateError
from translate.images import read_picture, write_bytes
from translate.picture import Picture
from translate.report import Outcome, Report

CELL = 256
GAP = 12
CAPTION = 22
COLUMNS = 3
MOST = 60
"""Pairs on a sheet; of more, this many from evenly over the run."""
BACKGROUND, INK = (34, 36, 40), (220, 222, 226)
CHECKS = (104, 152)
MARK = ("translate-images", "overview")
"""Text in a sheet's file by which a later run knows it."""


def write_overview(report: Report, path: Path, max_pixels: int) -> None:
    """Write a PNG sheet of what was converted, or was there already; none if there is nothing to show.

    Pairs show the same part, the middle of large pictures: before with enlarged pixels, after as it is.

    Raises:
        BadPicture: the disk refuses it.
    """
    shown = [outcome for outcome in report.outcomes if outcome.status != "failed"]
    places = np.unique(np.linspace(0, len(shown) - 1, MOST).round().astype(int)) if shown else ()
    pairs = [pair for place in places if (pair := _pair(shown[place], max_pixels))]
    if not pairs:
        return
    names = _short_names([outcome.input for outcome, _, _ in pairs])
    columns = min(COLUMNS, len(pairs))
    rows = -(-len(pairs) // columns)
    width, height = 2 * CELL + 2 * GAP, CELL + CAPTION + GAP
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (name, (_, before, after)) in enumerate(zip(names, pairs, strict=True)):
        x, y = GAP + index % columns * width, GAP + index // columns * height
        sheet.paste(before, (x, y))
        sheet.paste(after, (x + CELL + GAP // 2, y))
        sizes = f"{before.info['size']} to {after.info['size']}"
        room = 2 * CELL - int(draw.textlength(sizes, font)) - GAP
        draw.text((x, y + CELL + 3), _fitting(name, room, font), INK, font)
        draw.text((x + 2 * CELL + GAP // 2, y + CELL + 3), sizes, INK, font, anchor="ra")
    buffer = io.BytesIO()
    info = PngInfo()
    info.add_text(*MARK)
    sheet.save(buffer, format="PNG", compress_level=3, pnginfo=info)
    write_bytes(buffer.getvalue(), path)


def is_overview(path: Path) -> bool:
    """Whether a file is a sheet of ours, as far as its beginning can be read."""
    try:
        with path.open("rb") as file:
            return b"tEXt" + "\0".join(MARK).encode() in file.read(128)
    except OSError:
        return False


def _pair(outcome: Outcome, max_pixels: int) -> tuple[Outcome, Image.Image, Image.Image] | None:
    try:
        before, after = read_picture(outcome.input, max_pixels), read_picture(outcome.output, max_pixels)
    except TranslateError:
        return None  # it was there already and belongs to somebody else
    scale = max(1, after.size[0] // before.size[0])
    side = max(1, CELL // scale)
    factor = max(1, CELL // max(after.size))
    return outcome, _cell(before, side, factor * scale), _cell(after, side * scale, factor)


def _cell(picture: Picture, side: int, factor: int) -> Image.Image:
    """The middle of a picture, at most `side` pixels a side, each `factor` times as large, over checks."""
    size = f"{picture.size[0]} x {picture.size[1]}"
    left, top = (max(0, (length - side) // 2) for length in picture.size)
    part = np.s_[top : top + side, left : left + side]
    color = (picture.color[part] / (picture.white / 255)).round()
    color = np.dstack([color] * 3) if color.ndim == 2 else color
    cover = np.ones(color.shape[:2]) if picture.alpha is None else picture.alpha[part] / picture.white
    color, cover = (np.repeat(np.repeat(a, factor, 0), factor, 1) for a in (color, cover))
    rows, columns = np.indices(cover.shape) // 8 % 2
    checks = np.where(rows == columns, *CHECKS)[..., None]
    pixels = cover[..., None] * color + (1 - cover[..., None]) * checks
    cell = Image.new("RGB", (CELL, CELL), BACKGROUND)
    height, width = cover.shape
    image = Image.fromarray(pixels.round().astype(np.uint8))
    cell.paste(image, ((CELL - width) // 2, (CELL - height) // 2))
    cell.info["size"] = size
    return cell


def _short_names(paths: list[Path]) -> list[str]:
    """Paths without the folders that all have in common, as text that can be drawn."""
    places = [path.absolute() for path in paths]
    try:
        common = os.path.commonpath([place.parent for place in places])
        places = [place.relative_to(common) for place in places]
    except ValueError:  # on several drives
        places = paths
    return [os.fsencode(place).decode(errors="replace") for place in places]


def _fitting(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The end of a text that fits into a width."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("…" + text) > width:
        text = text[1:]
    return "…" + text
