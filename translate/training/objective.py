"""What the two players of a GAN minimise, by name: `--objective`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from translate.training import processes
from translate.training.losses import full

Verdicts = Tensor | list[Tensor]
"""Of a discriminator, [B, 1, ...]: one, or one for each scale that it looks at."""


def cross_entropy(verdict: Tensor, label: Tensor) -> Tensor:
    """Of a logit and a label in [0, 1], each by itself."""
    return F.binary_cross_entropy_with_logits(verdict, label, reduction="none")


def squared(verdict: Tensor, label: Tensor) -> Tensor:
    """Distance to the label."""
    return (verdict - label).square()


def squared_sides(verdict: Tensor, label: Tensor) -> Tensor:
    """Distance to 1 (real) or -1 (fake)."""
    return (verdict - (2 * label - 1)).square()


def margin(verdict: Tensor, label: Tensor) -> Tensor:
    """How far on the wrong side of 1 (real) or -1 (fake)."""
    return F.relu(1 - (2 * label - 1) * verdict)


def linear(verdict: Tensor, label: Tensor) -> Tensor:
    """Real up, fake down."""
    return (1 - 2 * label) * verdict


def halfway(verdict: Tensor) -> Tensor:
    """From a scale of -1 to 1 to one of 0 to 1."""
    return (verdict + 1) / 2


@dataclass(frozen=True)
class Objective:
    """A game: how far verdicts are from what a player wants, as means over pictures and patches, summed over scales."""

    distance: Callable[[Tensor, Tensor], Tensor]
    """Of verdicts from labels, 1 for real and 0 for fake, elementwise."""
    belief: Callable[[Tensor], Tensor] | None
    """Verdicts -> a scale on which 1 is real and 0 fake; None where verdicts have no scale."""
    relative: bool = False
    """Relativistic average: each verdict is looked at less the mean verdict of the other kind."""
    wanted: Callable[[Tensor, Tensor], Tensor] | None = None
    """The distance for the generator, where it is another one."""
    undecided: float | None = 0.0
    """The verdict of one that cannot tell; None where no verdict is nearer to real than to fake."""

    @property
    def guessing(self) -> float | None:
        """What a discriminator that cannot tell loses on real, or on fake, pictures of one scale. None where a loss has
        no zero: a critic's falls as long as it finds a difference."""
        if self.undecided is None:
            return None
        return float(self.distance(torch.tensor(self.undecided), torch.tensor(1.0)))

    def discriminator(
        self, real: Verdicts, fake: Verdicts, real_labels: Tensor, fake_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the discriminator minimises, on real and on fake pictures; labels are [B] in [0, 1]."""
        both = [self._apart(*pair) for pair in _scales(real, fake)]
        on_real = [self.distance(r, _spread(real_labels, r)).mean() for r, _ in both]
        on_fake = [self.distance(f, _spread(fake_labels, f)).mean() for _, f in both]
        return _sum(on_real), _sum(on_fake)

    def generator(self, fake: Verdicts, real: Verdicts | None = None) -> Tensor:
        """What the generator minimises; a relative objective looks at real pictures, too."""
        distance = self.wanted or self.distance
        if not self.relative:
            return _sum([distance(f, torch.ones_like(f)).mean() for f, _ in _scales(fake, fake)])
        if real is None:
            raise ValueError("a relativistic generator is judged beside real pictures")
        both = [self._apart(*pair) for pair in _scales(real, fake)]
        return _sum([distance(f, torch.ones_like(f)).mean() + distance(r, torch.zeros_like(r)).mean() for r, f in both])

    def beliefs(self, name: str, real: Verdicts, fake: Verdicts) -> dict[str, Tensor]:
        """What is logged: NAME(real) and NAME(fake) where there is a scale, else how far apart they are held."""
        both = [(r.detach(), f.detach()) for r, f in _scales(real, fake)]
        if self.belief is None:
            return {f"{name} distance": _sum([r.mean() - f.mean() for r, f in both]) / len(both)}
        pairs = [self._apart(*pair) for pair in both]
        return {
            f"{name}(real)": _sum([self.belief(r).mean() for r, _ in pairs]) / len(pairs),
            f"{name}(fake)": _sum([self.belief(f).mean() for _, f in pairs]) / len(pairs),
        }

    def _apart(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        if not self.relative:
            return real, fake
        mean_real, mean_fake = processes.mean(real), processes.mean(fake)
        return real - mean_fake, fake - mean_real


OBJECTIVES = {
    "vanilla": Objective(cross_entropy, torch.sigmoid),
    "least-squares": Objective(squared, lambda verdict: verdict, undecided=0.5),
    "hinge": Objective(margin, halfway, wanted=linear),
    "wgan-gp": Objective(linear, None, undecided=None),
    "relativistic": Objective(cross_entropy, torch.sigmoid, relative=True),
    "relativistic-least-squares": Objective(squared_sides, halfway, relative=True),
}
"""Goodfellow et al. 2014 (non-saturating), Mao et al. 2017, Lim and Ye 2017, Gulrajani et al. 2017, and the average
relativistic forms of Jolicoeur-Martineau 2019, the first of which is that of ESRGAN (Wang et al. 2018, eq. 1 and 2)."""


def _scales(real: Verdicts, fake: Verdicts) -> list[tuple[Tensor, Tensor]]:
    sides = [[verdicts] if isinstance(verdicts, Tensor) else verdicts for verdicts in (real, fake)]
    return [(full(r), full(f)) for r, f in zip(*sides, strict=True)]


def _spread(labels: Tensor, verdict: Tensor) -> Tensor:
    return labels.to(verdict).view(-1, *[1] * (verdict.dim() - 1)).expand_as(verdict)


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum()
