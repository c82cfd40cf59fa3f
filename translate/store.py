"""Names of installed models -> their files."""

from __future__ import annotations

import importlib.resources
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from models.errors import TranslateError, UnknownModel, UsageError
from models.manifest import Manifest
from translate.inference.model_file import read_manifest

FILE_NAME = "model.onnx"


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
