"""SRGAN: super-resolution by a pixel distance first, then against a discriminator (Ledig et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from models.manifest import Manifest
from models.zoo import build_discriminator, build_generator
from translate.training.config import SRGANConfig
from translate.training.losses import VGG54, belief, full, vanilla
from translate.training.method import Backward, Batch, Trainable, adam, backward, describe, each, frozen

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
        super().__init__({"g": self.g}, {"g": self.g_optimizer})
        if config.stage == "adversarial":
            crop = {"size": config.size} if config.discriminator == "vgg" else {}  # the others take any
            self.d = build_discriminator(config.discriminator, **{**crop, **config.discriminator_arguments}).to(device)
            self.d_optimizer = adam(config, self.d)
            self.networks["d"], self.optimizers["d"] = self.d, self.d_optimizer
            self.features = VGG54().to(device) if config.perceptual_weight > 0 else None

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of the stage that the settings name."""
        return self.pixel_step(batch) if self.config.stage == "pixel" else self.adversarial_step(batch)

    def pixel_step(self, batch: Batch) -> dict[str, Tensor]:
        """Stage 1 (SRResNet): min |G(low) - high|, eq. 4."""
        low, high = batch
        loss = self.pixel_loss(full(self.g(low)), high)
        self.g_optimizer.zero_grad()
        self.backward(loss)
        self.g_optimizer.step()
        return {"g_pixel": loss.detach()}

    def adversarial_step(self, batch: Batch) -> dict[str, Tensor]:
        """Stage 2 (SRGAN), eq. 2 and 3."""
        low, high = batch
        config = self.config
        fake = full(self.g(low))

        # Generator: min perceptual + 1e-3 GAN (+ pixel)
        pixel = self.pixel_loss(fake, high)
        loss = config.pixel_weight * pixel
        losses = {"g_pixel": pixel}
        if self.features is not None:
            losses["g_perceptual"] = nn.functional.mse_loss(full(self.features(fake)), full(self.features(high)))
            loss = loss + config.perceptual_weight * losses["g_perceptual"]
        with frozen(self.d):
            losses["g_gan"] = vanilla(self.d(fake), real=True)
        self.g_optimizer.zero_grad()
        self.backward(loss + config.adversarial_weight * losses["g_gan"])
        self.g_optimizer.step()

        # Discriminator: original -> 1, fake -> 0
        real_logits, fake_logits = each(self.d, high, fake.detach())
        losses["d_real"], losses["d_fake"] = vanilla(real_logits, real=True), vanilla(fake_logits, real=False)
        self.verdicts = {"D(real)": belief(real_logits), "D(fake)": belief(fake_logits)}
        self.d_optimizer.zero_grad()
        self.backward(losses["d_real"] + losses["d_fake"])
        self.d_optimizer.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """The one generator."""
        source, target = self.config.source or "small pictures", self.config.target or "the same, larger"
        return {"g": (self.g, describe(self.g, self.config, "super-resolution", source, target))}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """Bicubic, result, original."""
        low, high = batch
        bicubic = interpolate(low, size=high.shape[-2:], mode="bicubic").clamp(-1, 1)
        return {"bicubic": bicubic, "result": generators["g"](low), "target": high}
