"""Pictures that a user would have, cut out of the pictures in a folder."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

SIDES = (32, 40, 48, 64)
PER_FOLDER = 33


def dice() -> random.Random:
    """The same throws every time."""
    return random.Random(0)  # noqa: S311


def load(data: Path, least: int) -> list[Image.Image]:
    """Pictures of at least so many pixels a side."""
    found = []
    for path in sorted(data.rglob("*")):
        if path.suffix.lower() in (".png", ".jpg") and path.is_file():
            with Image.open(path) as image:
                if min(image.size) >= least:
                    has_alpha = image.mode in ("RGBA", "LA") or "transparency" in image.info
                    found.append(image.convert("RGBA" if has_alpha else "RGB"))
        if len(found) >= 1500:
            break
    if not found:
        raise SystemExit(f"no pictures of {least} pixels a side in {data}.")
    return found


def textures(data: Path, count: int, target: Path) -> None:
    """Write `count` cuttings, some dozens to a folder."""
    chance, pictures = dice(), load(data, max(SIDES))
    for number in range(count):
        picture = chance.choice(pictures)
        width, height = chance.choice(SIDES), chance.choice(SIDES)
        left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        place = target / f"{number // PER_FOLDER:03}" / f"{number:05}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture.crop((left, top, left + width, top + height)).save(place)
