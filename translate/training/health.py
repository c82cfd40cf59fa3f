"""Whether a run goes wrong, in numbers: each sign is a measure, a limit, and what to try."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.patchgan import MultiScaleDiscriminator
from translate.training.adversarial_settings import GAME, AdversarialConfig
from translate.training.losses import CELL, PERIOD
from translate.training.objective import OBJECTIVES
from translate.training.settings import TrainingConfig

TRIPLES = (("input", "result", "target"), ("bicubic", "result", "target"), ("A", "A as B", "B"), ("B", "B as A", "A"))
"""Columns of sample sheets that are an input, what was made of it, and a real picture."""
UNPAIRED = ("A as B", "B as A")
LUMA = (0.299, 0.587, 0.114)
OPTION = re.compile(r"--([a-z0-9-]+)")
SCALES: int = inspect.signature(MultiScaleDiscriminator).parameters["scales"].default


@dataclass(frozen=True)
class Sign:
    """One thing that goes wrong."""

    name: str
    measure: str
    """Beginning of the measure's name."""
    low: float
    """It is a bad sign where the measure is below ..."""
    high: float
    """... or above."""
    patience: int
    """For so many looks in a row."""
    what: str
    advice: tuple[str, ...]
    """What to try. One with an option that the method at hand lacks is left out."""


SIGNS = (
    Sign(
        "discriminator wins", "discriminator_loss", 0.05, 9e9, 5,
        "its loss is near zero, where 1 is guessing: there is little to learn from",
        (
            "for few pictures --diffaugment translation cutout", "--r1-weight 1", "--spectral-norm",
            "--instance-noise 0.1", "a smaller discriminator (--discriminator-arguments width 32)",
            "a larger --l1-weight",
        ),
    ),
    Sign(
        "mode collapse", "diversity", 0.15, 9e9, 2,
        "results are far more alike than the pictures that they were made of",
        (
            "a larger --l1-weight", "a larger --cycle-weight", "a larger --contrast-weight", "a lower --learning-rate",
            "more varied targets (translate data check)",
        ),
    ),
    Sign(
        "stuck at identity", "change", 0.1, 9e9, 2, "results are the pictures as they were",
        (
            "a smaller --identity-weight", "a smaller --keep-weight", "a lower --contrast-weight",
            "a larger --l1-weight", "a stronger discriminator (--discriminator-arguments width 128)",
        ),
    ),
    Sign(
        "colours inverted", "agreement", -0.4, 9e9, 2, "light has become dark and dark light",
        ("--identity-weight 0.5 or more", "--keep-weight 1 --keep-pixels 8", "another --seed"),
    ),
    Sign(
        "checkerboard", "grid", -9, 0.3, 2, "a grid of 2 or 4 pixels lies over the results",
        (
            "training on, for it fades in most runs", "a lower --learning-rate", "--grid-weight 2",
            "a lower --adversarial-weight", "a larger --l1-weight",
        ),
    ),
)  # fmt: skip


def advise(sign: Sign, config: TrainingConfig) -> str:
    """What to try, by options that the method and its stage have."""
    names = {entry.name for entry in dataclasses.fields(config)}
    if isinstance(config, AdversarialConfig) and not config.judged:
        names -= set(GAME)
    known = {name.replace("_", "-") for name in names}
    *others, last = [piece for piece in sign.advice if set(OPTION.findall(piece)) <= known]
    return f"{', '.join(others)}, or {last}" if others else last


