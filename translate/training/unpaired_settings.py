"""The settings of the methods for two unpaired piles. Field docstrings are the manual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from translate.config import check
from translate.training.adversarial_settings import AdversarialConfig, ObjectiveName, for_rgb, load_size_fits
from translate.training.settings import changed, not_negative, option

Kind = Literal["color", "translation", "cutout"]


@dataclass(frozen=True, kw_only=True)
class UnpairedConfig(AdversarialConfig):
    """What the methods for two unpaired piles have in common."""

    generator: str = "resnet_9blocks"
    discriminator: str = "patchgan"
    objective: ObjectiveName = "least-squares"
    load_size: int = 286
    """Pictures are first resized to this many pixels a side (bicubic), then squares are cut out."""
    squeeze: bool = True
    """Make both sides of a picture --load-size, as the papers' code does: wide pictures are narrowed. With
    --no-squeeze the shorter side becomes --load-size, and shapes stay as users' pictures have them."""
    zoom: float = 1.0
    """Squares are enlarged by up to so much, at random: subjects that fill a picture, where the training pictures show
    them from afar. 1: as they are."""
    jitter: float = 0.0
    """How much the light of pictures that are translated varies, at random: their brightness, contrast and saturation
    by up to this part of it, so that subjects are found in the dark, too. What is translated to is as it is (cyclegan,
    which translates both piles, varies both). 0: as they are."""
    keep_weight: float = 0.0
    """How strongly a translation must stay like its picture: weight of their distance in pixels, which keeps meadows
    and skies as they are (self-regularization, Shrivastava et al. 2017, eq. 4); the papers have none."""
    keep_pixels: int = 1
    """Side, in pixels, of the squares over whose mean colours that distance is taken: 1 keeps every pixel, 8 leaves
    stripes free that do not change the mean."""
    keep_knee: float = 0.0
    """Above 0, a distance of this much (black to white is 2) costs half of the most that any can, so that changing a
    few things much is cheaper than everything a little (after Geman & McClure 1987). 0: costs grow with distances."""
    keep_rise: float = 0.0
    """Fraction of the run over which that weight rises from zero: first change, then tidy up. As it rises, the mask of
    resnet_6blocks_masked gets its say: with no rise such a generator tends to mask all of its painting, at once and for
    good. 0: all of it from the start."""
    smooth_weight: float = 0.0
    """What it costs to be uneven where the picture is even: weight of the steps between a result's pixels, of which
    those count little that are edges in the picture, too (edge-aware smoothness, Godard et al. 2017). Against grain in
    skies that were black."""
    masks: Path | None = None
    """Two folders as those of --data, with a grey picture for each, of the same name: white where a translation may
    change it, such as on the horse. Only that is judged (the rest is grey in its place), only the rest is held by
    --keep-weight, and the mask of resnet_6blocks_masked learns to be like these (after Mejjati et al. 2018)."""
    mask_weight: float = 1.0
    """How strongly it does: weight of the cross-entropy of both."""
    classifier: Path | None = None
    """Weights of a classifier that is to recognise what results show: SqueezeNet 1.1, VGG or AlexNet as torchvision
    names them, or EfficientNet-Lite0 to 2. `translate evaluate` refuses to measure the model by it."""
    classes: tuple[int, ...] = ()
    """As which of its classes: that of B (ImageNet's zebra: 340), and for cyclegan that of A, too (sorrel: 339)."""
    class_weight: float = 0.1
    """How strongly: weight of its cross-entropy (AC-GAN, Odena et al. 2017)."""
    diffaugment: tuple[Kind, ...] = ()
    """What to change at random in every picture that is judged (Zhao et al. 2020), for piles of a few hundred:
    `--diffaugment color translation cutout`. Where colours are what tells the piles apart, leave color out."""
    ema: float = 0.0
    """Decay of the running average of the generator's weights that samples and export use; the papers have none."""

    @property
    def measures(self) -> tuple[str, ...]:
        return ("swd", "kernel")

    @property
    def directions(self) -> int:
        """Piles of results that a step makes."""
        return 1

    def risen(self, done: float) -> float:
        """Part of the weight that counts when so much of the run is done, both 0 to 1."""
        return min(1.0, done / self.keep_rise) if self.keep_rise else 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            *not_negative(self, "keep_weight", "keep_knee", "smooth_weight", "mask_weight", "class_weight"),
            (self.zoom >= 1, f"--zoom {self.zoom} must be 1 or more"),
            (
                self.size >= 8 * self.zoom,
                f"--zoom {self.zoom} of squares of {self.size} pixels leaves less than 8 to enlarge",
            ),
            (0 <= self.jitter <= 1, f"--jitter {self.jitter} is a part of what is there, 0 to 1"),
            for_rgb(self.channels, self.jitter > 0, "--jitter"),
            (
                self.validation != 1,
                "--validation 1: a distance of piles needs 2 pictures or more of each; without it there is no best "
                "checkpoint. Use 0 or 2 and more",
            ),
            (
                1 <= self.keep_pixels <= min(self.stages),
                f"--keep-pixels {self.keep_pixels} must be 1 to {min(self.stages)}, the smallest size that is trained",
            ),
            (0 <= self.keep_rise <= 1, f"--keep-rise {self.keep_rise} is a fraction of the run, 0 to 1"),
            *(
                (
                    self.keep_weight > 0 or not changed(self, [name]),
                    f"{option(name)} {getattr(self, name)} needs a --keep-weight above 0",
                )
                for name in ("keep_pixels", "keep_knee", "keep_rise")
            ),
            (
                self.masks is not None or not changed(self, ["mask_weight"]),
                f"--mask-weight {self.mask_weight} needs --masks",
            ),
            (
                (self.classifier is None) == (not self.classes),
                "--classifier needs --classes, the numbers of those that it is to recognise, and --classes needs it",
            ),
            (
                not self.classes or len(self.classes) == self.directions,
                f"--classes {' '.join(map(str, self.classes))}: name {self.directions}, one for each pile of results",
            ),
            (min(self.classes, default=0) >= 0, "--classes are counted from 0"),
            (
                self.classifier is not None or not changed(self, ["class_weight"]),
                f"--class-weight {self.class_weight} needs --classifier",
            ),
            for_rgb(self.channels, self.classifier is not None, "--classifier"),
            for_rgb(self.channels, "color" in self.diffaugment, "--diffaugment color"),
            (
                len(set(self.diffaugment)) == len(self.diffaugment),
                f"--diffaugment {' '.join(self.diffaugment)} names a change twice",
            ),
            load_size_fits(self.load_size, self.size),
        )


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(UnpairedConfig):
    """Two unpaired piles (Zhu et al. 2017). Defaults are the paper's; recipes override them."""

    images: int = 266_800
    """Length of training, in images seen of each pile: 200 epochs of the 1,334 zebras."""
    cycle_weight: float = 10.0
    """λ in eq. 3: how strongly A -> B -> A must return to A."""
    identity_weight: float = 0.5
    """Times λ (section 5.2): how strongly a picture already of the target domain must stay as it is."""
    pool: int = 50
    """Earlier fakes that the discriminators are shown again; 0 for none."""

    @property
    def directions(self) -> int:
        return 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check(*not_negative(self, "cycle_weight", "identity_weight"))


