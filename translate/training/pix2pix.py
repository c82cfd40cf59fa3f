"""Pix2Pix: translation learned from aligned pairs (Isola et al. 2017)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.layers import per_picture
from models.manifest import Manifest
from models.zoo import build_generator
from translate.training.adversary import Adversary
from translate.training.config import Pix2PixConfig
from translate.training.losses import feature_matching, full, woven
from translate.training.method import Backward, Batch, Trainable, backward, describe, frozen
from translate.training.optimization import Means, adam, parts_of
from translate.training.perception import Perception
from translate.training.pool import ImagePool

l1 = nn.functional.l1_loss
MIXABLE = ("patchgan", "pixel")
"""Discriminators that are published with BatchNorm for pairs; the others have their own normalization."""


class Pix2Pix(Trainable):
    """Conditional GAN with a pixel distance. Batch: input and target."""

    def __init__(self, config: Pix2PixConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.g = build_generator(config.generator, **config.generator_arguments).to(device)
        self.rival = Adversary(config)
        # wgan-gp looks at each picture's slope by itself, which BatchNorm would mix (Gulrajani et al. 2017, section 4)
        norm = {"norm": "instance" if config.objective == "wgan-gp" else "batch"}
        own = norm if config.discriminator in MIXABLE else {}
        self.d = self.rival.discriminator(device, channels=2 * self.g.channels, **own)
        self.pool = ImagePool(config.pool, config.seed + 1)
        self.perception: Perception | None = None
        if config.perceptual_weight > 0:
            self.perception = Perception(config.perceptual_features, config.perceptual_distance).to(device)
        self.g_optimizer = adam(config, self.g)
        self.d_optimizer = adam(config, self.d)
        super().__init__(
            {"g": self.g, "d": self.d}, {"g": self.g_optimizer, "d": self.d_optimizer},
            pool=self.pool, r1=self.rival.r1, rival=self.rival,
        )  # fmt: skip

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Isola et al. 2017, eq. 4. D first, halved to slow it (section 3.3)."""
        config, losses = self.config, Means()
        parts = parts_of(batch, config.accumulate)
        self.rival.begin()

        # Discriminator: (input, target) is real, (input, fake) is not
        self.d_optimizer.zero_grad()
        for share, (a, b) in parts:
            fake = full(self.g(a))
            real_pair, fake_pair = torch.cat([a, b], 1), self.pool.swap(torch.cat([a, fake.detach()], 1))
            d_real, d_fake = self.rival.told_apart("D", self.d, real_pair, fake_pair)
            penalties = self.rival.penalties(self.d, real_pair, fake_pair)
            self.backward(share * (0.5 * (d_real + d_fake) + sum(penalties.values())))
            losses.add(share, {"d_real": d_real, "d_fake": d_fake, **penalties})
        self.d_optimizer.step()

        # Generator: min GAN + λ |target - fake| (+ perceptual distance, grid, feature matching)
        self.g_optimizer.zero_grad()
        for share, (a, b) in parts:
            if len(parts) > 1:  # painted again, so that one part's graph is held at a time
                fake = full(self.g(a))
            distance = l1(fake, b)
            loss = config.l1_weight * distance
            found = {"g_l1": distance}
            if self.perception is not None:
                found["g_perceptual"] = self.perception(fake, b)
                loss = loss + config.perceptual_weight * found["g_perceptual"]
            if config.grid_weight > 0:
                found["g_grid"] = woven(fake, b)
                loss = loss + config.grid_weight * found["g_grid"]
            real_pair, fake_pair = torch.cat([a, b], 1), torch.cat([a, fake], 1)
            with frozen(self.d):
                found["g_gan"] = self.rival.fooled(self.d, fake_pair, real_pair)
                if config.feature_weight > 0:
                    found["g_features"] = feature_matching(*(self.d.layers(pair) for pair in (fake_pair, real_pair)))  # type: ignore[operator]
                    loss = loss + config.feature_weight * found["g_features"]
            self.backward(share * (found["g_gan"] + loss))
            losses.add(share, found)
        self.g_optimizer.step()

        self.verdicts = self.rival.verdicts
        return losses.values

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """One generator. Its pictures are normalised by themselves, as the paper does at test time."""
        config = self.config
        judges = self.perception.judges if self.perception else {}
        manifest = describe(self.g, config, "translation", config.source or "A", config.target or "B", judges)
        if manifest.normalization == "fixed":
            manifest = dataclasses.replace(manifest, normalization="picture")
        return {"g": (self.g, manifest)}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Input, result as exported, target."""
        return {"input": batch.a, "result": per_picture(generators["g"])(batch.a), "target": batch.b}
