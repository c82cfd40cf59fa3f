"""What becomes of colours outside of sRGB: `python -m benchmarks.gamut [--data DIR] [--model NAME]`.

Photographs are taken as Display P3 (the same numbers, so that their vivid colours lie outside of sRGB), shrunk by 4,
enlarged by the model, and compared with themselves, in P3's values: all pixels, and those outside of sRGB; and shrunk
again and compared with what went in, which tells whether colours went off. Three ways:
the numbers given to the network as they are; sRGB there and back; and the same with what sRGB cannot say carried past.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from benchmarks.profiles import P3
from models.errors import TranslateError
from translate.color import in_srgb, space_of
from translate.images import Picture, read_picture
from translate.inference.chain import Chain
from translate.picture import EXTENSIONS, Array

EXAMPLES = Path(__file__).parent.parent / "examples" / "photographs"


def main() -> None:
    """Print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=EXAMPLES, help="folder with photographs")
    options.add_argument("--model", default="texture-x4")
    options.add_argument("--images", type=int, default=20, help="how many of them")
    arguments = options.parse_args()
    chain = Chain.open([arguments.model], "cpu")
    space, trouble = space_of(Picture(color=np.zeros((1, 1, 3), np.uint8), icc_profile=P3))
    assert space is not None, trouble
    ways = {"as they are": (None, 1.0), "sRGB and back": (space, 0.0), "and carried past": (space, 1.0)}
    errors: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for truth in _pictures(arguments.data, arguments.images):
        small = cv2.resize(truth, None, fx=1 / 4, fy=1 / 4, interpolation=cv2.INTER_AREA)
        wide = truth.astype(np.uint16) * 257
        outside = np.abs(space.from_srgb(space.to_srgb(wide)).astype(int) - wide).max(-1) > 257
        for way, (known, kept) in ways.items():
            (made,) = in_srgb([small], known, chain.batch, kept)
            apart = (made.astype(float) - truth) ** 2
            again = cv2.resize(made, small.shape[1::-1], interpolation=cv2.INTER_AREA).astype(float)
            vivid = cv2.resize(outside.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
            outer = (apart[outside].mean(), np.abs(again - small)[vivid].mean()) if vivid.any() else (np.nan, np.nan)
            errors[way].append((apart.mean(), *outer))
    print("| colours outside of sRGB | PSNR, all pixels | there | colour there off by, of 255 |\n|---|---|---|---|")
    for way, found in errors.items():
        mean = [float(np.nanmean(column)) for column in zip(*found, strict=True)]
        everywhere, outer = (10 * np.log10(255**2 / value) for value in mean[:2])
        print(f"| {way} | {everywhere:.2f} dB | {outer:.2f} dB | {mean[2]:.2f} |")


def _pictures(folder: Path, most: int) -> list[Array]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in EXTENSIONS and len(found) < most:
            try:
                color = read_picture(path).color
            except TranslateError:
                continue
            if color.ndim == 3 and color.dtype == np.uint8 and min(color.shape[:2]) >= 64:
                height, width = (min(512, side) // 4 * 4 for side in color.shape[:2])
                found.append(color[:height, :width])
    return found


if __name__ == "__main__":
    main()
