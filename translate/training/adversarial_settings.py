"""The settings of everything in which two networks play against each other. Field docstrings are the manual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from translate.config import check
from translate.training.settings import TrainingConfig, changed, not_negative

ObjectiveName = Literal["vanilla", "least-squares", "hinge", "wgan-gp", "relativistic", "relativistic-least-squares"]
GAME = (
    "objective", "gradient_penalty", "r1_weight", "r1_every", "spectral_norm", "label_smoothing", "label_flips",
    "instance_noise", "discriminator_learning_rate", "pool", "grid_weight", "discriminator",
    "adversarial_weight", "pixel_weight", "perceptual_weight", "perceptual_distance", "color_weight",
)  # fmt: skip
"""Settings that do nothing where there is no discriminator: the first stage of super-resolution."""


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(TrainingConfig):
    """What the methods with a discriminator have in common. As published by default."""

    objective: ObjectiveName = "vanilla"
    """What the two players minimise (docs/objectives.md). vanilla: cross-entropy (Goodfellow et al. 2014).
    least-squares: LSGAN (Mao et al. 2017). hinge: Lim and Ye 2017. wgan-gp: distance between piles, the critic kept
    smooth by --gradient-penalty (Gulrajani et al. 2017). relativistic: more real than the mean of the others, as in
    ESRGAN (Jolicoeur-Martineau 2019)."""
    gradient_penalty: float = 10.0
    """λ of wgan-gp: how strongly the critic's slope is held at 1 between real and fake (eq. 3); others have none."""
    r1_weight: float = 0.0
    """γ: how flat a discriminator must be at real pictures (Mescheder et al. 2018, eq. 9); the papers have none."""
    r1_every: int = 16
    """The R1 penalty is computed in every so many updates, and counts as many times."""
    spectral_norm: bool = False
    """Divide each layer of the discriminator by its largest singular value (Miyato et al. 2018), which keeps it from
    judging ever more steeply. It slows a discriminator that wins."""
    label_smoothing: float = 0.0
    """What is taken from the discriminator's label 1 for real pictures, such as 0.1 (one-sided, Salimans et al. 2016,
    section 3.4): keeps it from being too sure."""
    label_flips: float = 0.0
    """Chance that a picture's label is the wrong one when the discriminator learns, such as 0.05 (Chintala et al. 2016,
    "How to train a GAN?"): a little doubt for one that wins."""
    instance_noise: float = 0.0
    """Deviation of noise on all that is judged, such as 0.1 of a range of 2, which falls to 0 over the run (Sønderby et
    al. 2017, section 4.1): real and fake overlap from the start."""
    pool: int = 0
    """Earlier fakes that the discriminator is shown again (Shrivastava et al. 2017); 0 for none."""
    grid_weight: float = 0.0
    """What a generator pays for a pattern that repeats every 4 pixels and is not in the target (or, of unpaired piles,
    in the picture): such a weave is the cheapest grain to paint. 2 is plenty; the papers have none."""

    @property
    def judged(self) -> bool:
        """Whether there is a discriminator."""
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = " ".join(map(str, self.sizes))
        labels = self.objective not in ("hinge", "wgan-gp")
        wgan = self.objective == "wgan-gp"
        check(
            (self.gradient_penalty > 0, f"--gradient-penalty {self.gradient_penalty} must be above 0"),
            (self.r1_every >= 1, f"--r1-every {self.r1_every} must be 1 or more"),
            (0 <= self.label_smoothing <= 0.5, f"--label-smoothing {self.label_smoothing} must be 0 to 0.5"),
            (0 <= self.label_flips < 0.5, f"--label-flips {self.label_flips} must be at least 0 and below 0.5"),
            *not_negative(self, "r1_weight", "instance_noise", "pool", "grid_weight"),
            (
                wgan or not changed(self, ["gradient_penalty"]),
                f"--gradient-penalty {self.gradient_penalty} is for --objective wgan-gp, not {self.objective}",
            ),
            (
                self.r1_weight > 0 or not changed(self, ["r1_every"]),
                f"--r1-every {self.r1_every} needs an --r1-weight above 0",
            ),
            (
                labels or not self.label_smoothing,
                f"--label-smoothing {self.label_smoothing}: --objective {self.objective} has no labels to smooth",
            ),
            (
                not wgan or not self.label_flips,
                f"--label-flips {self.label_flips}: --objective wgan-gp has no labels, flips would only shrink its "
                "distance; use --instance-noise",
            ),
            (
                not wgan or not self.r1_weight,
                "--r1-weight wants a slope of 0 and --objective wgan-gp one of 1: use one of them",
            ),
            (
                len(self.stages) == 1 or not self.judged or self.discriminator != "vgg",
                f"--sizes {sizes}: the discriminator vgg judges one size only; choose another, or one --size",
            ),
            (
                not wgan or self.discriminator != "vgg",
                "--objective wgan-gp holds the slope at each picture by itself, and the discriminator vgg mixes "
                "pictures by BatchNorm: use patchgan, multiscale or unet_sn",
            ),
        )


def load_size_fits(load_size: int, size: int) -> tuple[bool, str]:
    """For `check`: squares of `size` pixels can be cut out of pictures of `load_size`."""
    return (
        load_size >= size,
        f"--load-size {load_size} is below --size {size}: no square of that size can be cut from it",
    )


def features_weigh(weight: float, features: tuple[Path, ...]) -> tuple[bool, str]:
    """For `check`: networks of features that are named have a weight."""
    named = " ".join(map(str, features))
    return weight > 0 or not features, f"--perceptual-features {named} needs a --perceptual-weight above 0"


def for_rgb(channels: int, asked: bool, what: str) -> tuple[bool, str]:
    """For `check`: what is asked for is asked for RGB."""
    return channels == 3 or not asked, f"{what} is for pictures of 3 channels, and the generator has {channels}"
