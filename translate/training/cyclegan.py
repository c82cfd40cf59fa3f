"""CycleGAN: translation between two unpaired piles, both ways at once (Zhu et al. 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.manifest import Manifest
from models.zoo import build_discriminator, build_generator
from translate.training.augment import DiffAugment, SlopePenalty
from translate.training.config import CycleGANConfig
from translate.training.losses import full, kept, least_squares, mean_score
from translate.training.method import Backward, Batch, Trainable, adam, backward, describe, each, frozen
from translate.training.pool import ImagePool

l1 = nn.functional.l1_loss


class CycleGAN(Trainable):
    """Two generators held together by the cycle A -> B -> A. Batch: pictures of A and of B, unrelated."""

    def __init__(self, config: CycleGANConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.device = device
        self.g_ab, self.g_ba = (
            build_generator(config.generator, **config.generator_arguments).to(device) for _ in range(2)
        )
        self.d_a, self.d_b = (
            build_discriminator(config.discriminator, **config.discriminator_arguments).to(device) for _ in range(2)
        )
        self.pool_a, self.pool_b = (ImagePool(config.pool, config.seed + offset) for offset in (1, 2))
        self.augment = DiffAugment(config.diffaugment, config.seed + 3)
        self.r1 = SlopePenalty(config.r1_weight, config.r1_every)
        self.g_optimizer = adam(config, self.g_ab, self.g_ba)
        self.d_optimizer = adam(config, self.d_a, self.d_b)
        super().__init__(
            {"g_ab": self.g_ab, "g_ba": self.g_ba, "d_a": self.d_a, "d_b": self.d_b},
            {"g": self.g_optimizer, "d": self.d_optimizer},
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Zhu et al. 2017, eq. 3, with the identity loss of section 5.2. Generators first."""
        a, b = batch
        with_identity = self.config.identity_weight > 0
        fake_b, *same_b = map(full, each(self.g_ab, a, *[b] * with_identity))
        fake_a, *same_a = map(full, each(self.g_ba, b, *[a] * with_identity))

        # Generators: min GAN(G, D_B) + GAN(F, D_A) + λ cycle + λ/2 identity
        with frozen(self.d_a, self.d_b):
            judged_b, judged_a = self.d_b(self.augment(fake_b)), self.d_a(self.augment(fake_a))
        gan = least_squares(judged_b, real=True) + least_squares(judged_a, real=True)
        cycle = l1(full(self.g_ba(fake_b)), a) + l1(full(self.g_ab(fake_a)), b)
        loss = gan + self.config.cycle_weight * cycle
        losses = {"g_gan": gan, "g_cycle": cycle}
        if with_identity:
            identity = l1(same_b[0], b) + l1(same_a[0], a)
            loss = loss + self.config.cycle_weight * self.config.identity_weight * identity
            losses["g_identity"] = identity
        if self.config.keep_weight > 0:
            keep = kept(fake_b, a, self.config.keep_pixels) + kept(fake_a, b, self.config.keep_pixels)
            loss = loss + self.config.keep_weight * keep
            losses["g_keep"] = keep
        self.g_optimizer.zero_grad()
        self.backward(loss)
        self.g_optimizer.step()

        # Discriminators: real -> 1, an earlier fake -> 0, halved to slow them (section 4)
        old_a, old_b = self.pool_a.swap(fake_a.detach()), self.pool_b.swap(fake_b.detach())
        d_a = self.judgement("A", self.d_a, a, old_a)
        d_b = self.judgement("B", self.d_b, b, old_b)
        losses |= {"d_a": d_a, "d_b": d_b}
        d_loss = 0.5 * (d_a + d_b)
        if self.r1.due():
            losses["d_r1"] = self.r1(self.d_a, a) + self.r1(self.d_b, b)
            d_loss = d_loss + losses["d_r1"]
        self.d_optimizer.zero_grad()
        self.backward(d_loss)
        self.d_optimizer.step()

        return {name: loss.detach() for name, loss in losses.items()}

    def judgement(self, name: str, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """What a discriminator minimises: real -> 1, fake -> 0."""
        on_real, on_fake = each(discriminator, self.augment(real), self.augment(fake))
        self.verdicts |= {f"D_{name}(real)": mean_score(on_real), f"D_{name}(fake)": mean_score(on_fake)}
        return least_squares(on_real, real=True) + least_squares(on_fake, real=False)

    def state(self) -> dict[str, Any]:
        """Networks, optimizers, both pools, and where the augmentation and the penalty stand."""
        pools = {"pool_a": self.pool_a.state(), "pool_b": self.pool_b.state()}
        return {**super().state(), **pools, "augment": self.augment.state(), "r1": self.r1.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        super().load_state(state)
        self.pool_a.load_state(state["pool_a"], self.device)
        self.pool_b.load_state(state["pool_b"], self.device)
        if "augment" in state:  # a run begun before there was one
            self.augment.load_state(state["augment"])
            self.r1.load_state(state["r1"])

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """ab: A -> B, ba: B -> A; their models are named so, too."""
        a, b = self.config.source or "A", self.config.target or "B"
        ab = describe(self.g_ab, self.config, "translation", a, b)
        ba = describe(self.g_ba, self.config, "translation", b, a)
        return {
            "ab": (self.g_ab, dataclasses.replace(ab, name=f"{ab.name}-ab")),
            "ba": (self.g_ba, dataclasses.replace(ba, name=f"{ba.name}-ba")),
        }

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """A, A as B, and back; B, B as A, and back."""
        ab, ba = generators["ab"], generators["ba"]
        fake_b, fake_a = ab(batch.a), ba(batch.b)
        return {
            "A": batch.a,
            "A as B": fake_b,
            "A again": ba(fake_b),
            "B": batch.b,
            "B as A": fake_a,
            "B again": ab(fake_a),
        }
