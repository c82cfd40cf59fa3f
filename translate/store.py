"""Names of installed models -> their files."""

from __future__ import annotations

import importlib.resources
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from models.errors import BadModelFile, BadPicture, ConfigError, TranslateError, UnknownModel, UsageError
from models.manifest import Manifest
from translate.inference.model_file import check_model, read_manifest

FILE_NAME = "model.onnx"
MAX_NAME_BYTES = 100

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices, to Windows, whatever follows


@dataclass(frozen=True)
class InstalledModel:
    """One model that can be named; `manifest` is None where the file is broken, and `problem` says why."""

    name: str
    path: Path
    manifest: Manifest | None
    origin: Literal["shipped", "user"]
    problem: str = ""


def user_folder() -> Path:
    """Where own models live: $TRANSLATE_MODELS, or this user's data folder."""
    own = os.environ.get("TRANSLATE_MODELS")
    return Path(own) if own else platformdirs.user_data_path("translate-images", appauthor=False) / "models"


def shipped_folder() -> Path:
    """Where the models that came with the application live."""
    return Path(str(importlib.resources.files("models") / "pretrained"))


def list_models() -> list[InstalledModel]:
    """All installed models by name; an own model hides a shipped one of the same name."""
    return [_describe(name, path, origin) for name, (path, origin) in sorted(_files().items())]


def find_model(name_or_path: str | Path) -> Path:
    """The file of an installed model's name, or the path that was given.

    Raises:
        UnknownModel: no such name; names the near ones.
        UsageError: a path where no file is.
    """
    given = str(name_or_path)
    files = _files()
    if isinstance(name_or_path, str) and given in files:
        return files[given][0]
    path = Path(given)
    if path.is_file():
        return path
    if isinstance(name_or_path, Path) or len(path.parts) > 1 or path.suffix == ".onnx":
        raise UsageError(f"there is no model file at {given}.")
    raise UnknownModel(given, known=files, hint="Or give the path of an .onnx file.")


def check_name(name: str, *, replace: bool = False) -> None:
    """Check that a new model may have a name: a folder's name on every system, and not taken.

    Args:
        replace: whether it may be taken.
    Raises:
        ConfigError: it may not.
    """
    # [a-zA-Z0-9] is what every file system can hold; without a dot at either end, none hides or cuts it
    if not re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9_-])?", name):
        raise ConfigError(
            f"a model cannot be named {name!r}: use letters, digits, '.', '_' and '-', "
            "the first a letter or digit, the last no dot."
        )
    if len(name) > MAX_NAME_BYTES:
        raise ConfigError(f"a model's name has at most {MAX_NAME_BYTES} letters; {name[:20]}... has {len(name)}.")
    if _RESERVED.fullmatch(name):
        raise ConfigError(f"a model cannot be named {name!r}: on Windows that is a device. Choose another name.")
    taken = {known.casefold(): origin for known, (_, origin) in _files().items()}  # one folder, on some systems
    if name.casefold() in taken and not replace:
        raise ConfigError(
            f"there is a {taken[name.casefold()]} model named {name!r} already; choose another --name, "
            "or replace it with --replace."
        )


def install(model: bytes, name: str, *, replace: bool = False) -> Path:
    """Keep a model file under a name in the user's folder, whole or not at all, and give its path back.

    Raises:
        ConfigError: the name cannot be one, or is taken.
        BadModelFile, BadManifest: the bytes are not a model file that `translate run` takes, or cannot be written.
    """
    check_name(name, replace=replace)
    path = user_folder() / name / FILE_NAME
    check_model(model, path)
    from translate.images import write_bytes  # at import it brings picture libraries, which a listing needs not

    try:
        write_bytes(model, path)
    except BadPicture as error:
        raise BadModelFile(str(error)) from None
    return path


def _files() -> dict[str, tuple[Path, Literal["shipped", "user"]]]:
    found: dict[str, tuple[Path, Literal["shipped", "user"]]] = {}
    folders: tuple[tuple[Path, Literal["shipped", "user"]], ...] = (
        (shipped_folder(), "shipped"),
        (user_folder(), "user"),
    )
    for folder, origin in folders:
        found.update({path.parent.name: (path, origin) for path in folder.glob(f"*/{FILE_NAME}")})
    return found


def _describe(name: str, path: Path, origin: Literal["shipped", "user"]) -> InstalledModel:
    try:
        return InstalledModel(name, path, read_manifest(path), origin)
    except TranslateError as error:
        return InstalledModel(name, path, None, origin, str(error))
