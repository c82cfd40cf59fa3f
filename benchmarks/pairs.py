"""Pairs of pictures that are made: what belongs together, and where it is written for `translate train pix2pix`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from translate.training.layout import list_pictures
from translate.training.pixels import Pixels


def days_and_nights(days: Path, nights: Path) -> list[tuple[Path, Path]]:
    """Each day, and what a model made of it, by the same name.

    Raises:
        SystemExit: a day has none.
    """
    by_day, by_night = ({file.stem: file for file in list_pictures(place)} for place in (days, nights))
    if missing := sorted(by_day.keys() - by_night.keys()):
        raise SystemExit(f"{nights} holds no night of {missing[0]}: translate all of {days} first.")
    return [(day, by_night[name]) for name, day in by_day.items()]


def write_pair(out: Path, name: str, source: Pixels, target: Pixels) -> None:
    """As `name`.png in the folders input and target of `out`."""
    for kind, picture in (("input", source), ("target", target)):
        (out / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(out / kind / f"{name}.png")
