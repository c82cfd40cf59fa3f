"""Scores of results: of each with its target, and of all of them with a pile of real pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.errors import DataError
from translate.inference.chain import Chain
from translate.metrics.distances import Network, Scores, distance_scores
from translate.metrics.features import FeatureNetwork, in_batches
from translate.metrics.lpips import HEADS, lpips
from translate.metrics.similarity import Pixels, edge_agreement, luma, psnr, ssim, without_border
from translate.metrics.wasserstein import sliced_wasserstein
from translate.training.degrade import resized as resampled

Progress = Callable[[str, int, int], None]
"""What is being done, how many are, of how many."""
SEEN = 32
"""Smallest side of pictures that feature networks compare, in pixels."""
GREY = 127.5
"""What is laid under pictures with alpha, as in training."""
SQUARE = 256
"""Side that pictures are brought to for the sliced Wasserstein distance."""


class Tally:
    """What is found of results and their targets, one pair after the other.

    Args:
        network: to see them with, if any.
        border: pixels at each side that are left out.
    """

    def __init__(self, network: Network | None, border: int) -> None:
        self.network, self.border = network, border
        self.rows: list[Scores] = []
        self.features: tuple[list[Tensor], list[Tensor]] = ([], [])

    def add(self, result: Pixels, target: Pixels) -> None:
        """[H, W, C] each, of 1, 3 or 4 channels."""
        one, other = (without_border(picture, self.border) for picture in (result, target))
        self.rows.append(similarity(one, other, self.network))
        if self.network:
            for kept, picture in zip(self.features, (other, one), strict=True):
                kept.append(in_batches([to_unit(as_rgb(picture))], self.network))

    def scores(self) -> Scores:
        """Means over pairs; and distances of all results from all targets, if there are two or more."""
        scores = means(self.rows)
        if self.network and len(self.rows) > 1:
            real, fake = (torch.cat(kept) for kept in self.features)
            scores |= distance_scores(real, fake, self.network)
        return scores


def compare_pairs(
    pairs: Iterator[tuple[Path, Pixels, Pixels]],
    count: int,
    chain: Chain,
    plain: Callable[[Pixels], Pixels],
    ours: Tally,
    theirs: Tally,
    on_progress: Progress,
) -> float:
    """Tally the model's results in `ours` and those of `plain` in `theirs`. Returns seconds of translation.

    Args:
        pairs: name, picture, target.
    Raises:
        DataError: a result is not of its target's size.
    """
    seconds = 0.0
    for number, (name, picture, target) in enumerate(pairs):
        on_progress("translating", number, count)
        start = time.perf_counter()
        result = np.asarray(chain(picture))
        seconds += time.perf_counter() - start
        if result.shape != target.shape:
            raise DataError(
                f"{name} becomes {result.shape[1]} x {result.shape[0]} pixels, and its target has {target.shape[1]} x "
                f"{target.shape[0]}: bring both to one size first."
            )
        ours.add(result, target)
        theirs.add(plain(picture), target)
    return seconds


def similarity(one: Pixels, other: Pixels, network: Network | None) -> Scores:
    """How alike two pictures of one size are; grey is measured as RGB, alpha over grey and by itself."""
    found: Scores = {}
    if one.shape[2] == 4:
        found["PSNR (alpha)"] = psnr(one[:, :, 3], other[:, :, 3])
    one, other = as_rgb(one), as_rgb(other)
    found |= {"PSNR (RGB)": psnr(one, other), "PSNR (Y)": _psnr_of_luma(one, other)}
    if min(one.shape[:2]) >= 11:
        found |= {"SSIM (RGB)": ssim(one, other), "SSIM (Y)": ssim(luma(one), luma(other))}
    if isinstance(network, FeatureNetwork) and min(one.shape[:2]) >= SEEN:
        two = [to_unit(picture)[None] for picture in (one, other)]
        with torch.no_grad():
            learned = lpips(network, *two)
            if learned is not None:
                found[f"LPIPS ({HEADS[network.title][0]})"] = float(learned)
            found[f"perceptual distance ({network.title})"] = float(network.distance(*two))
    return found


def _psnr_of_luma(one: Pixels, other: Pixels) -> float:
    return psnr(luma(one), luma(other))


def pile_scores(results: list[Pixels], real: list[Pixels], network: Network | None) -> Scores:
    """Distances of two piles of RGB pictures."""
    squares = [torch.stack([to_unit(_square(picture)) for picture in pile]) * 2 - 1 for pile in (real, results)]
    levels = sliced_wasserstein(squares[0], squares[1])
    scores = {f"SWD x 1000 ({side} pixels)": value for side, value in levels.items()}
    scores["SWD x 1000 (mean)"] = float(np.mean(list(levels.values())))
    if network:
        seen = [in_batches([to_unit(picture) for picture in pile], network) for pile in (real, results)]
        scores |= distance_scores(seen[0], seen[1], network)
    return scores


def as_rgb(picture: Pixels) -> Pixels:
    """[H, W, 1, 3 or 4] uint8 as it is measured, [H, W, 3]: grey in three channels, alpha over grey."""
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    if picture.shape[2] == 4:
        share = picture[:, :, 3:] / 255
        return (picture[:, :, :3] * share + GREY * (1 - share)).round().astype(np.uint8)
    return picture


def to_unit(picture: Pixels) -> Tensor:
    """[H, W, 3] uint8 -> [3, H, W] float in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


def _square(picture: Pixels, side: int = SQUARE) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))


def resized(picture: Pixels, side: int) -> Pixels:
    """With a shorter side of `side` (bicubic)."""
    factor = side / min(picture.shape[:2])
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))
    return resampled(picture, size, Image.Resampling.BICUBIC)


def mean_agreement(pictures: list[Pixels], results: list[Pixels]) -> float:
    return float(np.mean([edge_agreement(a, b) for a, b in zip(pictures, results, strict=True)]))


def means(rows: list[Scores]) -> Scores:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
