"""The settings of each method and their defaults. Field docstrings are the manual of `--help`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.errors import did_you_mean
from translate.config import check
from translate.training.adversarial_settings import (
    GAME,
    AdversarialConfig,
    features_weigh,
    for_rgb,
    load_size_fits,
)
from translate.training.settings import Counts, TrainingConfig, Weights, changed, not_negative
from translate.training.settings_damage import parse_damage
from translate.training.unpaired_settings import CUTConfig, CycleGANConfig, UnpairedConfig

__all__ = ["CUTConfig", "CycleGANConfig", "Pix2PixConfig", "SRGANConfig", "TrainingConfig", "UnpairedConfig"]

PerceptualDistance = Literal["srgan", "esrgan", "unit"]
KERNELS = ("box", "bicubic", "lanczos", "nearest")
"""That make a small picture, by Pillow's names in small letters."""


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(AdversarialConfig):
    """Aligned pairs (Isola et al. 2017). Defaults are the paper's for facades; recipes override them."""

    generator: str = "unet_256"
    discriminator: str = "patchgan"
    direction: Literal["left-to-right", "right-to-left"] = "left-to-right"
    """Which half of a side-by-side picture is the input (facades: right-to-left paints photographs)."""
    images: int = 80_000
    """Length of training, in images seen: 200 epochs of the 400 facades."""
    load_size: int = 286
    """Pictures are first resized to this many pixels a side (bicubic), then squares are cut out."""
    l1_weight: float = 100.0
    """λ in eq. 4: how strongly the result must equal the target."""
    feature_weight: float = 0.0
    """λ of feature matching: how alike result and target must look to the layers of the discriminator, patchgan or
    multiscale (pix2pixHD, Wang et al. 2018, eq. 4, with 10 and multiscale); Pix2Pix has none."""
    perceptual_weight: float = 0.0
    """Weight of the distance of result and target in the features of a network; Pix2Pix has none."""
    perceptual_features: tuple[Path, ...] = ()
    """That network, or several, whose distances are summed: weights of VGG-19, VGG-16, AlexNet, SqueezeNet 1.1 (as
    torchvision names them), VGG-19 up to relu3_1 or EfficientNet-Lite0 to 2. torchvision's VGG-19 is fetched if none.
    `translate evaluate` refuses to measure a model by a network that it was trained by."""
    perceptual_distance: PerceptualDistance = "unit"
    """srgan: squared, after VGG-19's last convolution (Ledig et al. 2017). esrgan: absolute, before its ReLU (Wang et
    al. 2018). unit: of features of unit length in several layers of any network (Zhang et al. 2018)."""
    ema: float = 0.0
    """Decay of the running average of the generator's weights that samples and export use; the papers have none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            load_size_fits(self.load_size, self.size),
            *not_negative(self, "l1_weight", "feature_weight", "perceptual_weight"),
            features_weigh(self.perceptual_weight, self.perceptual_features),
            (
                self.perceptual_weight > 0 or not changed(self, ["perceptual_distance"]),
                f"--perceptual-distance {self.perceptual_distance} needs a --perceptual-weight above 0",
            ),
            for_rgb(self.channels, self.perceptual_weight > 0, "--perceptual-weight"),
            (
                self.feature_weight == 0 or self.discriminator in ("patchgan", "multiscale"),
                f"--feature-weight {self.feature_weight} compares layers of the discriminators patchgan and "
                f"multiscale; {self.discriminator} shows none",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class SRGANConfig(AdversarialConfig):
    """Super-resolution (Ledig et al. 2017). Defaults are the paper's first stage; recipes override them."""

    generator: str = "srresnet_x4"
    discriminator: str = "vgg"
    discriminator_arguments: Counts = field(default_factory=lambda: {"kernel": 3, "dense": 1024})
    """Arguments of the discriminator. These make it the paper's; without them it is BasicSR's."""
    ema: float = 0.0
    """Decay of the running average of the generator's weights that samples and export use; the paper has none."""
    stage: Literal["pixel", "adversarial"] = "pixel"
    """pixel: distance to the original (the paper's SRResNet). adversarial: the paper's SRGAN, from --start-from."""
    pixel_loss: Literal["mse", "l1"] = "mse"
    """Distance in pixels; the paper's is mse."""
    pixel_weight: float = 0.0
    """Weight of the pixel distance in the second stage; the paper has none there."""
    perceptual_weight: float = 0.006
    """Weight of the squared distance between VGG-19 features (second stage only; 1 / 12.75², section 3.2)."""
    perceptual_features: tuple[Path, ...] = ()
    """Other networks than torchvision's VGG-19, which is fetched: weights of VGG-19, VGG-16, AlexNet, SqueezeNet 1.1
    (as torchvision names them), VGG-19 up to relu3_1 or EfficientNet-Lite0 to 2; distances of several are summed.
    `translate evaluate` refuses to measure a model by a network that it was trained by."""
    perceptual_distance: PerceptualDistance = "srgan"
    """srgan: squared, after VGG-19's last convolution (eq. 5). esrgan: absolute, before its ReLU (Wang et al. 2018,
    section 3.3). unit: of features of unit length in several layers of any network (Zhang et al. 2018)."""
    judged_shift: int = 0
    """Results and originals are judged, by discriminator and feature network, from a place drawn among so many pixels.
    Otherwise their strides always meet each enlarged pixel at the same places, and what they want becomes a weave; 8 is
    the stride of PatchGAN's three layers. The paper has none (second stage only)."""
    color_weight: float = 0.0
    """Weight of the distance of mean colours, in squares of 16 pixels: features and discriminators hardly notice when
    all of a picture becomes a little lighter. The paper has none (second stage only)."""
    adversarial_weight: float = 1e-3
    """Weight of the adversarial loss (second stage only; eq. 3)."""
    images: int = 16_000_000
    """Length of training, in images seen: one million updates of 16."""
    batch: int = 16
    size: int = 96
    """Side of the high-resolution squares that are cut out at random."""
    learning_rate: float = 1e-4
    beta1: float = 0.9
    decay_from: float = 1.0
    rotate: bool = False
    """Also turn pictures by 0, 90, 180 or 270 degrees at random."""
    recolor: float = 0.0
    """How often the channels of a square trade places, and some are darkened or blackened: without it, pure red, which
    few textures are, stays in squares of as many pixels as it is enlarged by. For RGB."""
    shrink: Weights = field(default_factory=lambda: {"bicubic": 1.0})
    """Kernels that make the small picture, and how often each is drawn: box, bicubic, lanczos, nearest."""
    degradations: tuple[str, ...] = ()
    """Damage made on the device instead, in the order given (Wang et al. 2021, Real-ESRGAN), such as `--degradations
    "blur 0.2 3" shrink "noise 1 20 0.5" "jpeg 50 95"`. Each is NAME LOW HIGH and how often (1 if not said), drawn for
    each picture: blur, uneven-blur (deviations in pixels), resize (factor of a whole batch), noise (deviation of 255),
    poisson (1 as light counted in 255 steps), jpeg (quality), palette (colours, dithered by --dither-chance). shrink,
    once, is where the picture becomes small, by the kernels of --shrink."""
    jpeg_chance: float = 0.0
    """How often the small picture is damaged by JPEG ..."""
    jpeg_quality: tuple[int, int] = (75, 95)
    """... of a quality between these."""
    palette_chance: float = 0.0
    """How often the small picture is reduced to a palette ..."""
    palette_colors: tuple[int, int] = (16, 256)
    """... of a size between these, evenly in powers of two ..."""
    dither_chance: float = 0.5
    """... and how often that is done with dithering (Floyd-Steinberg)."""

    @property
    def judged(self) -> bool:
        return self.stage == "adversarial"

    def __post_init__(self) -> None:
        super().__post_init__()
        idle = "" if self.judged else changed(self, GAME)
        names = [parse_damage(text).name for text in self.degradations]
        unknown = next((name for name in self.shrink if name not in KERNELS), None)
        check(
            (
                not idle,
                f"{idle}: there is no discriminator in --stage pixel, and no loss but a pixel distance; leave it out "
                "or choose --stage adversarial",
            ),
            *not_negative(self, "adversarial_weight", "pixel_weight", "perceptual_weight", "color_weight"),
            features_weigh(self.perceptual_weight, self.perceptual_features),
            for_rgb(self.channels, self.stage == "adversarial" and self.perceptual_weight > 0, "--perceptual-weight"),
            for_rgb(
                self.channels,
                bool(self.degradations or self.jpeg_chance or self.palette_chance),
                "damage (--degradations, --jpeg-chance, --palette-chance)",
            ),
            for_rgb(self.channels, self.recolor > 0, "--recolor"),
            (
                self.stage == "adversarial" or not self.perceptual_features,
                "--perceptual-features is for --stage adversarial; the first stage has a pixel distance only",
            ),
            (
                0 <= self.judged_shift < min(self.stages),
                f"--judged-shift {self.judged_shift} must be 0 or more, and less than --size {min(self.stages)}",
            ),
            (
                self.judged_shift == 0 or (self.stage == "adversarial" and self.discriminator != "vgg"),
                f"--judged-shift {self.judged_shift} is for --stage adversarial, and other discriminators than vgg, "
                "which judges one size only",
            ),
            (
                not names or names.count("shrink") == 1,
                "--degradations needs shrink once: where the picture becomes small",
            ),
            (
                not names or not (self.jpeg_chance or self.palette_chance),
                "--degradations replaces --jpeg-chance and --palette-chance: write jpeg and palette into the list",
            ),
            (
                unknown is None,
                f"--shrink {unknown}: there is no such kernel.{did_you_mean(str(unknown), KERNELS)} Known: "
                f"{', '.join(KERNELS)}",
            ),
            (
                sum(self.shrink.values()) > 0 and min(self.shrink.values()) >= 0,
                "--shrink needs at least one kernel with a weight above 0",
            ),
            *(
                (0 <= chance <= 1, f"{name} {chance} is a chance, 0 to 1")
                for name, chance in (
                    ("--jpeg-chance", self.jpeg_chance),
                    ("--palette-chance", self.palette_chance),
                    ("--recolor", self.recolor),
                    ("--dither-chance", self.dither_chance),
                )
            ),
            (
                1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100,
                f"--jpeg-quality {self.jpeg_quality}: two values from 1 to 100, the smaller first",
            ),
            (
                2 <= self.palette_colors[0] <= self.palette_colors[1] <= 256,
                f"--palette-colors {self.palette_colors}: two values from 2 to 256, the smaller first",
            ),
        )
