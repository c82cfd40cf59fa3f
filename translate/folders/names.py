"""What results are called, and when two names mean one file. Imports nothing large: the settings are checked here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from string import Formatter

from models.errors import ConfigError

FIELDS = ("stem", "ext", "model", "scale", "parent")
"""What a template for names may hold."""
MOST_BYTES = 255
"""Longest name that file systems hold."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def check_template(template: str) -> None:
    """Hold a template such as '{stem}_{model}{ext}' to its rules.

    Raises:
        ConfigError: an unknown field, no {ext} at the end, or names that would be hidden or lie in other folders.
    """
    known = ", ".join(f"{{{field}}}" for field in FIELDS)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"--name {template!r} is no template ({error}); it may hold {known}.") from None
    for _, field, form, conversion in parts:
        if field is not None and (field not in FIELDS or form or conversion):
            raise ConfigError(f"--name {template!r} has an unknown field {{{field}}}; known are {known}.")
    if not template.endswith("{ext}") or len(template) == len("{ext}"):
        raise ConfigError(f"--name {template!r} must be a name ending in {{ext}}, as {{stem}}_{{model}}{{ext}} does.")
    if re.search(r"[/\\\0]", template) or template.startswith("."):
        raise ConfigError(f"--name {template!r} must name files in the folder that they are in, and hide none.")


def result_name(template: str, source: Path, model: str, scale: str, extension: str | None = None) -> str:
    """The name of a result, whatever its length.

    Args:
        source: the picture's file, of which name and folder count.
        model, scale: what {model} and {scale} stand for.
        extension: of the result, '.png', if it is not the picture's own.
    """
    return template.format(
        stem=source.stem,
        ext=source.suffix if extension is None else extension,
        model=model,
        scale=scale,
        parent=source.parent.name or source.absolute().parent.name,
    )


def model_words(models: Sequence[str]) -> str:
    """Models as part of a file's name: 'day2night+texture-x4'."""
    names = (Path(model).stem if model.endswith(".onnx") else Path(model).name for model in models)
    return "+".join(re.sub(r'[<>:"/\\|?*]', "_", name) for name in names)


def safe_name(name: str, *, most: int = MOST_BYTES, windows: bool = sys.platform == "win32") -> str:
    """The name itself if a file can have it, else the nearest that it can have; different names stay different."""
    safe = name
    if windows:
        safe = _FORBIDDEN.sub("_", safe)
        safe = safe.rstrip(" .") or "_"
        if _RESERVED.fullmatch(safe):
            stem, dot, rest = safe.partition(".")
            safe = f"{stem}_{dot}{rest}"
    if len(os.fsencode(safe)) <= most:
        return safe
    mark = "~" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    extension = Path(safe).suffix
    if len(os.fsencode(extension)) > 16:
        extension = ""
    short = os.fsencode(safe.removesuffix(extension))[: most - len(mark) - len(os.fsencode(extension))]
    return short.decode(errors="ignore") + mark + extension


def longest_name(folder: Path) -> int:
    """Bytes that a name may have in a folder that is there."""
    try:
        return min(MOST_BYTES, os.pathconf(folder, "PC_NAME_MAX"))
    except (AttributeError, ValueError, OSError):  # Windows has no pathconf
        return MOST_BYTES


def identity(path: Path) -> str:
    """The same text for the same file: by what is there, else by the name."""
    with contextlib.suppress(OSError):
        there = path.stat()
        # Hard links are files of their own here: replacing one leaves the others alone.
        if there.st_ino and (stat.S_ISDIR(there.st_mode) or there.st_nlink == 1):
            return f"{there.st_dev}:{there.st_ino}"
    name = os.path.normcase(path.resolve())
    return unicodedata.normalize("NFC", name).casefold() if sys.platform == "darwin" else name
