"""One generator and its Manifest in one .safetensors file. Reading only the Manifest needs no torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from models.errors import BadCheckpoint, BadManifest, ConfigError, UnknownGenerator
from models.manifest import DECLARED, METADATA_KEY, Manifest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.layers import Generator


def read_manifest(path: str | Path) -> Manifest:
    """The Manifest in a checkpoint; reads the file's header only.

    Raises:
        BadCheckpoint: no readable .safetensors file.
        BadManifest: a file without a Manifest, or with a damaged one.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise BadCheckpoint(f"there is no checkpoint {path}.") from None
    except (SafetensorError, OSError) as error:
        raise BadCheckpoint(
            f"cannot read {path}: {error}. It is no .safetensors file, or a damaged one; take another."
        ) from None
    if METADATA_KEY not in metadata:
        raise BadManifest(
            f"{path} holds weights but does not say what they are: it has no Manifest under "
            f"{METADATA_KEY!r}. Checkpoints written by `translate train` have one."
        )
    try:
        return Manifest.from_json(metadata[METADATA_KEY])
    except BadManifest as error:
        raise BadManifest(f"{path}: {error}") from None


def save_checkpoint(path: str | Path, generator: nn.Module, manifest: Manifest) -> None:
    """Write weights and Manifest in one step: the file is either the old one or complete.

    Raises:
        BadCheckpoint: `load_checkpoint` would refuse the file: the weights are not those of the network that
            the Manifest names, or are not finite. Nothing is written.
    """
    from safetensors.torch import save_file

    path = Path(path)
    state = {key: value.detach().cpu().contiguous() for key, value in generator.state_dict().items()}
    _check_state(path, state, _empty_generator(path, manifest))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        save_file(state, partial, metadata={METADATA_KEY: manifest.to_json(), "format": "pt"})
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: str | Path) -> tuple[Generator, Manifest]:
    """Build the generator that the Manifest names and fill it: float32, on the CPU, in evaluation mode.

    A Pix2Pix Manifest says normalization "picture" while the network is built, and returned, with its
    BatchNorm; `models.layers.per_picture` turns it into the network that the Manifest describes.

    Raises:
        BadCheckpoint: an unreadable file; weights missing, left over, of other shapes or not finite; a
            Manifest that declares other sizes than the network has.
        BadManifest: no Manifest, a damaged one, or one that names a network this version cannot build.
    """
    from safetensors.torch import load_file

    from models.zoo import build_generator

    path = Path(path)
    manifest = read_manifest(path)
    state = load_file(path)
    _check_state(path, state, _empty_generator(path, manifest))
    generator = build_generator(manifest.generator, **manifest.arguments)  # with the buffers that no file holds
    generator.load_state_dict(state)
    return generator.eval(), manifest


def _empty_generator(path: Path, manifest: Manifest) -> Generator:
    """The network without memory for its weights: shapes are compared before anything is allocated."""
    import torch

    from models.zoo import build_generator

    try:
        with torch.device("meta"):
            generator = build_generator(manifest.generator, **manifest.arguments)
    except (UnknownGenerator, ConfigError) as error:
        raise BadManifest(f"the Manifest of {path} names a network that cannot be built: {error}") from None
    for name in DECLARED:
        told, is_ = getattr(manifest, name), getattr(generator, name)
        pix2pix = (name, told, is_) == ("normalization", "picture", "fixed")  # `per_picture` makes it so
        if told != is_ and not pix2pix:
            raise BadCheckpoint(f"{path} declares {name} {told!r}, but its network {manifest.generator} has {is_!r}.")
    return generator


def _check_state(path: Path, state: dict[str, Tensor], generator: nn.Module) -> None:
    wanted = generator.state_dict()
    different = sorted(wanted.keys() ^ state.keys())
    if different:
        missing = len(wanted.keys() - state.keys())
        raise BadCheckpoint(
            f"the weights of {path} do not fit its network: {missing} missing, {len(different) - missing} "
            f"left over, such as {different[0]}."
        )
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            raise BadCheckpoint(
                f"the weights of {path} do not fit its network: {key} is {list(value.shape)}, not "
                f"{list(wanted[key].shape)}."
            )
        if value.is_floating_point() != wanted[key].is_floating_point():
            raise BadCheckpoint(f"the weights of {path} are unusable: {key} holds {value.dtype}.")
        if not value.isfinite().all():
            raise BadCheckpoint(f"the weights of {path} are not finite ({key}): the training had diverged.")
