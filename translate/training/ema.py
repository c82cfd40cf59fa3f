"""Running averages of generators."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Ema:
    """Exponential moving average of weights: average <- decay * average + (1 - decay) * weights.

    The decay grows as (1 + n) / (10 + n) at first, so that the average does not remember the initialisation. A decay
    of 0 makes the average the network itself, at no cost. Buffers are copied.
    """

    def __init__(self, generators: dict[str, nn.Module], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.generators = generators
        self.averages = copy.deepcopy(generators) if decay > 0 else generators
        if decay > 0:
            for average in self.averages.values():
                average.requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """Once after each step."""
        self.updates += 1
        if self.decay == 0:
            return
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # all in one kernel
        for name, generator in self.generators.items():
            average = self.averages[name]
            follow(list(average.parameters()), list(generator.parameters()), self.updates)
            for copied, buffer in zip(average.buffers(), generator.buffers(), strict=True):
                copied.copy_(buffer)
