"""SRGAN: super-resolution by a pixel distance first, then against a discriminator (Ledig et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.manifest import Manifest
from models.zoo import build_generator
from translate.training.adversary import Adversary
from translate.training.config import SRGANConfig
from translate.training.draws import Draws
from translate.training.losses import full, kept, woven
from translate.training.method import Backward, Batch, Trainable, backward, describe, frozen
from translate.training.optimization import Means, adam, parts_of
from translate.training.perception import Perception
from translate.training.pool import ImagePool

if TYPE_CHECKING:
    from translate.training.damage import Degrader

COLOR_SQUARES = 16
"""Side of the squares whose mean colours --color-weight compares."""
PIXEL_LOSSES = {"mse": nn.functional.mse_loss, "l1": nn.functional.l1_loss}


class SRGAN(Trainable):
    """Batch: low resolution and high resolution. The low one is in [-1, 1] too, where the paper has [0, 1]: one
    convention for all networks; the first layer absorbs the difference."""

    def __init__(self, config: SRGANConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.pixel_loss = PIXEL_LOSSES[config.pixel_loss]
        self.g = build_generator(config.generator, **config.generator_arguments).to(device)
        self.g_optimizer = adam(config, self.g)
        self.perception: Perception | None = None
        super().__init__({"g": self.g}, {"g": self.g_optimizer})
        self.degrade: Degrader | None = None
        if config.degradations:
            from translate.training.damage import Degrader  # kornia takes seconds to import

            self.degrade = Degrader(
                config.degradations,
                config.shrink,
                config.dither_chance,
                self.g.scale,
                config.seed + 5,
                config.accumulate,
            )
            self.memories["degrade"] = self.degrade
        if config.stage == "adversarial":
            self.rival = Adversary(config)
            crop = {"size": config.size} if config.discriminator == "vgg" else {}  # the others take any
            self.d = self.rival.discriminator(device, channels=self.g.channels, **crop)
            self.d_optimizer = adam(config, self.d)
            self.pool = ImagePool(config.pool, config.seed + 1)
            self.corners = Draws(config.seed + 6)
            self.networks["d"], self.optimizers["d"] = self.d, self.d_optimizer
            self.memories |= {"pool": self.pool, "r1": self.rival.r1, "rival": self.rival, "corners": self.corners}
            if config.perceptual_weight > 0:
                self.perception = Perception(config.perceptual_features, config.perceptual_distance).to(device)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of the stage that the settings name."""
        if self.degrade is not None:
            batch = Batch(self.degrade(batch.b), batch.b)
        return self.pixel_step(batch) if self.config.stage == "pixel" else self.adversarial_step(batch)

    def pixel_step(self, batch: Batch) -> dict[str, Tensor]:
        """Stage 1 (SRResNet): min |G(low) - high|, eq. 4."""
        losses = Means()
        self.g_optimizer.zero_grad()
        for share, (low, high) in parts_of(batch, self.config.accumulate):
            loss = self.pixel_loss(full(self.g(low)), high)
            self.backward(share * loss)
            losses.add(share, {"g_pixel": loss})
        self.g_optimizer.step()
        return losses.values

    def adversarial_step(self, batch: Batch) -> dict[str, Tensor]:
        """Stage 2 (SRGAN), eq. 2 and 3."""
        config, losses, fakes = self.config, Means(), []
        parts = parts_of(batch, config.accumulate)
        self.rival.begin()

        # Generator: min perceptual + 1e-3 GAN (+ pixel, grid, color)
        self.g_optimizer.zero_grad()
        for share, (low, high) in parts:
            fake = full(self.g(low))
            found = {"g_pixel": self.pixel_loss(fake, high)}
            loss = config.pixel_weight * found["g_pixel"]
            seen, target = self.from_a_corner(fake, high)
            if self.perception is not None:
                found["g_perceptual"] = self.perception(seen, target)
                loss = loss + config.perceptual_weight * found["g_perceptual"]
            if config.grid_weight > 0:
                found["g_grid"] = woven(fake, high)
                loss = loss + config.grid_weight * found["g_grid"]
            if config.color_weight > 0:
                found["g_color"] = kept(fake, high, COLOR_SQUARES)
                loss = loss + config.color_weight * found["g_color"]
            with frozen(self.d):
                found["g_gan"] = self.rival.fooled(self.d, seen, target)
            self.backward(share * (loss + config.adversarial_weight * found["g_gan"]))
            losses.add(share, found)
            fakes.append(fake.detach())
        self.g_optimizer.step()

        # Discriminator: original from (earlier) fake
        self.d_optimizer.zero_grad()
        for (share, (_, high)), fake in zip(parts, fakes, strict=True):
            old, high = self.from_a_corner(self.pool.swap(fake), high)
            d_real, d_fake = self.rival.told_apart("D", self.d, high, old)
            penalties = self.rival.penalties(self.d, high, old)
            self.backward(share * (d_real + d_fake + sum(penalties.values())))
            losses.add(share, {"d_real": d_real, "d_fake": d_fake, **penalties})
        self.d_optimizer.step()

        self.verdicts = self.rival.verdicts
        return losses.values

    def from_a_corner(self, *pictures: Tensor) -> list[Tensor]:
        """What is judged: all but `judged_shift` rows and columns, the same of all, drawn anew each time."""
        shift = self.config.judged_shift
        if shift == 0:
            return list(pictures)
        top, left = (int(self.corners.common(0, shift + 1)) for _ in range(2))
        height, width = (side - shift for side in pictures[0].shape[2:])
        return [picture[..., top : top + height, left : left + width] for picture in pictures]

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """The one generator."""
        source, target = self.config.source or "small pictures", self.config.target or "the same, larger"
        judges = self.perception.judges if self.perception else {}
        return {"g": (self.g, describe(self.g, self.config, "super-resolution", source, target, judges))}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Bicubic, result, original."""
        low, high = batch
        bicubic = interpolate(low, size=high.shape[-2:], mode="bicubic").clamp(-1, 1)
        return {"bicubic": bicubic, "result": generators["g"](low), "target": high}
