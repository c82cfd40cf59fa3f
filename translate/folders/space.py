"""How much room results take, estimated from the headers of some pictures, and whether there is as much."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from models.errors import TranslateError
from translate.picture import FORMATS
from translate.plan import Job
from translate.report import amount

SAMPLE = 200
"""Pictures, from evenly over the plan, whose headers are read."""
BYTES = {"PNG": 0.6, "TIFF": 0.6, "WEBP": 0.35, "JPEG": 0.2, "MPO": 0.2, "GIF": 0.25, "AVIF": 0.1}
"""Bytes that one value of a pixel takes in a file, of pictures with much detail; 1 where it is not packed."""
CHANNELS = {"L": 1, "LA": 2, "1": 1, "P": 3, "RGBA": 4, "PA": 4, "I;16": 2, "CMYK": 3}
"""Values of a pixel in a result, by Pillow's modes; 3 otherwise."""


class NoRoom(TranslateError):
    """The results do not fit on the disk."""


def estimate(jobs: Sequence[Job], scale: float, max_pixels: int) -> int:
    """Bytes that the results will take, roughly; never exact, for nothing was computed.

    Args:
        scale: side of results / side of pictures.
        max_pixels: pictures and results with more are refused, and take nothing.
    """
    step = max(1, len(jobs) // SAMPLE)
    sample = jobs[::step]
    known = [(size, job.size) for job in sample if (size := _result_bytes(job, scale, max_pixels)) is not None]
    before = sum(size for _, size in known)
    total = sum(job.size for job in jobs)
    if not before:
        return round(total * scale**2)
    return round(total * sum(size for size, _ in known) / before)


def _result_bytes(job: Job, scale: float, max_pixels: int) -> float | None:
    try:
        with job.place.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            pixels = image.width * image.height * max(scale, 1) ** 2
            if pixels > max_pixels:
                return 0.0
            values = image.width * image.height * scale**2 * CHANNELS.get(image.mode, 3)
            return values * BYTES.get(str(image.format), 1.0)
    except Exception:  # noqa: BLE001  whatever is wrong with it is told when its turn comes
        return None


def free(folder: Path) -> int:
    """Bytes that are free where a folder is or will be."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def check_room(jobs: Sequence[Job], scale: float, folder: Path, max_pixels: int) -> None:
    """Say beforehand if the results will not fit.

    Raises:
        NoRoom: they will not, by the estimate.
    """
    needed, left = estimate(jobs, scale, max_pixels), free(folder)
    if needed > left:
        raise NoRoom(
            f"{len(jobs):,} results need about {amount(needed)}, and where {folder} is {amount(left)} are free; "
            "make room, name another folder with -o, or go ahead with --no-check-space."
        )
