"""Scores of results: of each with its target, and of all of them with a pile of real pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from translate.inference.chain import Chain
from translate.metrics.distances import pile_distances
from translate.metrics.features import FeatureNetwork
from translate.metrics.similarity import Pixels, edge_agreement, luma, psnr, ssim, without_border
from translate.metrics.wasserstein import sliced_wasserstein

Progress = Callable[[str, int, int], None]
"""What is being done, how many are, of how many."""
Scores = dict[str, float]
SQUARE = 256
"""Side that pictures are brought to for the sliced Wasserstein distance."""


def compare_pairs(
    pairs: Iterator[tuple[Pixels, Pixels]],
    count: int,
    chain: Chain,
    plain: Callable[[Pixels], Pixels],
    network: FeatureNetwork | None,
    border: int,
    on_progress: Progress,
) -> tuple[Scores, Scores, float]:
    """Means over pairs of the model's metrics, and of those of `plain`; and seconds."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    seconds = 0.0
    for number, (picture, target) in enumerate(pairs):
        on_progress("translating", number, count)
        start = time.perf_counter()
        result = np.asarray(chain(picture))
        seconds += time.perf_counter() - start
        ours.append(_similarity(result, target, network, border))
        theirs.append(_similarity(plain(picture), target, network, border))
    return _means(ours), _means(theirs), seconds


def _similarity(result: Pixels, target: Pixels, network: FeatureNetwork | None, border: int) -> Scores:
    one, other = (without_border(picture, border) for picture in (result, target))
    found = {"PSNR (RGB)": psnr(one, other), "PSNR (Y)": _psnr_of_luma(one, other)}
    if min(one.shape[:2]) >= 11:
        found |= {"SSIM (RGB)": ssim(one, other), "SSIM (Y)": ssim(luma(one), luma(other))}
    if network:
        with torch.no_grad():
            distance = network.distance(*(to_unit(picture)[None] for picture in (one, other)))
        found[f"perceptual distance ({network.title})"] = float(distance)
    return found


def _psnr_of_luma(one: Pixels, other: Pixels) -> float:
    return psnr(luma(one), luma(other))


def pile_scores(results: list[Pixels], real: list[Pixels], network: FeatureNetwork | None, known: bool) -> Scores:
    squares = [torch.stack([to_unit(_square(picture)) for picture in pile]) * 2 - 1 for pile in (real, results)]
    levels = sliced_wasserstein(squares[0], squares[1])
    scores = {f"SWD x 1000 ({side} pixels)": value for side, value in levels.items()}
    scores["SWD x 1000 (mean)"] = float(np.mean(list(levels.values())))
    if known:
        found = pile_distances([to_unit(p) for p in real], [to_unit(p) for p in results], network)
        plain = network is None
        scores["FID" if plain else f"Fréchet distance ({found.features})"] = found.fid
        scores["KID" if plain else f"kernel distance ({found.features})"] = found.kid
        scores["KID, deviation" if plain else f"kernel distance, deviation ({found.features})"] = found.kid_deviation
    return scores


def to_unit(picture: Pixels) -> Tensor:
    """[H, W, 3] uint8 -> [3, H, W] float in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


def _square(picture: Pixels, side: int = SQUARE) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))


def resized(picture: Pixels, side: int) -> Pixels:
    """With a shorter side of `side` (bicubic)."""
    factor = side / min(picture.shape[:2])
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def mean_agreement(pictures: list[Pixels], results: list[Pixels]) -> float:
    return float(np.mean([edge_agreement(a, b) for a, b in zip(pictures, results, strict=True)]))


def _means(rows: list[Scores]) -> Scores:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