@dataclass(frozen=True, kw_only=True)
class CUTConfig(UnpairedConfig):
    """Two unpaired piles, A to B only (Park et al. 2020). Defaults are CUT's; the recipe fastcut is FastCUT."""

    generator: str = "resnet_9blocks"
    """Network that paints: one of the resnet_*, whose layers are contrasted; `translate models zoo` lists them."""
    images: int = 533_600
    """Length of training, in images seen of each pile: 400 epochs of the 1,334 zebras."""
    contrast_weight: float = 1.0
    """λ: how strongly each patch of a result must be recognisable as the patch of the picture it was painted from."""
    identity: bool = True
    """Contrast also pictures already of the target domain with what becomes of them, and take the mean of both."""
    flip_equivariance: bool = False
    """In half of the updates, contrast the picture with the mirrored result of the mirrored picture (FastCUT)."""
    patches: int = 256
    """Patches contrasted in each layer of each picture: one is the right one, the others are the wrong ones."""
    temperature: float = 0.07
    """τ: how sharply the right patch must stand out; lower is sharper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            (self.contrast_weight > 0, f"--contrast-weight {self.contrast_weight} must be above 0"),
            (self.patches >= 2, f"--patches {self.patches}: a patch needs another one to be told from; use 2 or more"),
            (self.temperature > 0, f"--temperature {self.temperature} must be above 0"),
        )
