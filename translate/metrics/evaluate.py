"""What a model's results are worth, measured as users run it: through the exported file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import ConfigError, DataError
from translate.config_training import EvaluateConfig
from translate.inference.chain import Chain
from translate.metrics.distances import Network, Scores, open_network
from translate.metrics.pictures import Measured, find_pictures, find_two, load_pairs
from translate.metrics.published import published
from translate.metrics.scoring import Progress, Tally, as_rgb, compare_pairs, mean_agreement, pile_scores, resized
from translate.metrics.similarity import Pixels
from translate.training.degrade import resized as resampled
from translate.training.degrade import shrink
from translate.training.pixels import load_pixels
from translate.training.seen import find_seen


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured, on what, and how."""

    model: str
    task: str
    device: str
    inputs: str
    """Folder of the pictures that were translated."""
    references: str
    """Folder of the pictures that results were compared with."""
    part: str
    """test, val or train, as the folders' names say; empty if they say nothing."""
    note: str
    """What must be known of the figures; may be empty."""
    pictures: int
    border: int = 0
    """Pixels at each side of a result that were not compared."""
    protocol: str
    """What was done to them before they were compared."""
    metrics: Scores
    """Name, with the network or colour space that it is taken in -> value."""
    baseline: Scores = field(default_factory=dict)
    """The same for what costs nothing: bicubic enlargement, or the inputs as they are."""
    published: dict[str, Scores] = field(default_factory=dict)
    """Method -> what was published for it by the same protocol."""
    seconds: float = 0.0
    """Of translation alone."""

    def to_json(self) -> str:
        """As indented JSON."""
        return json.dumps(asdict(self), indent=1)


def evaluate(config: EvaluateConfig, on_progress: Progress = lambda *_: None) -> Evaluation:
    """Translate the pictures of a folder and measure the results.

    Super-resolution: each picture is shrunk by `--shrink` and enlarged again. Pairs: the input is translated and
    compared with its target. Two piles: the results are compared with the pile of real pictures.

    Raises:
        ConfigError: the model was trained by the feature network; or settings that do not suit it.
        DataError: no such pictures, or too few.
        TranslateError: the model cannot be opened or refuses a picture.
    """
    chain = Chain.open((config.model,), config.device, size=config.size)
    network = open_network(config.features)
    if network:
        refuse_own_judge(chain, network)
    enlarges = chain.steps[0].manifest.task == "super-resolution"
    if enlarges and config.side:
        raise ConfigError(f"--side {config.side} is for models that translate; what is enlarged is shrunk first.")
    measured = find_pictures(config.data) if enlarges else find_two(config.data, config.pairing, config.direction)
    measured = refuse_seen(chain, measured.limited(config.limit), allow=config.allow_seen)
    measure = _enlarged if enlarges else _piles if measured.kind == "piles" else _pairs
    return measure(config, chain, network, measured, on_progress)


def refuse_own_judge(chain: Chain, network: Network) -> None:
    """What a model is judged by is never what it was trained by: it has learned to please that network.

    Raises:
        ConfigError: the feature network, or a part of it, was in the model's losses.
    """
    for step in chain.steps:
        if network.family in step.manifest.judges:
            raise ConfigError(
                f"{step.manifest.name} was trained by the features of {network.family}: by these it looks better than "
                "it is. Name another network with --features, or none."
            )


def refuse_seen(chain: Chain, measured: Measured, *, allow: bool) -> Measured:
    """Nor is it judged with pictures that it was trained on or chosen by.

    Args:
        allow: note it instead.
    Raises:
        ConfigError: the model has seen some of them.
    """
    files = (*measured.a, *measured.b)
    for step in chain.steps:
        seen = find_seen(step.manifest.pictures, files)
        if not seen:
            continue
        words = f"{step.manifest.name} was trained on, or chosen by, {len(seen)} or more of these {len(files)} pictures"
        if not allow:
            raise ConfigError(
                f"{words} (such as {seen[0]}): with these it looks better than it is. Name others with --data, or "
                "measure all the same with --allow-seen, which the result then says."
            )
        return replace(measured, seen=words)
    return measured


