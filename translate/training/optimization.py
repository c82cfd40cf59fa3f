"""How the weights follow the gradients: learning rates, parts of a batch, clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from torch import Tensor, nn, optim

from translate.training.method import Batch
from translate.training.settings import TrainingConfig


def learning_rate_factor(images: int, config: TrainingConfig) -> float:
    """Warm-up times the schedule, after so many images.

    The papers' code steps once an epoch; a line or a cosine goes down with each update, which is the same, finer.
    """
    rise = min(1.0, (images + config.batch) / config.warmup_images) if config.warmup_images else 1.0
    progress = images / config.images
    if config.schedule == "step":
        return rise * config.step_factor ** sum(progress >= place for place in config.step_at)
    if config.decay_from == 1:
        return rise
    left = min(1.0, (1 - progress) / (1 - config.decay_from))
    return rise * (left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def learning_rates(images: int, config: TrainingConfig) -> dict[str, float]:
    """Of each player, g and d, after so many images."""
    factor = learning_rate_factor(images, config)
    rates = {"g": config.learning_rate, "d": config.discriminator_learning_rate or config.learning_rate}
    return {player: rate * factor for player, rate in rates.items()}


def set_learning_rates(optimizers: Mapping[str, optim.Optimizer], images: int, config: TrainingConfig) -> None:
    """Those of this place in the run."""
    rates = learning_rates(images, config)
    for player, optimizer in optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rates[player]


def adam(config: TrainingConfig, *networks: nn.Module) -> optim.Adam:
    """Adam over the parameters of the networks, fused into one kernel."""
    parameters = chain.from_iterable(network.parameters() for network in networks)
    return optim.Adam(parameters, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True)


def parts_of(batch: Batch, count: int) -> list[tuple[float, Batch]]:
    """A batch in at most `count` parts of pictures, each with its share of the whole, by which its loss is weighted."""
    size = len(batch.a)
    if count == 1:
        return [(1.0, batch)]
    pairs: Iterator[tuple[Tensor, Tensor]] = zip(batch.a.chunk(count), batch.b.chunk(count), strict=True)
    return [(len(a) / size, Batch(a, b)) for a, b in pairs]


def clip(optimizers: Mapping[str, optim.Optimizer], longest: float) -> None:
    """From now on each optimizer follows a gradient of that norm at most (Pascanu et al. 2013); 0: any.

    A hook before its step: what else is done to gradients there must be hooked in before.
    """

    def shorten(optimizer: optim.Optimizer, *_: Any) -> None:
        followed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(followed, longest)

    for optimizer in optimizers.values() if longest > 0 else ():
        optimizer.register_step_pre_hook(shorten)


class Means:
    """Losses of the parts of a batch, averaged by their shares; on the device, detached."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def add(self, share: float, losses: Mapping[str, Tensor]) -> None:
        """Those of one part."""
        for name, loss in losses.items():
            part = share * loss.detach()
            self.values[name] = self.values[name] + part if name in self.values else part
