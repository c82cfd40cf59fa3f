"""CUT: translation from one pile to another, held together by contrast of patches (Park et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import ConfigError
from models.manifest import Manifest
from models.resnet import ResNetGenerator
from models.zoo import build_discriminator, build_generator
from translate.training.augment import DiffAugment, SlopePenalty
from translate.training.config import CUTConfig
from translate.training.contrast import Encoder, Painter, PatchNCE, draw_places, mirror_places
from translate.training.losses import full, kept, least_squares, mean_score
from translate.training.method import Backward, Batch, Trainable, adam, backward, describe, frozen
from translate.training.pool import ImagePool


class CUT(Trainable):
    """One generator A -> B and one discriminator. Batch: pictures of A and of B, unrelated.

    Raises:
        ConfigError: a generator whose layers the contrast cannot look at.
    """

    def __init__(self, config: CUTConfig, device: torch.device, backward: Backward = backward) -> None:
        self.config = config
        self.backward = backward
        self.device = device
        g = build_generator(config.generator, **config.generator_arguments).to(device)
        if not isinstance(g, ResNetGenerator):
            raise ConfigError(f"--generator {config.generator}: cut contrasts layers of a ResNet; use one of resnet_*.")
        self.g = g
        self.d = build_discriminator(config.discriminator, **config.discriminator_arguments).to(device)
        self.mixes = any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in self.d.modules())
        self.paint, self.encode = Painter(g), Encoder(g)
        self.contrast = PatchNCE(self.encode.widths, temperature=config.temperature).to(device)
        self.pool = ImagePool(config.pool, config.seed + 1)
        self.augment = DiffAugment(config.diffaugment, config.seed + 2)
        self.r1 = SlopePenalty(config.r1_weight, config.r1_every)
        self.random = torch.Generator().manual_seed(config.seed)
        self.g_optimizer = adam(config, self.g, self.contrast)
        self.d_optimizer = adam(config, self.d)
        super().__init__(
            {"g": self.g, "d": self.d, "contrast": self.contrast}, {"g": self.g_optimizer, "d": self.d_optimizer}
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Park et al. 2020, eq. 5. D first, halved to slow it, as in their code."""
        a, b = batch
        config = self.config
        pictures = torch.cat([a, b]) if config.identity else a  # normalised one by one: exact in one call
        places = draw_places((a.shape[2], a.shape[3]), self.encode.strides, config.patches, self.random)
        mirror = config.flip_equivariance and bool(torch.rand((), generator=self.random) < 0.5)

        shown = pictures.flip(3) if mirror else pictures
        painted, keys = self.paint(shown, self.on_device(places))
        painted = full(painted)
        fake = painted[: len(a)]

        # Discriminator: real -> 1, (earlier) fake -> 0
        real, false = self.judge(b, self.pool.swap(fake.detach()))
        self.verdicts = {"D(real)": mean_score(real), "D(fake)": mean_score(false)}
        losses = {"d_real": least_squares(real, real=True), "d_fake": least_squares(false, real=False)}
        d_loss = 0.5 * (losses["d_real"] + losses["d_fake"])
        if self.r1.due():
            losses["d_r1"] = self.r1(self.d, b)
            d_loss = d_loss + losses["d_r1"]
        self.d_optimizer.zero_grad()
        self.backward(d_loss)
        self.d_optimizer.step()

        # Generator and H: min GAN + λ PatchNCE(A), or of the mean with the identity term PatchNCE(B)
        with frozen(self.d):
            losses["g_gan"] = least_squares(self.d(self.augment(fake)), real=True)
        if mirror:  # equivariance: features of the picture against mirrored features of the mirrored picture's painting
            with torch.no_grad():
                keys = self.encode(pictures, self.on_device(places))
            places = mirror_places(places, a.shape[3], self.encode.strides)
        queries = self.encode(painted, self.on_device(places))
        contrast = self.contrast(queries, keys)
        losses["g_contrast"] = contrast[: len(a)].mean()
        if config.identity:
            losses["g_identity"] = contrast[len(a) :].mean()
        loss = losses["g_gan"] + config.contrast_weight * contrast.mean()
        if config.keep_weight > 0:
            losses["g_keep"] = kept(fake, shown[: len(a)], config.keep_pixels)
            loss = loss + config.keep_weight * losses["g_keep"]
        self.g_optimizer.zero_grad()
        self.backward(loss)
        self.g_optimizer.step()

        return {name: loss.detach() for name, loss in losses.items()}

    def judge(self, *piles: Tensor) -> Sequence[Tensor]:
        """Verdicts for each pile: one call, unless BatchNorm would mix real and fake."""
        if self.mixes:
            return [self.d(self.augment(pile)) for pile in piles]
        verdicts: Tensor = self.d(torch.cat([self.augment(pile) for pile in piles]))
        return verdicts.chunk(len(piles))

    def on_device(self, places: Sequence[Tensor]) -> list[Tensor]:
        """Drawn on the CPU, so that every device draws the same."""
        return [chosen.to(self.device, non_blocking=True) for chosen in places]

    def forwards(self) -> list[nn.Module]:
        """The generator is only called through its two readings."""
        return [self.paint, self.encode, self.contrast, self.d]

    def state(self) -> dict[str, Any]:
        """Networks, optimizers, the pool, and where each draw stands."""
        parts = {"pool": self.pool.state(), "augment": self.augment.state(), "r1": self.r1.state()}
        return {**super().state(), **parts, "places": self.random.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        super().load_state(state)
        self.pool.load_state(state["pool"], self.device)
        if "augment" in state:  # a run begun before there was one
            self.augment.load_state(state["augment"])
            self.r1.load_state(state["r1"])
        self.random.set_state(state["places"])

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """The one generator."""
        source, target = self.config.source or "A", self.config.target or "B"
        return {"g": (self.g, describe(self.g, self.config, "translation", source, target))}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """A, A as B; B, and what becomes of it, which should be little."""
        g = generators["g"]
        return {"A": batch.a, "A as B": g(batch.a), "B": batch.b, "B as B": g(batch.b)}
