"""Pairs of pictures that a .csv file lists."""

from __future__ import annotations

import csv
from pathlib import Path

from models.errors import DataError
from translate.training.pixels import SUFFIXES


def read_pairs(path: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Two columns of paths, relative to the file; a first line that names no files is its header.

    Raises:
        DataError: it cannot be read, or not so; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}.") from None
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    pairs: list[tuple[Path, Path]] = []
    for number, row in enumerate(csv.reader(text.splitlines(), dialect), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != 2 or not all(cells):
            raise DataError(f"{path}, line {number}: two paths are needed, input and target, not {len(row)} columns.")
        two = path.parent / cells[0], path.parent / cells[1]
        missing = [file for file in two if not file.is_file()]
        if len(missing) == 2 and number == 1 and not any(Path(cell).suffix.lower() in SUFFIXES for cell in cells):
            continue  # the header
        if missing:
            raise DataError(f"{path}, line {number}: there is no file {missing[0]}.")
        pairs.append(two)
    if not pairs:
        raise DataError(f"{path} lists no pairs.")
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)
