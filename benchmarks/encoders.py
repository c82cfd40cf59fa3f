"""Speed and size of PNG: every `--png-effort`, and Pillow for comparison, on a folder of pictures.

    python -m benchmarks.encoders --data DIR [--pictures 24] [--enlarge 1] [--rounds 3]

Prints, for each, megapixels a second on one core and bytes of the file / bytes of the pixels. `--enlarge 4` measures
what super-resolution writes: pictures four times larger, and smooth.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from translate.encode import encode
from translate.formats.options import EncodingOptions
from translate.images import read_picture
from translate.picture import EXTENSIONS, Picture


def pictures(folder: Path, count: int, enlarge: int) -> list[Any]:
    """RGB pictures, evenly chosen out of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    chosen = files[:: max(1, len(files) // count)][:count]
    found = []
    for path in chosen:
        color = read_picture(path).color
        color = color if color.ndim == 3 else np.dstack([color] * 3)
        found.append(cv2.resize(color, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC))
    return found


def by_effort(effort: int) -> Callable[[Any], int]:
    options = EncodingOptions(png_effort=effort)
    return lambda color: len(encode(Picture(color=color), options))


def by_pillow(level: int) -> Callable[[Any], int]:
    def size(color: Any) -> int:
        buffer = io.BytesIO()
        Image.fromarray(color).save(buffer, "PNG", compress_level=level)
        return buffer.tell()

    return size


def by_opencv(color: Any) -> int:
    return len(cv2.imencode(".png", np.ascontiguousarray(color[..., ::-1]))[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--enlarge", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    settings = parser.parse_args()
    cv2.setNumThreads(1)
    colors = pictures(settings.data, settings.pictures, settings.enlarge)
    megapixels = sum(color.shape[0] * color.shape[1] for color in colors) / 1e6
    raw = sum(color.nbytes for color in colors)
    ways = {f"--png-effort {effort}": by_effort(effort) for effort in range(10)}
    ways |= {"OpenCV as it comes": by_opencv} | {f"Pillow, level {level}": by_pillow(level) for level in (1, 6, 9)}
    seconds = dict.fromkeys(ways, float("inf"))
    sizes = dict.fromkeys(ways, 0)
    for _ in range(settings.rounds):  # by turns, so that a busy machine slows all alike
        for name, size in ways.items():
            start = time.process_time()
            sizes[name] = sum(size(color) for color in colors)
            seconds[name] = min(seconds[name], time.process_time() - start)
    print(f"{len(colors)} pictures, {megapixels:.1f} megapixels")
    print(f"{'':20} {'MP/s':>6} {'size':>6}")
    for name in ways:
        print(f"{name:20} {megapixels / seconds[name]:6.1f} {sizes[name] / raw:6.3f}")


if __name__ == "__main__":
    main()
