"""What a model's results are worth, measured as users run it: through the exported file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import ConfigError, DataError
from translate.config import EvaluateConfig
from translate.inference.chain import Chain
from translate.metrics.features import FeatureNetwork, open_features
from translate.metrics.published import published
from translate.metrics.scoring import Progress, Scores, compare_pairs, mean_agreement, pile_scores, resized
from translate.metrics.similarity import Pixels
from translate.training.data import list_pictures, load_rgb
from translate.training.degrade import shrink

INPUTS, TARGETS = ("testA", "valA", "trainA", "A"), ("testB", "valB", "trainB", "B")
"""Folders of an unpaired set, the first that are there are taken."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured, on what, and how."""

    model: str
    task: str
    device: str
    inputs: str
    """Folder of the pictures that were translated."""
    references: str
    """Folder of the pictures that results were compared with."""
    pictures: int
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

    Super-resolution: each picture is shrunk by `--shrink` and enlarged again. Pairs side by side: the input half is
    translated and compared with the other. Two piles: the results are compared with the pile of real pictures.

    Raises:
        ConfigError: the model was trained by the feature network.
        DataError: no such pictures, or too few.
        TranslateError: the model cannot be opened or refuses a picture.
    """
    chain = Chain.open((config.model,), config.device, size=config.size)
    network = open_features(config.features) if config.features and config.features != Path("inception") else None
    known = bool(config.features)
    if network:
        refuse_own_judge(chain, network)
    if chain.steps[0].manifest.task == "super-resolution":
        return _enlarged(config, chain, network, on_progress)
    piles = [_first(config.data, names) for names in (INPUTS, TARGETS)]
    if config.direction == "b-to-a":
        piles.reverse()
    if piles[0] and piles[1]:
        return _piles(config, chain, network, known, piles[0], piles[1], on_progress)
    return _pairs(config, chain, network, on_progress)


def refuse_own_judge(chain: Chain, network: FeatureNetwork) -> None:
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


def _enlarged(
    config: EvaluateConfig, chain: Chain, network: FeatureNetwork | None, on_progress: Progress
) -> Evaluation:
    scale = chain.steps[0].manifest.scale
    files = _chosen(list_pictures(config.data), config)

    def pairs() -> Iterator[tuple[Pixels, Pixels]]:
        for file in files:
            high = load_rgb(file)
            height, width = (side // scale * scale for side in high.shape[:2])
            if min(height, width) // scale < 1:
                raise DataError(f"{file} is too small to be shrunk {scale} times.")
            high = np.ascontiguousarray(high[:height, :width])
            yield shrink(high, scale, config.shrink), high

    def bicubic(low: Pixels) -> Pixels:
        size = (low.shape[1] * scale, low.shape[0] * scale)
        return np.asarray(Image.fromarray(low).resize(size, Image.Resampling.BICUBIC))

    scores, baseline, seconds = compare_pairs(pairs(), len(files), chain, bicubic, network, config.border, on_progress)
    return Evaluation(
        model=config.model, task="super-resolution", device=chain.device, inputs=str(config.data),
        references=str(config.data), pictures=len(files),
        protocol=f"shrunk {scale} times ({config.shrink}), 8 bits, {config.border} pixels of border left out; "
        "the baseline is bicubic",
        metrics=scores, baseline=baseline, seconds=seconds,
        published=published(config.data, len(files), scale, config.shrink, config.border),
    )  # fmt: skip


def _pairs(config: EvaluateConfig, chain: Chain, network: FeatureNetwork | None, on_progress: Progress) -> Evaluation:
    folder = next((config.data / name for name in ("test", "val") if (config.data / name).is_dir()), config.data)
    files = _chosen(list_pictures(folder), config)

    def pairs() -> Iterator[tuple[Pixels, Pixels]]:
        for file in files:
            whole = load_rgb(file)
            half = whole.shape[1] // 2
            if half < 1 or whole.shape[1] < 1.5 * whole.shape[0]:
                raise DataError(
                    f"{file} ({whole.shape[1]} x {whole.shape[0]}) does not look like two pictures side by side, and "
                    f"{config.data} has no two folders such as testA and testB."
                )
            left, right = (np.ascontiguousarray(part) for part in (whole[:, :half], whole[:, half : 2 * half]))
            yield (right, left) if config.direction == "b-to-a" else (left, right)

    scores, baseline, seconds = compare_pairs(
        pairs(), len(files), chain, lambda picture: picture, network, config.border, on_progress
    )
    return Evaluation(
        model=config.model, task="translation", device=chain.device, inputs=str(folder), references=str(folder),
        pictures=len(files), protocol="pairs side by side, 8 bits; the baseline is the input as it is",
        metrics=scores, baseline=baseline, seconds=seconds,
    )  # fmt: skip


def _piles(
    config: EvaluateConfig,
    chain: Chain,
    network: FeatureNetwork | None,
    known: bool,
    inputs: Path,
    targets: Path,
    on_progress: Progress,
) -> Evaluation:
    files = _chosen(list_pictures(inputs), config)
    pictures = [load_rgb(file) for file in files]
    if config.side:
        pictures = [resized(picture, config.side) for picture in pictures]
    real = [load_rgb(file) for file in _chosen(list_pictures(targets), config)]
    real = [resized(picture, config.side) for picture in real] if config.side else real
    results: list[Pixels] = []
    start = time.perf_counter()
    for number, picture in enumerate(pictures):
        on_progress("translating", number, len(pictures))
        results.append(np.asarray(chain(picture)))
    seconds = time.perf_counter() - start
    scores, baseline = (
        pile_scores(pile, real, network, known) | {"edge agreement": mean_agreement(pictures, pile)}
        for pile in (results, pictures)
    )
    size = f"resized to a shorter side of {config.side}" if config.side else "at their own size"
    return Evaluation(
        model=config.model, task="translation", device=chain.device, inputs=str(inputs), references=str(targets),
        pictures=len(files),
        protocol=f"{len(files)} inputs against {len(real)} real pictures, {size} before translation; SWD on squares of "
        "256 (bilinear); networks see 224 x 224 (bilinear, antialiased); the baseline is the inputs as they are",
        metrics=scores, baseline=baseline, seconds=seconds,
    )  # fmt: skip


def _chosen(files: list[Path], config: EvaluateConfig) -> list[Path]:
    return files[: config.limit] if config.limit else files


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)
