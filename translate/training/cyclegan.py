"""CycleGAN: translation between two unpaired piles, both ways at once (Zhu et al. 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.manifest import Manifest
from models.resnet import ResNetGenerator
from models.zoo import build_generator
from translate.training.adversary import Adversary
from translate.training.augment import DiffAugment
from translate.training.config import CycleGANConfig
from translate.training.losses import full, held
from translate.training.masks import apart, split, tell_mask, through
from translate.training.method import Backward, Batch, Trainable, backward, describe, each, frozen
from translate.training.optimization import Means, adam, parts_of
from translate.training.pool import ImagePool
from translate.training.recognition import Recognition

l1 = nn.functional.l1_loss


class CycleGAN(Trainable):
    """Two generators held together by the cycle A -> B -> A. Batch: pictures of A and of B, unrelated."""

    def __init__(self, config: CycleGANConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.g_ab, self.g_ba = (
            build_generator(config.generator, **config.generator_arguments).to(device) for _ in range(2)
        )
        for g in (self.g_ab, self.g_ba):
            tell_mask(g, config)
        self.rival = Adversary(config, DiffAugment(config.diffaugment, config.seed + 3))
        self.d_a, self.d_b = (self.rival.discriminator(device, channels=self.g_ab.channels) for _ in range(2))
        self.recognition = Recognition(config.classifier, config.classes).to(device) if config.classifier else None
        self.pool_a, self.pool_b = (ImagePool(config.pool, config.seed + offset) for offset in (1, 2))
        self.g_optimizer = adam(config, self.g_ab, self.g_ba)
        self.d_optimizer = adam(config, self.d_a, self.d_b)
        super().__init__(
            {"g_ab": self.g_ab, "g_ba": self.g_ba, "d_a": self.d_a, "d_b": self.d_b},
            {"g": self.g_optimizer, "d": self.d_optimizer},
            pool_a=self.pool_a, pool_b=self.pool_b,
            augment=self.rival.augment, r1=self.rival.r1, rival=self.rival,
        )  # fmt: skip

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Zhu et al. 2017, eq. 3, with the identity loss of section 5.2. Generators first."""
        losses, fakes = Means(), []
        parts = [(share, *apart(part, self.g_ab.channels)) for share, part in parts_of(batch, self.config.accumulate)]
        self.rival.begin()
        for generator in (self.g_ab, self.g_ba):
            if isinstance(generator, ResNetGenerator):
                generator.shown.fill_(1 - self.config.risen(self.done))

        self.g_optimizer.zero_grad()
        for share, pictures, masks in parts:
            fake_a, fake_b, loss, found = self.painted(pictures, masks)
            self.backward(share * loss)
            losses.add(share, found)
            fakes.append((fake_a.detach(), fake_b.detach()))
        self.g_optimizer.step()

        # Discriminators: real from an earlier fake, halved to slow them (section 4)
        self.d_optimizer.zero_grad()
        for (share, pictures, masks), (fake_a, fake_b) in zip(parts, fakes, strict=True):
            a, b = map(through, pictures, masks)
            old_a, old_b = self.pool_a.swap(fake_a), self.pool_b.swap(fake_b)
            d_a = torch.stack(self.rival.told_apart("D_A", self.d_a, a, old_a)).sum()
            d_b = torch.stack(self.rival.told_apart("D_B", self.d_b, b, old_b)).sum()
            on_a, on_b = self.rival.penalties(self.d_a, a, old_a), self.rival.penalties(self.d_b, b, old_b)
            penalties = {name: on_a[name] + on_b[name] for name in on_a}
            self.backward(share * (0.5 * (d_a + d_b) + sum(penalties.values())))
            losses.add(share, {"d_a": d_a, "d_b": d_b, **penalties})
        self.d_optimizer.step()

        self.verdicts = self.rival.verdicts
        return losses.values

    def painted(self, pictures: Batch, masks: Batch) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Fakes of A and B as they are judged, and what the generators minimise: GAN(G, D_B) + GAN(F, D_A) + λ cycle +
        λ/2 identity."""
        config, (a, b), (may_a, may_b) = self.config, pictures, masks
        with_identity = config.identity_weight > 0
        (fake_b, drawn_b), *same_b = map(self.with_mask, each(self.g_ab, a, *[b] * with_identity))
        (fake_a, drawn_a), *same_a = map(self.with_mask, each(self.g_ba, b, *[a] * with_identity))
        judged_a, judged_b = through(fake_a, may_b), through(fake_b, may_a)
        real_a, real_b = through(a, may_a), through(b, may_b)
        with frozen(self.d_a, self.d_b):
            gan = self.rival.fooled(self.d_b, judged_b, real_b) + self.rival.fooled(self.d_a, judged_a, real_a)
        (again_a, _), (again_b, _) = self.with_mask(self.g_ba(fake_b)), self.with_mask(self.g_ab(fake_a))
        cycle = l1(again_a, a) + l1(again_b, b)
        loss = gan + config.cycle_weight * cycle
        found = {"g_gan": gan, "g_cycle": cycle}
        if with_identity:
            identity = l1(same_b[0][0], b) + l1(same_a[0][0], a)
            loss = loss + config.cycle_weight * config.identity_weight * identity
            found["g_identity"] = identity
        if self.recognition is not None:
            found["g_class"] = self.recognition(fake_b, fake_a)
            loss = loss + config.class_weight * found["g_class"]
        holding, parts = held(config, self.done, (fake_b, a, may_a, drawn_b), (fake_a, b, may_b, drawn_a))
        return judged_a, judged_b, loss + holding, found | parts

    def with_mask(self, painted: Tensor) -> tuple[Tensor, Tensor]:
        """A result, and the mask that was drawn if that is told."""
        return split(full(painted), self.g_ab.channels)

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """ab: A -> B, ba: B -> A; their models are named so, too."""
        a, b = self.config.source or "A", self.config.target or "B"
        judges = self.recognition.judges if self.recognition else {}
        ab = describe(self.g_ab, self.config, "translation", a, b, judges)
        ba = describe(self.g_ba, self.config, "translation", b, a, judges)
        return {
            "ab": (self.g_ab, dataclasses.replace(ab, name=f"{ab.name}-ab")),
            "ba": (self.g_ba, dataclasses.replace(ba, name=f"{ba.name}-ba")),
        }

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """A, A as B, and back; B, B as A, and back."""
        ab, ba, ((a, b), _) = generators["ab"], generators["ba"], apart(batch, self.g_ab.channels)
        fake_b, fake_a = ab(a), ba(b)
        return {
            "A": a,
            "A as B": fake_b,
            "A again": ba(fake_b),
            "B": b,
            "B as A": fake_a,
            "B again": ab(fake_a),
        }
