"""`translate export`: from a run, a checkpoint or a model to the form that was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import export.command as command
from export.config import ExportConfig
from models.errors import BadPicture, ExportError, UsageError
from models.manifest import Manifest
from translate.inference.model_file import check_model, read_bytes
from translate.inference.widen import widened
from translate.store import find_model

WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt")


def export(config: ExportConfig) -> Iterator[tuple[Path, str]]:
    """Write what was asked for; each file with what was measured of it.

    Raises:
        UsageError: no such source, or options that do not suit it.
        TranslateError: as `export.command.export_command`; or the form would not compute the same.
    """
    source = Path(config.source)
    from_model = not source.is_dir() and source.suffix.lower() not in WEIGHTS
    if config.card:
        from translate.card import check_place

        check_place(config)
    if not from_model and config.is_plain and config.out:
        yield _trained(config, config.out)
    else:
        model, said = _model(config) if from_model else _exported(config)
        yield from _formed(config, model, said)
    if config.card:
        from translate.card import write_card

        yield write_card(config), "the model card"


def _trained(config: ExportConfig, out: Path, precision: str = "") -> tuple[Path, str]:
    path, parity = command.export_command(
        Path(config.source),
        out,
        config.generator,
        config.work_size,
        name=config.name,
        half_weights=(precision or config.precision) == "fp16",
        best=config.checkpoint == "best",
    )
    return path, str(parity)


def _exported(config: ExportConfig) -> tuple[bytes, str]:
    """A checkpoint's ONNX file, on the way to another form."""
    with tempfile.TemporaryDirectory() as folder:
        path, said = _trained(config, Path(folder) / "model.onnx")
        return path.read_bytes(), said


def _model(config: ExportConfig) -> tuple[bytes, str]:
    """A model that is an ONNX file already."""
    source = Path(config.source)
    if len(source.parts) > 1 and not source.exists():
        raise UsageError(f"there is no {source}: name a run folder, a checkpoint, an .onnx file or an installed model.")
    path = find_model(config.source)
    for_runs = [
        name
        for name, given in (
            ("--generator", config.generator),
            ("--work-size", config.work_size),
            ("--name", config.name),
            ("--checkpoint", config.checkpoint != "last"),
        )
        if given
    ]
    if for_runs:
        raise UsageError(f"{', '.join(for_runs)} is for runs and checkpoints; {config.source} is a model already.")
    model = read_bytes(path)
    manifest = check_model(model, path)
    if "int8" in manifest.precisions:
        raise UsageError(f"{config.source} is quantized already; take the file that it was made from.")
    if config.precision == "fp16":
        from export.weights import with_half_weights

        model, db = with_half_weights(widened(model), manifest)
        return model, f"weights in fp16, {db:.1f} dB from those before"
    return model, ""


def _formed(config: ExportConfig, model: bytes, said: str) -> Iterator[tuple[Path, str]]:
    """The model in the form that was asked for, step by step, written at the end."""
    told = [said] if said else []
    place = config.out or config.triton or Path()
    manifest = check_model(model, place)
    if config.calibration:
        from export.int8 import quantized

        model, gain = quantized(widened(model), manifest, config.calibration)
        manifest = check_model(model, place)
        told.append(str(gain))
    if config.size:
        from export.forms import with_fixed_size

        model = with_fixed_size(model, manifest, *config.size)
        told.append(f"takes one picture of {config.fixed_size} pixels (height first)")
    if config.uint8:
        from export.forms import read_pixels, with_bytes

        model = with_bytes(model, manifest)
        manifest = read_pixels(model)
        told.append("takes and gives bytes, [N, H, W, C]")
    files, measured = _files(config, model, manifest)
    for path, data in files.items():
        _write(path, data)
    first, *others = files
    told += [measured] if measured else []
    yield first, "; ".join([*told, f"{len(files[first]) / 1e6:.2f} MB"])
    for path in others:
        yield path, f"{len(files[path]) / 1e6:.2f} MB"


def _files(config: ExportConfig, model: bytes, manifest: Manifest) -> tuple[dict[Path, bytes], str]:
    """Path -> content, the one to name first, and what was measured."""
    if config.triton:
        from export.triton import repository

        folder = config.triton
        return {folder / name: data for name, data in repository(model, manifest.name).items()}, ""
    out = config.out or Path()
    if config.form == "openvino":
        from export.openvino_form import to_openvino

        pair, db = to_openvino(model, manifest)
        return {out.with_suffix(suffix): data for suffix, data in pair.items()}, (
            f"OpenVINO's results are {db:.1f} dB from ONNX Runtime's"
        )
    if config.form == "safetensors":
        from export.tensors import weights_of

        return {out: weights_of(model, manifest)}, "the network's weights"
    return {out: model}, ""


def _write(path: Path, data: bytes) -> None:
    from translate.images import write_bytes

    try:
        write_bytes(data, path)
    except (BadPicture, OSError) as error:
        raise ExportError(str(error)) from None
