"""What the pictures kept aside say of a run, and by which its best checkpoint is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from translate.metrics.wasserstein import SMALLEST, sliced_wasserstein
from translate.training.health import mean
from translate.training.losses import peak_signal_to_noise

SMALLER_IS_BETTER = {"validation_swd"}
PILES = (("A as B", "B"), ("B as A", "A"))


def validate(columns: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """PSNR where there is a target; of piles the sliced Wasserstein distance (times 1e3) of results and real pictures,
    mean over levels and directions, for which it takes two pictures.

    Args:
        columns: of sample sheets, [1, 3, H, W] in [-1, 1] each.
    """
    if columns and {"result", "target"} <= set(columns[0]):
        psnr = [float(peak_signal_to_noise(row["result"], row["target"]).mean()) for row in columns]
        return {"validation_psnr": mean(psnr)}
    distances: list[float] = []
    for result, real in PILES:
        if len(columns) < 2 or result not in columns[0] or min(columns[0][real].shape[-2:]) < SMALLEST:
            continue
        piles = [torch.cat([row[name] for row in columns]).float().cpu() for name in (real, result)]
        distances += sliced_wasserstein(piles[0], piles[1]).values()
    return {"validation_swd": mean(distances)} if distances else {}