def _enlarged(
    config: EvaluateConfig, chain: Chain, network: Network | None, measured: Measured, on_progress: Progress
) -> Evaluation:
    manifest = chain.steps[0].manifest
    scale = manifest.scale

    def pairs() -> Iterator[tuple[Path, Pixels, Pixels]]:
        for file in measured.a:
            high = load_pixels(file, manifest.channels)
            height, width = (side // scale * scale for side in high.shape[:2])
            if min(height, width) // scale < 1:
                raise DataError(f"{file} is too small to be shrunk {scale} times.")
            high = np.ascontiguousarray(high[:height, :width])
            yield file, shrink(high, scale, config.shrink), high

    def bicubic(low: Pixels) -> Pixels:
        return resampled(low, (low.shape[1] * scale, low.shape[0] * scale), Image.Resampling.BICUBIC)

    ours, theirs = (Tally(network, config.border) for _ in range(2))
    seconds = compare_pairs(pairs(), len(measured.a), chain, bicubic, ours, theirs, on_progress)
    return Evaluation(
        model=config.model, task="super-resolution", device=chain.device, inputs=measured.inputs,
        references=measured.references, part=measured.part, note=measured.note, pictures=len(measured.a),
        border=config.border,
        protocol=f"shrunk {scale} times ({config.shrink}), {_compared(config, network)}; the baseline is bicubic",
        metrics=ours.scores(), baseline=theirs.scores(), seconds=seconds,
        published=published(Path(measured.inputs), len(measured.a), scale, config.shrink, config.border),
    )  # fmt: skip


def _pairs(
    config: EvaluateConfig, chain: Chain, network: Network | None, measured: Measured, on_progress: Progress
) -> Evaluation:
    def pairs() -> Iterator[tuple[Path, Pixels, Pixels]]:
        for file, *two in load_pairs(measured, chain.steps[0].manifest.channels, config.direction):
            one, other = (resized(picture, config.side) for picture in two) if config.side else two
            yield file, one, other

    ours, theirs = (Tally(network, config.border) for _ in range(2))
    seconds = compare_pairs(pairs(), len(measured.a), chain, lambda picture: picture, ours, theirs, on_progress)
    how = "pairs side by side" if measured.kind == "side by side" else "pairs of two files"
    how += f" ({measured.alone} without a partner left out)" if measured.alone else ""
    return Evaluation(
        model=config.model, task="translation", device=chain.device, inputs=measured.inputs,
        references=measured.references, part=measured.part, note=measured.note, pictures=len(measured.a),
        border=config.border,
        protocol=f"{how}, {_size(config)}, {_compared(config, network)}; the baseline is the input as it is",
        metrics=ours.scores(), baseline=theirs.scores(), seconds=seconds,
    )  # fmt: skip


def _piles(
    config: EvaluateConfig, chain: Chain, network: Network | None, measured: Measured, on_progress: Progress
) -> Evaluation:
    channels = chain.steps[0].manifest.channels
    pictures, real = (
        [resized(picture, config.side) if config.side else picture
         for picture in (load_pixels(file, channels) for file in files)]
        for files in (measured.a, measured.b)
    )  # fmt: skip
    results: list[Pixels] = []
    start = time.perf_counter()
    for number, picture in enumerate(pictures):
        on_progress("translating", number, len(pictures))
        results.append(np.asarray(chain(picture)))
    seconds = time.perf_counter() - start
    pictures, real, results = ([as_rgb(picture) for picture in pile] for pile in (pictures, real, results))
    scores, baseline = (
        pile_scores(pile, real, network) | {"edge agreement": mean_agreement(pictures, pile)}
        for pile in (results, pictures)
    )
    return Evaluation(
        model=config.model, task="translation", device=chain.device, inputs=measured.inputs,
        references=measured.references, part=measured.part, note=measured.note, pictures=len(pictures),
        protocol=f"{len(pictures)} inputs against {len(real)} real pictures, {_size(config)}; SWD on squares of 256 "
        f"(bilinear){_seen_at(network)}; the baseline is the inputs as they are",
        metrics=scores, baseline=baseline, seconds=seconds,
    )  # fmt: skip


def _size(config: EvaluateConfig) -> str:
    return f"resized to a shorter side of {config.side} before translation" if config.side else "at their own size"


def _compared(config: EvaluateConfig, network: Network | None) -> str:
    return f"8 bits, {config.border} pixels of border left out{_seen_at(network)}"


def _seen_at(network: Network | None) -> str:
    return f"; distances of piles by {network.title}, which sees {network.resize}" if network else ""
