"""The discriminators' side of a method: how they are asked, what either player minimises, and the penalties."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.spectral import normalise_spectrally
from models.zoo import build_discriminator
from translate.training.adversarial_settings import AdversarialConfig
from translate.training.augment import DiffAugment, InstanceNoise, SlopePenalty, slope_towards_one
from translate.training.draws import Draws
from translate.training.method import one_call_is_the_same
from translate.training.objective import OBJECTIVES, Verdicts


class Adversary:
    """The objective that the settings name, and all that is done to make it work.

    Args:
        augment: changes pictures before they are judged; nothing if None.
    """

    def __init__(self, config: AdversarialConfig, augment: DiffAugment | None = None) -> None:
        self.config = config
        self.objective = OBJECTIVES[config.objective]
        self.augment = augment or DiffAugment((), config.seed)
        self.noise = InstanceNoise(config.instance_noise, max(config.images // config.batch, 1), config.seed + 6)
        self.r1 = SlopePenalty(config.r1_weight, config.r1_every)
        self.draws = Draws(config.seed + 4)
        self.flat_now = False
        self.verdicts: dict[str, Tensor] = {}

    def discriminator(self, device: torch.device, **arguments: Any) -> nn.Module:
        """A new one as the settings have it; `arguments` are the method's, which they may override."""
        config = self.config
        network = build_discriminator(config.discriminator, **{**arguments, **config.discriminator_arguments})
        if config.spectral_norm:
            normalise_spectrally(network)
        return network.to(device)

    def begin(self) -> None:
        """Once an update, before anything is judged."""
        self.noise.advance()
        self.flat_now = self.r1.due()
        self.verdicts = {}

    def shown(self, pictures: Tensor) -> Tensor:
        """Pictures as a discriminator gets them."""
        return self.noise(self.augment(pictures))

    def fooled(self, discriminator: nn.Module, fake: Tensor, real: Tensor) -> Tensor:
        """What the generator minimises; hold the discriminator `frozen`. Gradients go to the fake pictures alone."""
        if not self.objective.relative:
            return self.objective.generator(discriminator(self.shown(fake)))
        on_real, on_fake = self.judge(discriminator, real.detach(), fake)
        return self.objective.generator(on_fake, on_real)

    def told_apart(self, name: str, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """What the discriminator that is logged as `name` minimises on real and on fake pictures, [B, C, H, W]."""
        on_real, on_fake = self.judge(discriminator, real, fake)
        self.verdicts |= self.objective.beliefs(name, on_real, on_fake)
        true, false = 1 - self.config.label_smoothing, 0.0
        return self.objective.discriminator(
            on_real, on_fake, self.labels(real, true, false), self.labels(fake, false, true)
        )

    def penalties(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What is added to the discriminator's losses in this update: R1 in every so many, the gradient penalty of
        wgan-gp in each."""
        found = {"d_r1": self.r1(discriminator, real)} if self.flat_now else {}
        if self.config.objective == "wgan-gp":
            place = self.draws.uniform(len(real)).view(-1, 1, 1, 1).to(real)
            found["d_slope"] = self.config.gradient_penalty * slope_towards_one(discriminator, real, fake, place)
        return found

    def judge(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Verdicts, Verdicts]:
        """Verdicts on both, in one call where that computes the same."""
        if not one_call_is_the_same(discriminator):
            return discriminator(self.shown(real)), discriminator(self.shown(fake))
        verdicts: Verdicts = discriminator(torch.cat([self.shown(real), self.shown(fake)]))
        if isinstance(verdicts, Tensor):
            return verdicts[: len(real)], verdicts[len(real) :]
        return [scale[: len(real)] for scale in verdicts], [scale[len(real) :] for scale in verdicts]

    def labels(self, pictures: Tensor, right: float, wrong: float) -> Tensor:
        """One for each picture, [B]; some wrong where the settings say so; drawn on the CPU."""
        labels = torch.full((len(pictures),), right, device=pictures.device)
        if self.config.label_flips == 0:
            return labels
        flipped = self.draws.uniform(len(pictures)) < self.config.label_flips
        return torch.where(flipped.to(pictures.device, non_blocking=True), wrong, labels)

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint; that of `augment` and `r1` is theirs."""
        return {"noise": self.noise.state(), **self.draws.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.noise.load_state(state["noise"])
        self.draws.load_state(state)
