"""A visitor's zip, unpacked where it can do no harm; and single files beside it."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from models.errors import BadPicture, TooLarge
from translate.picture import EXTENSIONS

MAX_RATIO = 100
"""Bytes unpacked / bytes of the zip, at most, where it unpacks to more than `FREE_BYTES`: pictures hardly shrink."""
FREE_BYTES = 50_000_000
LIMIT = "that is this server's limit."


def gather(uploads: Iterable[Path], into: Path, max_files: int) -> list[str]:
    """Copy pictures, and unpack zips, into a folder.

    Returns:
        Names of what was left out, since they are not those of pictures.
    Raises:
        BadPicture: a zip that is damaged, or that is made to write elsewhere.
        TooLarge: more than `max_files` files, or a zip that unpacks to far more than its size.
    """
    count = 0
    others: list[str] = []
    for upload in uploads:
        if upload.suffix.lower() == ".zip":
            taken, left = _unpack(upload, into, max_files - count)
            count += taken
            others += left
        elif upload.suffix.lower() in EXTENSIONS:
            count += 1
            shutil.copyfile(upload, _free_name(into / upload.name))
        else:
            others.append(upload.name)
        if count > max_files:
            raise TooLarge(f"more than {max_files:,} files; {LIMIT}")
    return others


def _free_name(path: Path) -> Path:
    """The path, or the first of `name (2).png`, `name (3).png` ... that is free."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def _unpack(archive: Path, into: Path, max_files: int) -> tuple[int, list[str]]:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [(entry, _place(entry, archive.name)) for entry in opened.infolist() if not entry.is_dir()]
            _bound([entry for entry, _ in entries], archive, max_files)
            pictures = [(entry, place) for entry, place in entries if place.suffix.lower() in EXTENSIONS]
            for entry, place in pictures:
                target = into / place
                target.parent.mkdir(parents=True, exist_ok=True)
                # "x": an entry never meets the file of another
                with opened.open(entry) as source, target.open("xb") as copy:
                    shutil.copyfileobj(source, copy)
            kept = {place for _, place in pictures}
            return len(pictures), [place.as_posix() for _, place in entries if place not in kept]
    except FileExistsError as error:
        raise BadPicture(f"cannot open {archive.name}: it holds {Path(error.filename).name} twice.") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BadPicture(f"cannot open {archive.name}: it is damaged or of a kind not known here ({error}).") from None


def _place(entry: zipfile.ZipInfo, archive: str) -> Path:
    """Where an entry lies, below the folder that it is unpacked into.

    Raises:
        BadPicture: elsewhere, or it is a link, or encrypted.
    """
    name = entry.filename.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise BadPicture(f"cannot open {archive}: {entry.filename!r} in it would lie outside of its folder.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise BadPicture(f"cannot open {archive}: {entry.filename!r} in it is a symbolic link; pack the file itself.")
    if entry.flag_bits & 1:
        raise BadPicture(f"cannot open {archive}: it is encrypted.")
    return Path(*parts)


def _bound(entries: list[zipfile.ZipInfo], archive: Path, max_files: int) -> None:
    if len(entries) > max_files:
        raise TooLarge(f"{archive.name} holds {len(entries):,} files; {max_files:,} more are taken; {LIMIT}")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max(FREE_BYTES, MAX_RATIO * archive.stat().st_size):
        raise TooLarge(f"{archive.name} would unpack to {unpacked:,} bytes, over {MAX_RATIO} times its size; {LIMIT}")
