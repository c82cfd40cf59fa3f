"""How often the detector of seamless textures is right.

    python -m benchmarks.seamless --data DIR

DIR holds folders of pictures. Files whose name has an even checksum were used to choose the detector's thresholds;
only the others are counted. What tiles is known of none of them for sure: floors and wall textures of games mostly do,
sprites and photographs do not, and a cut-out of a texture does not unless its pattern repeats within it, or is grain.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from models.errors import TranslateError
from translate.images import Picture, read_picture
from translate.picture import EXTENSIONS
from translate.seamless import tiles


@dataclass(frozen=True)
class Settings:
    """Count what is taken for seamless."""

    data: Path
    """Folder of folders of pictures, searched in depth."""
    depth: int = 3
    """Folders below this many levels count as one."""
    tuning: bool = False
    """Count the files that the thresholds were chosen on instead."""


def cut_out(picture: Picture) -> Picture:
    """Three quarters of a picture along each axis, from a place that its size and content choose."""
    height, width = picture.color.shape[:2]
    chance = np.random.default_rng(zlib.crc32(np.ascontiguousarray(picture.color).tobytes()))
    top, left = int(chance.integers(1, max(2, height // 4))), int(chance.integers(1, max(2, width // 4)))
    part = (slice(top, top + height * 3 // 4), slice(left, left + width * 3 // 4))
    return picture.replace(color=picture.color[part], alpha=None if picture.alpha is None else picture.alpha[part])


def main(settings: Settings) -> None:
    """Print the table."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for file in sorted(settings.data.rglob("*")):
        if file.suffix.lower() not in EXTENSIONS or (zlib.crc32(file.name.encode()) % 2 == 0) != settings.tuning:
            continue
        try:
            picture = read_picture(file)
        except TranslateError:
            continue
        folder = "/".join(file.parent.relative_to(settings.data).parts[: settings.depth])
        kind = "with alpha" if picture.alpha is not None else "opaque"
        for what, shown in ((kind, picture), (f"{kind}, cut out", cut_out(picture))):
            count = counts.setdefault((folder, what), Counter())
            x, y = tiles(shown.color, shown.alpha)
            count.update({"files": 1, "x": x, "y": y, "both": x and y})
    table = Table("folder", "pictures", "count", "in x", "in y", "in both", title="taken for seamless")
    for (folder, what), count in sorted(counts.items()):
        files = count["files"]
        table.add_row(folder, what, str(files), *(f"{count[key] / files:.1%}" for key in ("x", "y", "both")))
    Console(width=120).print(table)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
