"""`translate models import` of published weights: recognised, tried on a photograph, exported, verified, kept."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from export.onnx import export_onnx, to_onnx
from export.verify import Parity
from models.checkpoint import read_manifest as read_checkpoint
from models.errors import BadModelFile, ConfigError, ExportError, TranslateError
from models.layers import Generator, per_picture
from models.manifest import DECLARED, Manifest, Task
from models.published.families import UnknownNetwork, recognise
from models.published.files import read_weights
from models.published.others import Other, other
from models.published.weights import UNIT, Published, Weights, swap_channels
from translate.config import ImportConfig
from translate.foreign.graph import freed, read_foreign
from translate.foreign.hints import RANGES, Hint, Hints, read_hints
from translate.foreign.importing import Fact, Imported, size_text
from translate.foreign.judge import ALIKE_DB, CLEARLY_DB, complaints, psnr, shrunk
from translate.foreign.network import Batch, Network, Sizes, photograph
from translate.foreign.reach import how_far
from translate.foreign.values import GIVEN, Values, find_values
from translate.inference.model_file import read_manifest
from translate.store import check_name, install
from translate.version import VERSION

WORK_SIZE = 256
"""Pixels that nearly every published translator was trained on."""


def import_weights(config: ImportConfig) -> Imported:
    """Import a .pth, .pt, .ckpt or .safetensors file into the user's folder.

    Raises:
        ConfigError: the name is taken or cannot be one, or an option contradicts the file.
        BadModelFile: the file is not safe, damaged, or of no network that is known; says why.
        ExportError: the network is known, and has no ONNX form that computes the same.
    """
    check_name(config.name, replace=config.replace)
    _check_not_ours(config.file)
    try:
        candidates = _candidates(read_weights(config.file, config.generator))
    except (BadModelFile, ExportError) as error:
        raise type(error)(f"cannot import {config.file}: {error}") from None
    if config.scale not in (None, candidates[0].network.scale):
        found = candidates[0].network.scale
        raise ConfigError(f"its results are {found} times as large as its pictures, not {config.scale} times.")
    statistics = _statistics(candidates[0], config)
    if statistics.value == "picture":
        candidates = [replace(each, network=per_picture(each.network)) for each in candidates]
    trial, why = _best([_tried(each, config) for each in candidates])
    network, values, picture = trial.published.network, trial.values, trial.picture
    again = values.run(Runner(network), picture)
    restores = network.scale > 1 or trial.db > ALIKE_DB
    doubts = complaints(trial.result, again, picture, network.scale, restores=restores)
    if values.bgr:
        swap_channels(network)
    manifest, path, parity = _exported(network, _described(trial, config), config)
    facts = _facts(trial, manifest, config, why)
    if statistics.value:
        facts.insert(-2, Fact("statistics", statistics.value, statistics.reason, "--statistics"))
    facts.append(Fact("parity", f"{parity.largest:.1e}", f"ONNX Runtime against PyTorch: {parity}"))
    return Imported(path, manifest, tuple(facts), tuple(doubts))


class Runner:
    """A PyTorch network as one that makes pictures of pictures."""

    def __init__(self, network: Generator) -> None:
        self.network = network

    def run(self, pictures: Batch) -> Batch:
        """One pass, in the network's own ranges."""
        with torch.no_grad():
            return np.asarray(self.network(torch.from_numpy(np.ascontiguousarray(pictures))).numpy(), np.float32)


@dataclass(frozen=True)
class Trial:
    """One way to read a file, and what became of the photograph."""

    published: Published
    values: Values
    picture: Batch
    result: Batch
    db: float
    """PSNR of the result, shrunk to the photograph's size, against the photograph."""

    @property
    def text(self) -> str:
        """What sets it apart from the others."""
        arguments = self.published.arguments
        named = [f"{arguments['output']} output"] if "output" in arguments else []
        named += ["ImageNet's means taken away"] if arguments.get("imagenet") else []
        return " and ".join(named) or self.published.generator


def _check_not_ours(file: Path) -> None:
    try:
        read_checkpoint(file)
    except TranslateError:
        return
    raise ConfigError(
        f"{file} is a checkpoint of `translate train`: translate export {file} -o FILE.onnx, and import that."
    )


def _candidates(weights: Weights) -> list[Published]:
    try:
        return recognise(weights)
    except UnknownNetwork as error:
        try:
            found = other(weights)
        except ModuleNotFoundError:
            raise UnknownNetwork(f"{error} The extra 'published' knows more: pip install '.[published]'.") from None
        if found is None:
            raise UnknownNetwork(f"{error} Nor does spandrel know it.") from None
        _measure(found)
        return [
            Published(
                family=f"{found.name}, by spandrel", generator=found.name, arguments={}, network=found,
                input_range=UNIT, output_range=UNIT, order="rgb",
            )
        ]  # fmt: skip


def _measure(network: Other) -> None:
    """Find out how far a network sees that nobody has described."""
    draft = Manifest(
        name="draft", task="translation", source="", target="", generator=network.name, input_range=UNIT,
        output_range=UNIT, **{name: getattr(network, name) for name in DECLARED},
    )  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # of what its authors write; the verification decides
        model = to_onnx(network, draft)
    data = model.SerializeToString()
    foreign = read_foreign(data, Path(network.name))
    sizes = Sizes(network.channels, network.scale, network.multiple, network.minimum)
    seen = how_far(Network(freed(foreign)), sizes, UNIT, UNIT, data, read_hints(foreign).normalization)
    network.radius, network.normalization = seen.radius, seen.normalization


