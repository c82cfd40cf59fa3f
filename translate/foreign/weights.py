"""`translate models import` of published weights: recognised, tried on a photograph, exported, verified, kept."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from export.onnx import export_onnx, to_onnx
from export.verify import Parity
from models.errors import BadModelFile, ConfigError, ExportError
from models.layers import Generator, per_picture
from models.manifest import DECLARED, METADATA_KEY, Manifest
from models.published.families import UnknownNetwork, recognise
from models.published.files import read_weights
from models.published.others import other
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
        weights = read_weights(config.file, config.generator)
        candidates = _candidates(weights)
    except BadModelFile as error:
        raise type(error)(f"cannot import {config.file}: {error}") from None
    published, values, picture = _best(candidates, config)
    network = published.network
    if config.scale not in (None, network.scale):
        raise ConfigError(f"its results are {network.scale} times as large as its pictures, not {config.scale} times.")
    statistics = _statistics(published, config)
    if statistics.value == "picture":
        network = per_picture(network)
    runner = Runner(network)
    result = values.run(runner, picture)
    restores = network.scale > 1 or psnr(shrunk(result, network.scale), picture) > ALIKE_DB
    doubts = complaints(result, values.run(runner, picture), picture, network.scale, restores=restores)
    if values.bgr:
        swap_channels(network)
    draft, facts = _described(published, network, values, config)
    if statistics.value:
        facts.insert(-2, Fact("statistics", statistics.value, statistics.reason, "--statistics"))
    manifest, path, parity = _exported(network, draft, config)
    far = "the whole picture" if manifest.normalization == "picture" else f"{manifest.radius} pixels around"
    facts.insert(-2, Fact("sees", far, "by its layers, and measured where that is far"))
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


def _check_not_ours(file: Path) -> None:
    if file.suffix.lower() != ".safetensors":
        return
    from models.checkpoint import read_manifest as read_checkpoint

    with contextlib.suppress(BadModelFile, ConfigError, Exception):
        read_checkpoint(file)
        raise ConfigError(
            f"{file} is a checkpoint of `translate train`: translate export {file} -o FILE.onnx, then import that."
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
