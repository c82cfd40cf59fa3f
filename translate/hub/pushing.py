"""`translate models push`: an installed model, or a file -> a repository of the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.tensors import weights_of
from models.card import CARD_NAME, front_matter, has_front_matter, model_card
from models.errors import BadCheckpoint, BadManifest, ExportError, HubError
from models.manifest import Manifest
from translate.hub.client import (
    MANIFEST_NAME,
    SECONDS,
    WEIGHTS_NAME,
    Place,
    explained,
    is_offline,
    open_hub,
    read_place,
)  # fmt: skip
from translate.hub.config import PushConfig
from translate.inference.model_file import check_model, read_bytes
from translate.sample import CAPTION, SAMPLE, make_sample
from translate.store import FILE_NAME, SAMPLES, describe_model

NOT_STATED = ("", "not stated")


@dataclass(frozen=True)
class Pushed:
    """What was published, or would be."""

    files: dict[str, int]
    """Name -> bytes."""
    place: Place
    """With the commit, unless nothing was sent."""
    address: str = ""
    """Of the commit; empty where nothing was sent."""
    warnings: tuple[str, ...] = ()


def push(config: PushConfig) -> Pushed:
    """Publish a model in one commit, after the same checks that whoever pulls it will make.

    Raises:
        UsageError: no repository's name, or no such model.
        BadModelFile, BadManifest: the model is broken.
        HubError: no token, no access, no network, or the repository holds something else.
    """
    place = read_place(config.repository, revisions=False)
    files, warnings = collect(config.model, place)
    sizes = {name: len(data) for name, data in files.items()}
    if is_offline(config.offline):
        return Pushed(sizes, place, warnings=warnings)
    hub = open_hub()
    from huggingface_hub import CommitOperationAdd, get_token
    from huggingface_hub.errors import RepositoryNotFoundError

    if not get_token():
        raise HubError(f"publishing {place} needs an account: `hf auth login`, or a token of it in HF_TOKEN.")
    with explained(place, hub.endpoint):
        try:
            found = hub.model_info(place.repository, timeout=SECONDS)
        except RepositoryNotFoundError:
            hub.create_repo(place.repository, private=config.private or None, exist_ok=True)
        else:
            _check_ours(place, [file.rfilename for file in found.siblings or ()])
        commit = hub.create_commit(
            place.repository,
            [CommitOperationAdd(name, data) for name, data in files.items()],
            commit_message=config.message or f"{files_name(config.model)}, by translate-images",
        )
    return Pushed(sizes, Place(place.repository, commit.oid), str(commit.commit_url), warnings)


def collect(model: str, place: Place) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Name -> bytes of all that is published of a model, and what its owner should know.

    Raises:
        UsageError, BadModelFile, BadManifest: no such model, or a broken one.
    """
    installed = describe_model(model)
    folder, data = installed.path.parent, read_bytes(installed.path)
    manifest = check_model(data, installed.path)
    warnings = []
    if manifest.license in NOT_STATED:
        warnings.append("its terms are not stated, so nobody may use it: import or train it anew with --license.")
    files = {FILE_NAME: data, MANIFEST_NAME: (manifest.to_json() + "\n").encode()}
    try:
        files[WEIGHTS_NAME] = _own_weights(folder / WEIGHTS_NAME, manifest) or weights_of(data, manifest)
    except ExportError as error:
        warnings.append(f"without {WEIGHTS_NAME}: {error}")
    files |= {name: (folder / name).read_bytes() for name in SAMPLES if (folder / name).is_file()}
    here = place.repository.partition("/")[2]
    use = f"translate models pull {place.repository}\n    translate run PICTURES -m {here} -o out"
    own = _own_card(folder / CARD_NAME, known=installed.origin != "user")
    if own:
        own = own.replace(f"    translate run PICTURES -m {installed.path.name} -o out", f"    {use}", 1)
        files[CARD_NAME] = (own if has_front_matter(own) else f"{front_matter(manifest)}\n\n{own}").encode()
        return files, tuple(warnings)
    shown = next(((name, "before and after") for name in SAMPLES if name in files), None)
    if not shown:
        files[SAMPLE], shown = make_sample(installed.path), (SAMPLE, CAPTION)
    card = model_card(manifest, size=len(data), use=use, picture=shown)
    files[CARD_NAME] = card.encode()
    return files, tuple(warnings)


def files_name(model: str) -> str:
    """What to call a model that is a name or a path."""
    return Path(model).stem


def _own_card(path: Path, *, known: bool) -> str:
    """The text beside a model, if that is its card: beside a file that lies anywhere, a README may be any."""
    try:
        card = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return card if known or has_front_matter(card) else ""


def _own_weights(path: Path, manifest: Manifest) -> bytes:
    """The checkpoint beside a model, if it is of the same network."""
    from models.checkpoint import read_manifest

    try:
        found = read_manifest(path)
    except (BadCheckpoint, BadManifest):
        return b""
    same = (found.name, found.generator, found.arguments) == (manifest.name, manifest.generator, manifest.arguments)
    return path.read_bytes() if same else b""


def _check_ours(place: Place, listed: list[str]) -> None:
    others = [name for name in listed if name not in (".gitattributes", CARD_NAME)]
    if others and MANIFEST_NAME not in listed:
        raise HubError(
            f"{place.repository} holds something else ({', '.join(others[:3])}); nothing was sent. Name another one."
        )