def measure(columns: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """The measures of some pictures' columns, [1, 3, H, W] in [-1, 1] each.

    diversity: mean distance between any two results / between any two inputs, on means of 16 x 16 cells.
    change: mean distance of results from their inputs / of real pictures from these.
    agreement: correlation of the luma of results and inputs, on means of 32 x 32 cells.
    grid: part of the finest detail's energy that repeats every 4 pixels, beyond what real pictures have.
    Only grid is measured of super-resolution, whose results are to be what they were made of.
    """
    found: dict[str, float] = {}
    for source, result, target in TRIPLES:
        if not columns or not {source, result, target} <= set(columns[0]):
            continue
        inputs, results, reals = ([row[name].float().cpu() for row in columns] for name in (source, result, target))
        of = f" ({result})" if result in UNPAIRED else ""
        found[f"grid{of}"] = mean([grid(r) for r in results]) - mean([grid(r) for r in reals])
        if source == "bicubic":
            continue
        found[f"change{of}"] = _distance(results, inputs) / max(_distance(reals, inputs), 1e-6)
        if result in UNPAIRED:  # pairs have a target that says what must be light
            found[f"agreement{of}"] = mean([agreement(a, b) for a, b in zip(results, inputs, strict=True)])
        if len(columns) > 1 and (spread := diversity(inputs)) > 0.02:
            found[f"diversity{of}"] = diversity(results) / spread
    return found


def diversity(pictures: Sequence[Tensor]) -> float:
    """Mean distance between any two, on means of 16 x 16 cells."""
    small = [F.adaptive_avg_pool2d(picture, 16) for picture in pictures]
    return mean([float((a - b).abs().mean()) for a, b in itertools.combinations(small, 2)])


def agreement(one: Tensor, other: Tensor) -> float:
    """Correlation of the luma, on means of 32 x 32 cells; 0 where one is flat."""
    a, b = (F.adaptive_avg_pool2d(_luma(picture), 32).flatten() for picture in (one, other))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6))


def grid(picture: Tensor) -> float:
    """Part of the finest detail that repeats every 4 pixels, 0 to 1.

    Detail is the luma less its mean over 3 x 3 pixels. In each cell of 32 x 32 pixels (or what there is) it is averaged
    over places 4 pixels apart; what does not repeat averages out to a 64th.
    """
    luma = _luma(picture)
    detail = luma - F.avg_pool2d(F.pad(luma, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    cell = min(CELL, *(side // PERIOD * PERIOD for side in detail.shape[-2:]))
    rows, columns = (side // cell for side in detail.shape[-2:])
    cells = detail[0, 0, : rows * cell, : columns * cell].reshape(rows, cell, columns, cell).transpose(1, 2)
    steps = cell // PERIOD
    phases = cells.reshape(rows, columns, steps, PERIOD, steps, PERIOD).mean(dim=(2, 4))
    phases = phases - phases.mean(dim=(2, 3), keepdim=True)
    return float(phases.square().mean() / cells.square().mean().clamp_min(1e-6))


def discriminator_losses(line: Mapping[str, float], config: TrainingConfig) -> dict[str, float]:
    """Each discriminator's loss in a log line, in parts of what it would lose by guessing: 0 if it is always right.

    Nothing of a critic (wgan-gp): its loss has no such limits, and a large distance is what it is for. Smoothed and
    flipped labels keep a loss up, as they are meant to.
    """
    guessing = OBJECTIVES[config.objective].guessing if isinstance(config, AdversarialConfig) else None
    if guessing is None:
        return {}
    both = {"d": line["d_real"] + line["d_fake"]} if {"d_real", "d_fake"} <= line.keys() else {}
    both |= {name: line[name] for name in ("d_a", "d_b") if name in line}
    scales = config.discriminator_arguments.get("scales", SCALES) if config.discriminator == "multiscale" else 1
    return {f"discriminator_loss ({name})": loss / (2 * scales * guessing) for name, loss in both.items()}


class Watch:
    """Counts bad signs; each is told once, and again if it has been good in between."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def look(self, measures: Mapping[str, float]) -> list[tuple[Sign, str]]:
        """Signs that have just lasted long enough, and what was measured."""
        found = []
        for sign in SIGNS:
            for name, value in measures.items():
                if name.split(" (")[0] != sign.measure:
                    continue
                bad = value < sign.low or value > sign.high
                count = self.counts[sign.name, name] = self.counts.get((sign.name, name), 0) + 1 if bad else 0
                if count == sign.patience:
                    found.append((sign, f"{name} is {value:.2f}"))
        return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _distance(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    return mean([float((a - b).abs().mean()) for a, b in zip(some, others, strict=True)])


def _luma(picture: Tensor) -> Tensor:
    return (picture * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
