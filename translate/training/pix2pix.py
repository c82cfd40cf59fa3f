"""Pix2Pix: translation learned from aligned pairs (Isola et al. 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.layers import per_picture
from models.manifest import Manifest
from models.zoo import build_discriminator, build_generator
from translate.training.config import Pix2PixConfig
from translate.training.losses import belief, full, vanilla
from translate.training.method import Backward, Batch, Trainable, adam, backward, describe, each, frozen

l1 = nn.functional.l1_loss


class Pix2Pix(Trainable):
    """Conditional GAN with a pixel distance. Batch: input and target."""

    def __init__(self, config: Pix2PixConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.g = build_generator(config.generator, **config.generator_arguments).to(device)
        norm = {"norm": "batch"} if config.discriminator in ("patchgan", "pixel") else {}  # the others have their own
        self.d = build_discriminator(
            config.discriminator, **{"channels": 2 * 3, **norm, **config.discriminator_arguments}
        ).to(device)
        self.g_optimizer = adam(config, self.g)
        self.d_optimizer = adam(config, self.d)
        super().__init__({"g": self.g, "d": self.d}, {"g": self.g_optimizer, "d": self.d_optimizer})

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Isola et al. 2017, eq. 4. D first, halved to slow it (section 3.3)."""
        a, b = batch
        fake = full(self.g(a))

        # Discriminator: (input, target) -> 1, (input, fake) -> 0. BatchNorm must not mix real and fake.
        real_logits, fake_logits = each(self.d, torch.cat([a, b], 1), torch.cat([a, fake.detach()], 1))
        d_real, d_fake = vanilla(real_logits, real=True), vanilla(fake_logits, real=False)
        self.verdicts = {"D(real)": belief(real_logits), "D(fake)": belief(fake_logits)}
        self.d_optimizer.zero_grad()
        self.backward(0.5 * (d_real + d_fake))
        self.d_optimizer.step()

        # Generator: min GAN + λ |target - fake|
        with frozen(self.d):
            gan = vanilla(self.d(torch.cat([a, fake], 1)), real=True)
        distance = l1(fake, b)
        self.g_optimizer.zero_grad()
        self.backward(gan + self.config.l1_weight * distance)
        self.g_optimizer.step()

        losses = {"g_gan": gan, "g_l1": distance, "d_real": d_real, "d_fake": d_fake}
        return {name: loss.detach() for name, loss in losses.items()}

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """One generator. Its pictures are normalised by themselves, as the paper does at test time."""
        config = self.config
        manifest = describe(self.g, config, "translation", config.source or "A", config.target or "B")
        if manifest.normalization == "fixed":
            manifest = dataclasses.replace(manifest, normalization="picture")
        return {"g": (self.g, manifest)}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Input, result as exported, target."""
        return {"input": batch.a, "result": per_picture(generators["g"])(batch.a), "target": batch.b}
