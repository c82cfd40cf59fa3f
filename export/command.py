"""`translate export`: a run or a checkpoint to an ONNX file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import MissingExtra, UnknownGenerator, UsageError

if TYPE_CHECKING:
    from export.verify import Parity


def export_command(
    checkpoint: Path,
    out: Path,
    generator: str = "",
    work_size: int | None = None,
    *,
    name: str = "",
    half_weights: bool = False,
    best: bool = False,
) -> tuple[Path, Parity]:
    """Export a checkpoint, or the newest one of a run, to one verified ONNX file.

    Args:
        checkpoint: a .safetensors file, a folder of them, or a run folder.
        out: the .onnx file; replaced, once the new one is verified, if it exists.
        generator: which of several, by the name of its file: `ab` for `ab.safetensors`.
        work_size: long side in pixels at which pictures are to be painted; None keeps the checkpoint's.
        name: what the model is to be called; empty keeps the checkpoint's.
        half_weights: store the weights in float16: half the size.
        best: of a run, the checkpoint that its validation found best, not the newest.
    Returns:
        `out`, and how far ONNX Runtime is from PyTorch with it.
    Raises:
        UsageError: no such checkpoint, several to choose from, `out` is no .onnx file, or a work size for
            super-resolution, which has none.
        BadCheckpoint, BadManifest: the checkpoint is damaged.
        ExportError: the file would not compute what the network computes.
    """
    if out.suffix.lower() != ".onnx":
        raise UsageError(f"cannot export to {out}: name a file that ends in .onnx with -o.")
    weights = find_checkpoint(checkpoint, generator, best=best)
    try:
        from export.onnx import export_onnx
        from models.checkpoint import load_checkpoint
        from models.layers import per_picture
    except ModuleNotFoundError as error:
        raise MissingExtra("train", f"translate export (which uses {error.name})") from None

    network, manifest = load_checkpoint(weights)
    if work_size is not None:
        if manifest.task == "super-resolution":
            raise UsageError("--work-size is for translations; super-resolution paints every pixel.")
        manifest = dataclasses.replace(manifest, work_size=work_size)
    if name:
        manifest = dataclasses.replace(manifest, name=name)
    # Pix2Pix normalizes by the picture at hand (Isola et al. 2017, section 3.3), with BatchNorm's weights.
    if manifest.normalization == "picture" and network.normalization == "fixed":
        network = per_picture(network)
    return out, export_onnx(network, manifest, out, half_weights=half_weights)


def find_checkpoint(place: Path, generator: str = "", *, best: bool = False) -> Path:
    """The .safetensors file that is meant: itself, or the one in a folder or a run's newest (or best) checkpoint.

    Raises:
        UsageError: none there, or several and none named.
        UnknownGenerator: none of that name.
    """
    if place.is_file() and best:
        raise UsageError(f"{place} is one checkpoint: the best of a run is found in its folder.")
    if place.is_file():
        found = [place]
    elif place.is_dir():
        found = sorted((_best(place) if best else _newest(place)).glob("*.safetensors"))
    else:
        raise UsageError(f"there is no {place}: name a run folder or a .safetensors checkpoint.")
    if not found or found[0].suffix != ".safetensors":
        raise UsageError(f"{place} holds no checkpoint: name a run folder or a .safetensors file.")
    named = {file.stem: file for file in found}
    if not generator:
        if len(found) > 1:
            choice = " or ".join(map(str, found))
            raise UsageError(f"{found[0].parent} holds several generators: name one, {choice}.")
        return found[0]
    if generator not in named:
        raise UnknownGenerator(generator, named, f"These are the ones in {found[0].parent}.")
    return named[generator]


def _best(run: Path) -> Path:
    """The checkpoint whose validation measure was best, as `translate train` noted it."""
    try:
        images = json.loads((run / "best.json").read_text(encoding="utf-8"))["images"]
        folder = run / "checkpoints" / f"{images:09d}"
    except FileNotFoundError:
        raise UsageError(
            f"{run} has no best checkpoint (no best.json): its training measured none. Take the newest: without "
            "--checkpoint best."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{run / 'best.json'} is damaged ({error}). Take the newest checkpoint.") from None
    if not folder.is_dir():
        raise UsageError(f"the best checkpoint, {folder}, is gone. Take the newest: without --checkpoint best.")
    return folder


def _newest(folder: Path) -> Path:
    """Of a run, its newest checkpoint: they are named by the images seen. Any other folder, itself."""
    seen = {
        int(entry.name): entry
        for entry in folder.glob("checkpoints/*")
        if entry.name.isdecimal() and any(entry.glob("*.safetensors"))
    }
    return seen[max(seen)] if seen else folder
