"""What becomes of every kind of picture file: `python -m benchmarks.corpus > docs/FORMATS.md`.

Each file of `benchmarks.odd_files` goes through `translate run`'s own pipeline with a stand-in for a model that
repeats pixels, so that of a result every pixel is known.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.odd_files import OddFile, odd_files
from models.errors import TranslateError
from models.manifest import Manifest
from translate.batch import run
from translate.config import RunConfig
from translate.images import Picture, read_picture
from translate.inference.chain import Chain
from translate.picture import FORMATS
from translate.report import Outcome

LOSSY = 12
"""Mean difference, of 255, that a lossy format may make where it is written again."""

HEAD = """# Kinds of pictures and what becomes of them

Printed by `python -m benchmarks.corpus`; a test holds this page to the program. Every file goes through the whole of
`translate run`. *Converted* means that the result has the format, depth, alpha and pixels that it should have;
*refused* that the file fails with a reason, nothing is written, and the others go on. A file that was cut off is only
converted where all of its pixels are there.

What comes along, beside pixels, alpha and depth:

| format | colour profile | EXIF | XMP | IPTC | texts, comments | resolution | `--palette keep` | mark of origin |
|---|---|---|---|---|---|---|---|---|
| PNG | yes | yes | yes | | yes | yes | yes | XMP |
| JPEG | yes | yes | yes | yes | yes | yes | | XMP |
| WebP | yes | yes | yes | | | | | XMP |
| TIFF | yes | yes | yes | yes | | yes | yes, without alpha | XMP |
| GIF | | | yes | | yes | | yes | XMP |
| BMP | | | | | | yes | yes, without alpha | report |
| TGA | | | | | | | yes, without alpha | report |

EXIF thumbnails are dropped, orientation is applied and reset, sizes are set. Pictures in another colour space than sRGB
are converted for the network and back (relative colorimetric, at 16 bits); what lies outside of sRGB is carried past
it. A profile that cannot be used is kept as it is, and the pixels are taken as sRGB. CMYK and Lab become sRGB. XMP
that cannot be read, or defines entities, is left out.
"""


class Repeat:
    """A model that repeats each pixel."""

    device, why = "test", ""

    def __init__(self, scale: int = 2) -> None:
        self.manifest = Manifest(
            name="repeat", task="super-resolution", source="any", target="any", generator="none", scale=scale
        )

    def batch(self, pictures: Any, /) -> Any:
        scale = self.manifest.scale
        return [picture.repeat(scale, 0).repeat(scale, 1) for picture in pictures]

    def together(self, height: int, width: int) -> int:
        return 4

    def how(self, height: int, width: int) -> str:
        return "in one piece"


@dataclass(frozen=True)
class Found:
    """What became of one file."""

    file: OddFile
    outcome: Outcome
    trouble: str
    """What is wrong with it; empty if all is as it should be."""

    @property
    def converted(self) -> bool:
        return self.outcome.status == "done"


def found(folder: Path, files: list[OddFile]) -> list[Found]:
    """Write the files and convert them in one run."""
    for file in files:
        (folder / "in").mkdir(parents=True, exist_ok=True)
        (folder / "in" / file.name).write_bytes(file.content)
    config = RunConfig(inputs=tuple(folder / "in" / file.name for file in files), model=("repeat",), out=folder / "out")
    outcomes = {outcome.input.name: outcome for outcome in run(config, Chain((Repeat(),))).outcomes}
    return [Found(file, outcomes[file.name], "".join(_troubles(file, outcomes[file.name], folder))) for file in files]


def _troubles(file: OddFile, outcome: Outcome, folder: Path) -> Iterator[str]:
    if outcome.status != "done":
        if outcome.output.exists():
            yield "refused, yet there is a result; "
        if not outcome.reason.startswith(("cannot ", "not enough")) or str(outcome.input) not in outcome.reason:
            yield f"no reason that a user can read: {outcome.reason}; "
        if expected(file) == "converted":
            yield f"should have been converted: {outcome.reason}; "
        return
    if expected(file) == "refused":
        yield "should have been refused; "
    source = folder / "in" / file.name
    if file.whole:
        source = source.with_name("whole-" + file.name)
        source.write_bytes(file.whole)
    with contextlib.suppress(TranslateError):
        yield from _differences(read_picture(source), read_picture(outcome.output))


def _differences(before: Picture, after: Picture) -> Iterator[str]:
    if after.size != (2 * before.size[0], 2 * before.size[1]):
        yield f"{before.size} became {after.size}; "
        return
    if (before.color.dtype, before.format) != (after.color.dtype, after.format):
        yield f"{before.format} {before.color.dtype} became {after.format} {after.color.dtype}; "
    for one, other, word in ((before.color, after.color, "colour"), (before.alpha, after.alpha, "alpha")):
        if (one is None) != (other is None):
            yield f"{word} appeared or went; "
        elif one is not None and other is not None:
            small = other[::2, ::2]
            if small.ndim > one.ndim:
                one = np.dstack([one] * 3)
            apart = np.abs(small.astype(int) - one)
            if word == "colour" and before.alpha is not None:
                apart = apart[before.alpha > 0]
            # with a profile, what lies outside of sRGB is interpolated, not repeated
            loose = not before.lossless or before.icc_profile or before.format in ("GIF", "AVIF", "DDS")
            if apart.size and (apart.mean() * 255 > LOSSY * before.white if loose else apart.max() > 0):
                yield f"{word} differs by {apart.mean():.1f} in the mean; "
    if before.icc_profile != after.icc_profile:
        yield "the profile went; "
    if before.dpi and not (after.dpi and np.allclose(before.dpi, after.dpi, rtol=0.01)):
        yield "the resolution went; "


def expected(file: OddFile) -> str:
    """converted, refused, or either."""
    if file.whole or file.format == "?":
        return "either"
    return "converted" if file.format in FORMATS else "refused"


def table(results: list[Found]) -> str:
    """The page: a row for each kind."""
    rows = ["", "| kind | files | outcome | told |", "|---|---|---|---|"]
    for kind in dict.fromkeys(result.file.kind for result in results):
        of_kind = [result for result in results if result.file.kind == kind]
        counts = Counter("converted" if result.converted else "refused" for result in of_kind)
        cut = any(result.file.whole for result in of_kind)
        outcome = (
            "refused unless whole"
            if cut
            else ", ".join(word if len(counts) == 1 else f"{count} {word}" for word, count in sorted(counts.items()))
        )
        told = dict.fromkeys(notice.partition(" (")[0] for result in of_kind for notice in result.outcome.notices)
        rows.append(f"| {kind} | {len(of_kind)} | {outcome} | {'' if cut else '; '.join(told)} |")
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Print the page; fail if a file is not treated as it should be."""
    with tempfile.TemporaryDirectory() as folder:
        results = found(Path(folder), odd_files())
    print(table(results), end="")
    wrong = [f"{result.file.name}: {result.trouble}" for result in results if result.trouble]
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