def _statistics(published: Published, config: ImportConfig) -> Hint:
    """Whether its BatchNorm takes the statistics of each picture; empty where it has none."""
    if published.network.normalization != "fixed":
        if config.statistics != "guess":
            raise ConfigError(f"--statistics {config.statistics} is for networks with BatchNorm; this one has none.")
        return Hint("", "")
    if config.statistics != "guess":
        return Hint(config.statistics, GIVEN)
    if published.by_picture:
        return Hint("picture", "its authors run it so: BatchNorm with the statistics of the picture at hand")
    return Hint("running", "as it was trained: BatchNorm with its running statistics")


def _tried(published: Published, config: ImportConfig) -> Trial:
    network = published.network
    sizes = Sizes(network.channels, network.scale, network.multiple, network.minimum)
    side = sizes.allowed(96 if network.scale > 1 else WORK_SIZE)
    picture = photograph(network.channels, side, side)
    known = f"{published.family} has them so"
    hints = Hints(
        input_range=_hint(published.input_range, known),
        output_range=_hint(published.output_range, known),
        order=Hint(published.order, known) if published.order else None,
        normalization=(network.normalization, ""),
    )
    values = find_values(Runner(network), sizes, picture, hints, config)
    result = values.run(Runner(network), picture)
    return Trial(published, values, picture, result, psnr(shrunk(result, network.scale), picture))


def _hint(values: tuple[float, float] | None, reason: str) -> Hint | None:
    return next((Hint(key, reason) for key, known in RANGES.items() if known == values), None)


def _best(trials: list[Trial]) -> tuple[Trial, str]:
    """The first, which is the usual one, unless another is clearly nearer to the photograph; and the reason."""
    nearest = max(trials, key=lambda trial: trial.db)
    best = trials[0] if trials[0].db > nearest.db - CLEARLY_DB else nearest
    if len(trials) == 1:
        return best, "its keys and shapes say so"
    rivals = [f"with {trial.text} {trial.db:.1f}" for trial in trials if trial is not best]
    return best, f"its keys and shapes; with {best.text} {best.db:.1f} dB from the photograph, {', '.join(rivals)}"


def _described(trial: Trial, config: ImportConfig) -> Manifest:
    published, network = trial.published, trial.published.network
    larger = network.scale > 1
    task: Task = "super-resolution" if larger else "translation"
    by_hand = f", {config.generator}" if config.generator else ""
    return Manifest(
        name=config.name,
        task=task if config.task == "guess" else config.task,
        source=config.source or ("pictures" if larger else "not stated"),
        target=config.target or (f"the same, {network.scale} times as large" if larger else _domain(config)),
        generator=published.generator,
        arguments=published.arguments,
        input_range=trial.values.given,
        output_range=trial.values.taken,
        work_size=_work_size(trial, config)[0],
        license=config.license or "not stated",
        created_by=f"translate-images {VERSION}, from {config.file.name}{by_hand}: {published.family}",
        **{name: getattr(network, name) for name in DECLARED},
    )


def _domain(config: ImportConfig) -> str:
    """mmagic names generators by what they make."""
    return config.generator or "not stated"


def _work_size(trial: Trial, config: ImportConfig) -> tuple[int | None, str]:
    if config.work_size:
        return config.work_size, GIVEN
    if trial.published.network.scale > 1 or config.task == "super-resolution":
        return None, "an enlargement works at the size of its picture"
    if trial.published.input_range == UNIT:
        return None, "it restores pictures of any size"
    return WORK_SIZE, "nearly all such networks were trained on pictures of this size; the file does not say"


def _facts(trial: Trial, manifest: Manifest, config: ImportConfig, why: str) -> list[Fact]:
    values, published = trial.values, trial.published
    sizes = Sizes(manifest.channels, manifest.scale, manifest.multiple, manifest.minimum)
    arguments = ", ".join(f"{key} {value}" for key, value in published.arguments.items())
    larger = manifest.scale > 1
    guess = "by its scale" if larger else "its results are as large as its pictures"
    far = "the whole picture" if manifest.normalization == "picture" else f"{manifest.radius} pixels around"
    direction = f"{manifest.source} → {manifest.target}"
    what = GIVEN if config.target else "the file does not say"
    return [
        Fact("family", published.family, why),
        Fact("network", published.generator, arguments or "its own"),
        *(Fact("note", note, "its keys") for note in published.notes),
        Fact("task", manifest.task, guess if config.task == "guess" else GIVEN, "--task"),
        Fact("direction", direction, "it enlarges" if larger else what, "--source, --target"),
        Fact("scale", f"{manifest.scale}", "its layers"),
        Fact("size", size_text(sizes)[0], "its layers; other pictures are padded"),
        Fact("values in", values.input.value, values.input.reason, "--input-range"),
        Fact("values out", values.output.value, values.output.reason, "--output-range"),
        Fact("channels", values.order.value if manifest.channels == 3 else f"{manifest.channels}", values.order.reason,
             "--channel-order" if manifest.channels == 3 else ""),
        Fact("sees", far, "by its layers, and measured where those reach far"),
        Fact("work size", f"{manifest.work_size or 'any'}", _work_size(trial, config)[1], "--work-size"),
        Fact("licence", manifest.license, GIVEN if config.license else "the file does not say", "--license"),
    ]  # fmt: skip


def _exported(network: Generator, draft: Manifest, config: ImportConfig) -> tuple[Manifest, Path, Parity]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            with warnings.catch_warnings(action="ignore"):  # of what others' code does; the verification decides
                parity = export_onnx(network, draft, path)
        except ExportError as error:
            reason = str(error).replace(f"{path} was not written: ", "")
            raise ExportError(f"cannot import {config.file}: {reason}") from error
        data = path.read_bytes()
        manifest = read_manifest(path)
    kept = install(data, config.name, replace=config.replace, origin="imported", source=config.file.name)
    return manifest, kept, parity
