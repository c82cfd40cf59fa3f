"""CUT: translation from one pile to another, held together by contrast of patches (Park et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.errors import ConfigError
from models.manifest import Manifest
from models.resnet import ResNetGenerator
from models.zoo import build_generator
from translate.training.adversary import Adversary
from translate.training.augment import DiffAugment
from translate.training.config import CUTConfig
from translate.training.contrast import Encoder, Painter, PatchNCE, draw_places, mirror_places
from translate.training.losses import full, held
from translate.training.masks import apart, split, tell_mask, through
from translate.training.method import Backward, Batch, Trainable, backward, describe, frozen
from translate.training.optimization import Means, adam, parts_of
from translate.training.pool import ImagePool
from translate.training.recognition import Recognition


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
        tell_mask(g, config)
        self.rival = Adversary(config, DiffAugment(config.diffaugment, config.seed + 2))
        self.d = self.rival.discriminator(device, channels=g.channels)
        self.paint, self.encode = Painter(g), Encoder(g)
        self.contrast = PatchNCE(self.encode.widths, temperature=config.temperature).to(device)
        self.recognition = Recognition(config.classifier, config.classes).to(device) if config.classifier else None
        self.pool = ImagePool(config.pool, config.seed + 1)
        self.random = torch.Generator().manual_seed(config.seed)
        self.g_optimizer = adam(config, self.g, self.contrast)
        self.d_optimizer = adam(config, self.d)
        super().__init__(
            {"g": self.g, "d": self.d, "contrast": self.contrast}, {"g": self.g_optimizer, "d": self.d_optimizer},
            pool=self.pool, augment=self.rival.augment, r1=self.rival.r1, rival=self.rival,
        )  # fmt: skip

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of Park et al. 2020, eq. 5. D first, halved to slow it, as in their code."""
        config, losses = self.config, Means()
        parts = [(share, *apart(part, self.g.channels)) for share, part in parts_of(batch, config.accumulate)]
        places = draw_places((batch.a.shape[2], batch.a.shape[3]), self.encode.strides, config.patches, self.random)
        mirror = config.flip_equivariance and bool(torch.rand((), generator=self.random) < 0.5)
        self.rival.begin()
        self.g.shown.fill_(1 - config.risen(self.done))

        # Discriminator: real from an (earlier) fake
        self.d_optimizer.zero_grad()
        for share, (a, b), (may_a, may_b) in parts:
            (painted, drawn), keys = self.painted(a, b, places, mirror)
            real = through(b, may_b)
            old = self.pool.swap(through(painted[: len(a)].detach(), flipped(may_a, mirror)))
            d_real, d_fake = self.rival.told_apart("D", self.d, real, old)
            penalties = self.rival.penalties(self.d, real, old)
            self.backward(share * (0.5 * (d_real + d_fake) + sum(penalties.values())))
            losses.add(share, {"d_real": d_real, "d_fake": d_fake, **penalties})
        self.d_optimizer.step()

        # Generator and H: min GAN + λ PatchNCE(A), or of the mean with the identity term PatchNCE(B)
        self.g_optimizer.zero_grad()
        for share, (a, b), (may_a, may_b) in parts:
            if len(parts) > 1:  # painted again, so that one part's graph is held at a time
                (painted, drawn), keys = self.painted(a, b, places, mirror)
            fake, may = painted[: len(a)], flipped(may_a, mirror)
            with frozen(self.d):
                gan = self.rival.fooled(self.d, through(fake, may), through(b, may_b))
            contrast, found = self.contrasted(a, b, painted, keys, places, mirror)
            holding, more = held(config, self.done, (fake, flipped(a, mirror), may, drawn[: len(a)]))
            loss = gan + config.contrast_weight * contrast + holding
            if self.recognition is not None:
                more["g_class"] = self.recognition(fake)
                loss = loss + config.class_weight * more["g_class"]
            self.backward(share * loss)
            losses.add(share, {"g_gan": gan, **found, **more})
        self.g_optimizer.step()

        self.verdicts = self.rival.verdicts
        return losses.values

    def pictures_of(self, a: Tensor, b: Tensor) -> Tensor:
        """What is painted: A, and B for the identity term. Normalised one by one: exact in one call."""
        return torch.cat([a, b]) if self.config.identity else a

    def painted(
        self, a: Tensor, b: Tensor, places: Sequence[Tensor], mirror: bool
    ) -> tuple[tuple[Tensor, Tensor], list[Tensor]]:
        """Paintings, with their masks if they are told, and what the generator saw of the pictures on the way."""
        painted, keys = self.paint(flipped(self.pictures_of(a, b), mirror), self.on_device(places))
        return split(full(painted), self.g.channels), keys

    def contrasted(
        self, a: Tensor, b: Tensor, painted: Tensor, keys: list[Tensor], places: Sequence[Tensor], mirror: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """PatchNCE of the paintings, and the parts of it."""
        if mirror:  # equivariance: features of the picture against mirrored features of the mirrored picture's painting
            with torch.no_grad():
                keys = self.encode(self.pictures_of(a, b), self.on_device(places))
            places = mirror_places(places, a.shape[3], self.encode.strides)
        queries = self.encode(painted, self.on_device(places))
        contrast = self.contrast(queries, keys)
        found = {"g_contrast": contrast[: len(a)].mean()}
        if self.config.identity:
            found["g_identity"] = contrast[len(a) :].mean()
        return contrast.mean(), found

    def on_device(self, places: Sequence[Tensor]) -> list[Tensor]:
        """Drawn on the CPU, so that every device draws the same."""
        return [chosen.to(self.device, non_blocking=True) for chosen in places]

    def forwards(self) -> list[nn.Module]:
        """The generator is only called through its two readings."""
        return [self.paint, self.encode, self.contrast, self.d]

    def state(self) -> dict[str, Any]:
        """Also where the draw of places stands."""
        return {**super().state(), "places": self.random.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        super().load_state(state)
        self.random.set_state(state["places"])

    def generators(self) -> dict[str, tuple[nn.Module, Manifest]]:
        """The one generator."""
        source, target = self.config.source or "A", self.config.target or "B"
        judges = self.recognition.judges if self.recognition else {}
        return {"g": (self.g, describe(self.g, self.config, "translation", source, target, judges))}

    def pictures(self, batch: Batch, generators: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """A, A as B; B, and what becomes of it, which should be little."""
        g, ((a, b), _) = generators["g"], apart(batch, self.g.channels)
        return {"A": a, "A as B": g(a), "B": b, "B as B": g(b)}


def flipped(pictures: Tensor, mirror: bool) -> Tensor:
    """Left to right, where the update is mirrored."""
    return pictures.flip(3) if mirror else pictures
