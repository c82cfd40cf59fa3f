"""`translate models import`: find out what a foreign ONNX file is, wrap it to our contract, keep it under a name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields, replace
from pathlib import Path

import onnx

from models.errors import BadModelFile, ConfigError, MissingExtra
from models.manifest import Manifest, Task
from translate.config import ImportConfig
from translate.foreign.graph import Foreign, freed, has_manifest, read_foreign
from translate.foreign.hints import read_hints
from translate.foreign.judge import ALIKE_DB, complaints, psnr
from translate.foreign.network import Batch, Network, Sizes, check_batch, measure_sizes, photograph
from translate.foreign.reach import Seen, how_far
from translate.foreign.values import GIVEN, Values, find_values
from translate.foreign.wrap import raised, sealed, wrapped
from translate.inference.model_file import check_model, read_bytes
from translate.sample import keep_sample
from translate.store import check_name, install
from translate.version import VERSION

WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors")
SAME_DB = 80.0
"""A graph brought to a newer opset is kept where its results are this near to those of the original."""


@dataclass(frozen=True)
class Fact:
    """One thing about a model, and how it is known."""

    name: str
    value: str
    reason: str
    option: str = ""
    """What says otherwise on the command line."""


@dataclass(frozen=True)
class Imported:
    """A model that was imported."""

    path: Path
    manifest: Manifest
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]


def import_model(config: ImportConfig) -> Imported:
    """Import an ONNX file, or published weights, into the user's folder, with a sample of its work beside it.

    One of ours is kept as it is. Of another, what the file does not say is found by trying it on a photograph.

    Raises:
        ConfigError: the name is taken or cannot be one, or an option contradicts the file.
        BadModelFile: no ONNX file, not safe, or not one that can be brought to our contract; says why.
    """
    imported = _import_weights(config) if config.file.suffix.lower() in WEIGHTS else _import_onnx(config)
    keep_sample(imported.path)
    return imported


def _import_onnx(config: ImportConfig) -> Imported:
    check_name(config.name, replace=config.replace)
    for_weights = [f"--{name}" for name in ("generator", "statistics") if getattr(config, name) not in ("", "guess")]
    if for_weights:
        raise ConfigError(f"{', '.join(for_weights)} is for files of weights ({', '.join(WEIGHTS)}).")
    data = read_bytes(config.file)
    if has_manifest(data, config.file):
        return _keep(config, data)
    try:
        return _import(read_foreign(data, config.file), config)
    except BadModelFile as error:
        raise BadModelFile(f"cannot import {config.file}: {error}") from None


def _import_weights(config: ImportConfig) -> Imported:
    try:
        from translate.foreign.weights import import_weights
    except ModuleNotFoundError as error:
        raise MissingExtra("train", f"the import of {config.file.suffix} files (which uses {error.name})") from None
    return import_weights(config)


def _keep(config: ImportConfig, data: bytes) -> Imported:
    """A file of our own describes itself."""
    manifest = check_model(data, config.file)
    said = [
        f"--{entry.name.replace('_', '-')}"
        for entry in fields(config)
        if entry.default is not dataclasses.MISSING
        and entry.name != "replace"
        and getattr(config, entry.name) != entry.default
    ]
    if said:
        raise ConfigError(f"{config.file} has a Manifest of its own, which {', '.join(said)} cannot change.")
    path = install(data, config.name, replace=config.replace, origin="imported", source=config.file.name)
    return Imported(path, manifest, (Fact("manifest", manifest.name, "the file describes itself; kept as it is"),), ())


def _import(foreign: Foreign, config: ImportConfig) -> Imported:
    free = freed(foreign)
    network = Network(free)
    hints = read_hints(foreign)  # the runtime has taken the graph: it has no loops and all inputs that it must have
    sizes = measure_sizes(network, foreign)
    if config.scale not in (None, sizes.scale):
        raise BadModelFile(f"its results are {sizes.scale} times as large as its pictures, not {config.scale} times.")
    side = sizes.allowed(96 if sizes.scale > 1 else 256)
    picture = photograph(sizes.channels, side, side)
    values = find_values(network, sizes, picture, hints, config)
    check_batch(network, sizes, side, *values.given)
    result = values.run(network, picture)
    restores = sizes.scale > 1 or psnr(result, picture) > ALIKE_DB
    warnings = complaints(result, values.run(network, picture), picture, sizes.scale, restores=restores)
    model = _newest(wrapped(free, sizes.channels, values.given, values.taken, bgr=values.bgr), picture)
    seen = how_far(network, sizes, values.given, values.taken, model.SerializeToString(), hints.normalization)
    draft, facts = _describe(foreign, config, sizes, values, seen)
    data, manifest = _measured(model, draft)
    facts.insert(2, Fact("size", *size_text(sizes)))
    path = install(data, config.name, replace=config.replace, origin="imported", source=config.file.name)
    return Imported(path, manifest, tuple(facts), tuple(warnings))


def _describe(
    foreign: Foreign, config: ImportConfig, sizes: Sizes, values: Values, seen: Seen
) -> tuple[Manifest, list[Fact]]:
    """The Manifest, and what is worth saying of it, each with its reason."""
    larger = sizes.scale > 1
    guess: Task = "super-resolution" if larger else "translation"
    task: Task = guess if config.task == "guess" else config.task
    work_size, why = _work_size(foreign, config, sizes, task)
    terms, whose = _terms(foreign, config)
    producer = f"{foreign.model.producer_name} {foreign.model.producer_version}".strip() or "an unknown program"
    manifest = Manifest(
        name=config.name,
        task=task,
        source=config.source or ("pictures" if larger else "not stated"),
        target=config.target or (f"the same, {sizes.scale} times as large" if larger else "not stated"),
        generator="imported",
        channels=sizes.channels,
        scale=sizes.scale,
        multiple=sizes.multiple,
        minimum=sizes.minimum,
        radius=seen.radius,
        radius_error=seen.error,
        normalization=seen.normalization,
        input_range=values.given,
        output_range=values.taken,
        work_size=work_size,
        license=terms,
        created_by=f"translate-images {VERSION}, from {foreign.name} by {producer}",
    )
    why_task = f"its results are {sizes.scale} times as large" if larger else "its results are as large as its pictures"
    whole = seen.normalization == "picture"
    facts = [
        Fact("task", task, why_task if config.task == "guess" else GIVEN, "--task"),
        Fact("scale", f"{sizes.scale}", "measured"),
        Fact("values in", values.input.value, values.input.reason, "--input-range"),
        Fact("values out", values.output.value, values.output.reason, "--output-range"),
        Fact("channels", values.order.value if sizes.channels == 3 else f"{sizes.channels}", values.order.reason,
             "--channel-order" if sizes.channels == 3 else ""),
        Fact("sees", "the whole picture" if whole else f"{seen.radius} pixels around", seen.reason),
        Fact("work size", f"{work_size}" if work_size else "any", why, "--work-size"),
        Fact("licence", terms, whose, "--license"),
    ]  # fmt: skip
    return manifest, facts


def size_text(sizes: Sizes) -> tuple[str, str]:
    """The rule of sizes, in words, and the reason."""
    if sizes.multiple == sizes.minimum == 1:
        return "any", "measured"
    return f"multiples of {sizes.multiple} from {sizes.minimum} pixels", "measured; other pictures are padded"


def _work_size(foreign: Foreign, config: ImportConfig, sizes: Sizes, task: Task) -> tuple[int | None, str]:
    if config.work_size:
        return config.work_size, GIVEN
    if task == "super-resolution":
        return None, "an enlargement works at the size of its picture"
    if foreign.size:
        return max(foreign.size), "the file was made for pictures of this size"
    if sizes.minimum >= 128:
        return sizes.minimum, "it takes no smaller pictures"
    return None, "the file does not say for which it was trained; all pixels are painted"


def _terms(foreign: Foreign, config: ImportConfig) -> tuple[str, str]:
    if config.license:
        return config.license, GIVEN
    noted = {entry.key.lower(): entry.value for entry in foreign.model.metadata_props}
    for key in ("license", "licence"):
        if noted.get(key):
            return noted[key][:200], "as the file says"
    return "not stated", "the file does not say"


def _measured(model: onnx.ModelProto, draft: Manifest) -> tuple[bytes, Manifest]:
    """The file, with what lower precisions do to it; a runtime that does not take it stays out."""
    from export.precision import measure_precisions

    data = sealed(model, draft)
    try:
        manifest = replace(draft, precisions=measure_precisions(data, draft))
    except RuntimeError:  # OpenVINO's; ONNX Runtime will run it
        return data, draft
    return sealed(model, manifest), manifest


def _newest(model: onnx.ModelProto, picture: Batch) -> onnx.ModelProto:
    """The graph in our opset, where that changes nothing: what cuts graphs into pieces knows few of the older ones."""
    newer = raised(model)
    if newer is None:
        return model
    try:
        before, after = (Network(candidate).run(picture) for candidate in (model, newer))
    except BadModelFile:
        return model
    return newer if before.shape == after.shape and psnr(before, after) > SAME_DB else model
