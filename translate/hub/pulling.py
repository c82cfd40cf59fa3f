"""`translate models pull`: a repository of the Hub -> an installed model."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.card import CARD_NAME
from models.errors import BadManifest, HubError
from models.manifest import Manifest
from translate.hub.client import LIMITS, MANIFEST_NAME, SECONDS, Place, explained, is_offline, offline, open_hub
from translate.hub.client import read_place as read
from translate.hub.config import PullConfig
from translate.inference.model_file import check_model
from translate.report import amount
from translate.store import FILE_NAME, SAMPLES, check_name, find_model, install, list_models


@dataclass(frozen=True)
class Pulled:
    """A model of the Hub that is here now."""

    path: Path
    manifest: Manifest
    place: Place
    """With the commit."""
    sha256: str
    fetched: bool
    """False where it was here already."""


def pull(config: PullConfig) -> Pulled:
    """Fetch a model, check it, and keep it under a name. Nothing of it is run, and nothing else is fetched.

    Raises:
        UsageError, ConfigError: no repository's name, or the model's is taken or cannot be one.
        HubError: no such repository, no access, no network, not a model of ours, files too large or not those that
            the Hub lists.
        BadModelFile, BadManifest: the file is not safe, or not what it should be.
    """
    place = read(config.repository)
    name = config.name or place.repository.partition("/")[2]
    if is_offline(config.offline):
        here = _here(name, place)
        if here is None:
            raise offline(place)
        return here
    hub = open_hub()
    with explained(place, hub.endpoint), tempfile.TemporaryDirectory() as folder:
        info = hub.model_info(place.repository, revision=place.revision or None, files_metadata=True, timeout=SECONDS)
        pinned = Place(place.repository, info.sha)
        here = _here(name, pinned)
        if here is not None:
            return here
        check_name(name, replace=config.replace)
        listed = {file.rfilename: file for file in info.siblings or ()}
        wanted = _wanted(place, listed)

        def fetch(file: str) -> bytes:
            return _fetch(hub, pinned, listed[file], Path(folder))

        manifest = _manifest(place, fetch(MANIFEST_NAME))
        model = fetch(FILE_NAME)
        if check_model(model, Path(str(place)) / FILE_NAME) != manifest:
            raise HubError(f"{place}: {MANIFEST_NAME} describes another model than {FILE_NAME} does; it was not kept.")
        beside = {file: fetch(file) for file in wanted if file in (CARD_NAME, *SAMPLES)}
    path = install(model, name, replace=config.replace, origin="downloaded", source=str(pinned), beside=beside)
    return Pulled(path, manifest, pinned, hashlib.sha256(model).hexdigest(), fetched=True)


def _here(name: str, place: Place) -> Pulled | None:
    """An installed model from that very place; of an unpinned one, whichever state is here."""
    for model in list_models():
        source, _, commit = model.source.partition("@")
        if model.name != name or model.origin != "downloaded" or source != place.repository or not model.manifest:
            continue
        if not place.revision or commit == place.revision:
            return Pulled(find_model(name), model.manifest, Place(source, commit), model.sha256, fetched=False)
    return None


def _wanted(place: Place, listed: dict[str, Any]) -> list[str]:
    """The files to fetch, all of which are small enough."""
    missing = [file for file in (FILE_NAME, MANIFEST_NAME) if file not in listed]
    if missing:
        others = [file for file in listed if file.endswith((".onnx", ".pth", ".safetensors"))]
        hint = (
            f" It has {', '.join(others[:3])}: fetch one yourself, and try translate models import." if others else ""
        )
        raise HubError(f"{place} is no model of this application: it lacks {' and '.join(missing)}.{hint}")
    wanted = [file for file in LIMITS if file in listed]
    for file in wanted:
        size = listed[file].size
        if size is None or size > LIMITS[file]:
            raise HubError(
                f"{place}: {file} has {'unknown size' if size is None else amount(size)}; at most "
                f"{amount(LIMITS[file])} are fetched. Nothing was."
            )
    return wanted


def _fetch(hub: Any, place: Place, file: Any, folder: Path) -> bytes:
    """A file's bytes, which are those that the Hub lists for this commit."""
    from huggingface_hub.utils.sha import git_hash

    try:
        path = Path(hub.hf_hub_download(place.repository, file.rfilename, revision=place.revision, local_dir=folder))
    except OSError as error:
        if type(error) is OSError:  # huggingface_hub's word for a download that ends too early or late
            raise HubError(f"{place}: {file.rfilename} did not arrive whole: {error}. Try again.") from None
        raise
    data = path.read_bytes()
    listed, found = (file.lfs.sha256, hashlib.sha256(data).hexdigest()) if file.lfs else (file.blob_id, git_hash(data))
    if listed != found:
        raise HubError(
            f"{place}: {file.rfilename} is not the file that the Hub lists: its hash is {found[:12]}..., not "
            f"{str(listed)[:12]}.... Nothing was kept."
        )
    return data


def _manifest(place: Place, data: bytes) -> Manifest:
    try:
        return Manifest.from_json(data.decode())
    except (BadManifest, UnicodeDecodeError) as error:
        raise HubError(f"{place} is no model of this application: {MANIFEST_NAME}: {error}") from None
