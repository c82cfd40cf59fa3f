"""What the pictures kept aside say of a run, and by which its best checkpoint is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translate.metrics.distances import pile_distances
from translate.metrics.features import FeatureNetwork
from translate.metrics.similarity import ssim
from translate.metrics.wasserstein import SMALLEST, sliced_wasserstein
from translate.training.health import mean
from translate.training.losses import peak_signal_to_noise

SMALLER_IS_BETTER = {"validation_swd", "validation_kernel", "validation_perceptual"}
PILES = (("A as B", "B"), ("B as A", "A"))
Columns = Mapping[str, Tensor]


def validate(columns: Sequence[Columns], network: FeatureNetwork | None = None) -> dict[str, float]:
    """Where there is a target: PSNR, SSIM and, with a network, the perceptual distance, means over pictures. Of piles:
    the sliced Wasserstein distance (times 1e3, mean over levels) of results and real pictures and, with a network, the
    kernel distance of its features, means over directions, for which it takes two pictures.

    Args:
        columns: of sample sheets, [1, 3, H, W] in [-1, 1] each.
        network: --validation-features.
    """
    if columns and {"result", "target"} <= set(columns[0]):
        return _pairs([(row["result"], row["target"]) for row in columns], network)
    distances: list[float] = []
    kernels: list[float] = []
    for result, real in PILES:
        if len(columns) < 2 or result not in columns[0] or min(columns[0][real].shape[-2:]) < SMALLEST:
            continue
        piles = [torch.cat([row[name] for row in columns]).float().cpu() for name in (real, result)]
        distances += sliced_wasserstein(piles[0], piles[1]).values()
        if network:
            seen = [list(((pile + 1) / 2).clamp(0, 1)) for pile in piles]
            kernels.append(pile_distances(seen[0], seen[1], network).kid)
    found = {"validation_swd": mean(distances)} if distances else {}
    return found | ({"validation_kernel": mean(kernels)} if kernels else {})


def choose(measures: Mapping[str, float], measure: str) -> str:
    """Name of the measure by which the best checkpoint is chosen, or "" where there is none.

    Args:
        measure: --validation-measure; auto is the first.
    """
    wanted = next(iter(measures), "") if measure == "auto" else f"validation_{measure}"
    return wanted if wanted in measures else ""


def _pairs(pairs: Sequence[tuple[Tensor, Tensor]], network: FeatureNetwork | None) -> dict[str, float]:
    found = {"validation_psnr": mean([float(peak_signal_to_noise(*pair).mean()) for pair in pairs])}
    if min(side for pair in pairs for side in pair[0].shape[-2:]) >= 11:
        found["validation_ssim"] = mean([ssim(_values(one), _values(other)) for one, other in pairs])
    if network:
        distances = [
            network.distance(*((part.float().cpu() + 1).clamp(0, 2) / 2 for part in pair)).mean() for pair in pairs
        ]
        found["validation_perceptual"] = mean([float(distance) for distance in distances])
    return found


def _values(picture: Tensor) -> NDArray[np.float64]:
    """[1, 3, H, W] in [-1, 1] -> [H, W, 3], whole numbers from 0 to 255."""
    values = ((picture[0].double().cpu() + 1) * 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(values.permute(1, 2, 0).numpy())
