"""Names of installed models -> their files."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import platformdirs

from models.errors import BadModelFile, BadPicture, ConfigError, TranslateError, UnknownModel, UsageError
from models.manifest import Manifest
from translate.inference.model_file import check_model, read_manifest

FILE_NAME = "model.onnx"
RECORD_NAME = "model.json"
"""Beside an installed file: its SHA-256, and where it is from."""
SAMPLES = ("sample.png", "sample.jpg", "sample.jpeg", "sample.webp", "sheet.png")
BESIDE = ("README.md", *SAMPLES)
"""What may lie beside a model: its card, and pictures of its work, the first of them before and after."""
MAX_NAME_BYTES = 100
MAX_RECORD_BYTES = 100_000
Origin = Literal["shipped", "imported", "downloaded", "user"]
"""user: put there by hand."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices, to Windows, whatever follows


@dataclass(frozen=True)
class InstalledModel:
    """One model that can be named; `manifest` is None where the file is broken, and `problem` says why."""

    name: str
    path: Path
    manifest: Manifest | None
    origin: Origin
    problem: str = ""
    sha256: str = ""
    """As recorded when it was installed, or of the file as it is where nothing was recorded."""
    source: str = ""
    """As recorded: the file or repository that it is from."""

    @property
    def sample(self) -> Path | None:
        """A picture of its work, before and after, if it has one."""
        places = (self.path.with_name(name) for name in SAMPLES)
        return next((place for place in places if place.is_file()), None)


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


def describe_model(name_or_path: str | Path) -> InstalledModel:
    """What is known of a model.

    Raises:
        UnknownModel, UsageError, BadModelFile: as `find_model`.
        BadManifest: it does not describe itself, or badly.
    """
    path = find_model(name_or_path)
    named = _files().get(str(name_or_path))
    name, origin = (str(name_or_path), named[1]) if named and named[0] == path else (path.name, "user")
    model = _describe(name, path, origin)
    if model.manifest is None:
        read_manifest(path)  # which says why, as the kind of error that it is
    return model


def find_model(name_or_path: str | Path) -> Path:
    """The file of an installed model's name, or the path that was given.

    A file with a record beside it (RECORD_NAME) is compared with the hash in there.

    Raises:
        UnknownModel: no such name; names the near ones.
        UsageError: a path where no file is.
        BadModelFile: the file is not the one that was installed.
    """
    given = str(name_or_path)
    files = _files()
    if isinstance(name_or_path, str) and given in files:
        return _unchanged(files[given][0])
    path = Path(given)
    if path.is_file():
        return _unchanged(path)
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


def install(
    model: bytes,
    name: str,
    *,
    replace: bool = False,
    origin: Literal["imported", "downloaded"] = "imported",
    source: str = "",
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Path:
    """Keep a model file under a name in the user's folder, whole or not at all, and give its path back.

    Its hash is recorded beside it, with where it is from.

    Args:
        source: the file or repository that it is from, in words.
        beside: its card and samples by name, out of BESIDE.
    Raises:
        ConfigError: the name cannot be one, or is taken.
        BadModelFile, BadManifest: the bytes are not a model file that `translate run` takes, or cannot be written.
    """
    check_name(name, replace=replace)
    path = user_folder() / name / FILE_NAME
    check_model(model, path)
    from translate.images import write_bytes  # at import it brings picture libraries, which a listing needs not

    record = {"sha256": hashlib.sha256(model).hexdigest(), "origin": origin, "source": source}
    try:
        if path.exists():  # a record of what was there before would speak against what comes
            for companion in _companions(path):
                companion.unlink(missing_ok=True)
        write_bytes(model, path)
        for name in BESIDE:
            if name in beside:
                write_bytes(beside[name], path.with_name(name))
        write_bytes((json.dumps(record, indent=1) + "\n").encode(), _record_of(path))
    except (BadPicture, OSError) as error:
        raise BadModelFile(str(error)) from None
    return path


def remove_model(name: str) -> Path:
    """Delete an own model, and give back the path that it had.

    Raises:
        UnknownModel: no such name; names the near ones.
        UsageError: it came with the application, or cannot be deleted.
    """
    files = _files()
    if name not in files:
        own = [known for known, (_, origin) in files.items() if origin != "shipped"]
        raise UnknownModel(name, known=own, hint="These are the ones that can be removed.")
    path, origin = files[name]
    if origin == "shipped":
        raise UsageError(
            f"{name} came with the application and goes with it; only imported and downloaded models are removed."
        )
    companions = _companions(path)
    try:
        path.unlink()
        for companion in companions:
            companion.unlink(missing_ok=True)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as error:
        raise UsageError(f"cannot remove {path}: {error.strerror}.") from None
    return path


def _companions(path: Path) -> list[Path]:
    """What was installed with a file: its record, a sample, and the Hub's card; nothing that was put there."""
    beside = {"downloaded": BESIDE, "imported": SAMPLES[:1]}.get(_record(path).get("origin", ""), ())
    return [path.with_name(name) for name in (RECORD_NAME, *beside)]


def _record_of(path: Path) -> Path:
    return path.with_name(RECORD_NAME)


def _record(path: Path) -> dict[str, str]:
    """What was recorded of an installed file; empty where nothing was, or nothing that can be read."""
    if path.name != FILE_NAME:
        return {}
    try:
        if _record_of(path).stat().st_size > MAX_RECORD_BYTES:
            return {}
        values = json.loads(_record_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}


def _unchanged(path: Path) -> Path:
    recorded = _record(path).get("sha256")
    if recorded and _hash(path) != recorded:
        raise BadModelFile(
            f"{path} is not the file that was installed: its SHA-256 is not {recorded[:12]}..., as {RECORD_NAME} "
            f"beside it says. Import it again; if you changed it yourself, delete {RECORD_NAME}."
        )
    return path


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModelFile(f"cannot read {path}: {error.strerror}.") from None


def _files() -> dict[str, tuple[Path, Origin]]:
    found: dict[str, tuple[Path, Origin]] = {}
    folders: tuple[tuple[Path, Origin], ...] = ((shipped_folder(), "shipped"), (user_folder(), "user"))
    for folder, origin in folders:
        found.update({path.parent.name: (path, origin) for path in folder.glob(f"*/{FILE_NAME}")})
    return found


def _describe(name: str, path: Path, origin: Origin) -> InstalledModel:
    recorded = _record(path) if origin == "user" else {}
    origins: dict[str, Origin] = {"imported": "imported", "downloaded": "downloaded"}
    origin = origins.get(recorded.get("origin", ""), origin)
    sha256, source = recorded.get("sha256", ""), recorded.get("source", "")
    try:
        sha256 = sha256 or _hash(path)
        return InstalledModel(name, path, read_manifest(path), origin, sha256=sha256, source=source)
    except TranslateError as error:
        return InstalledModel(name, path, None, origin, str(error), sha256, source)
