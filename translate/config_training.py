"""Every setting of the commands around training, and its default; training itself has its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from translate.config import check


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What a model's results are worth, measured through its exported file."""

    model: Positional[str]
    """Name of an installed model (`translate models list`) or path of an .onnx file."""
    data: Path
    """Pictures to measure with, in the folders that training takes. Super-resolution: pictures. Translation: pairs side
    by side, two folders (testA and testB, test/A and test/B, test/input and test/target), or a .csv file of two columns
    of paths. Those in test come before those in val, and training pictures last, which the result then says."""
    pairing: Literal["auto", "pairs", "piles"] = "auto"
    """Whether two folders hold pairs. auto: if more than half of the names are in both."""
    direction: Literal["a-to-b", "b-to-a"] = "a-to-b"
    """Which pile, or half of a pair, is translated: a is the left half."""
    features: Path | None = None
    """A network to see pictures with: a file of weights of SqueezeNet 1.1, VGG or AlexNet as torchvision names them, or
    of EfficientNet-Lite0 to 2; or squeezenet1_1, vgg16, vgg19 or alexnet, whose weights torchvision fetches; or
    inception, which is fetched, too, and gives the published FID, KID and Inception Score. SqueezeNet 1.1, AlexNet and
    VGG-16 also give LPIPS, for pairs and enlarged pictures. What the model was trained on or chosen by is refused."""
    allow_seen: FlagCreatePairsOff[bool] = False
    """Measure also with pictures that the model was trained on or chosen by, as far as it knows them (up to 512 for
    certain, of more a sample); refused otherwise."""
    shrink: Literal["box", "bicubic", "lanczos", "nearest"] = "box"
    """Kernel that makes the small picture, for super-resolution."""
    border: int = 0
    """Pixels at each side of a result that are not compared with its target."""
    side: int | None = None
    """Shorter side in pixels that pictures are resized to first (bicubic), for translation."""
    size: Literal["auto", "full"] | int = "auto"
    """Work size, as in `translate run`."""
    limit: int | None = None
    """Use only the first so many pictures."""
    device: Annotated[str, arg(aliases=["-d"])] = "auto"
    """As in `translate run`."""
    json: bool = False
    """Print JSON on standard output instead of the table."""

    def __post_init__(self) -> None:
        check(
            (self.border >= 0, f"--border {self.border} must be 0 or more"),
            (self.side is None or self.side >= 16, f"--side {self.side} must be 16 or more"),
            (self.limit is None or self.limit >= 1, f"--limit {self.limit} must be 1 or more"),
        )


@dataclass(frozen=True, kw_only=True)
class DataCheckConfig:
    """What is wrong with a set of training pictures, before it costs a night. Exit code 1 if something is."""

    data: Positional[Path]
    """What --data of `translate train` will name."""
    method: Literal["auto", "pix2pix", "cyclegan", "cut", "srgan"] = "auto"
    """Check it as this method would read it. auto: as its folders and shapes suggest."""
    size: int = 0
    """Sides, in pixels, below which pictures are too small; what the method trains at by default if 0."""
    sheet: Path | None = None
    """Also write a contact sheet to this .png file, pictures with a problem first; an older one is replaced."""
    json: bool = False
    """Print JSON on standard output instead of the table."""

    def __post_init__(self) -> None:
        check(
            (self.size >= 0, f"--size {self.size} must be 0 or more"),
            (
                self.sheet is None or self.sheet.suffix.lower() == ".png",
                f"--sheet {self.sheet} is written as PNG; let its name end in .png",
            ),
        )


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """One self-contained page on a training run."""

    run: Positional[Path]
    """A run folder: --out of `translate train`."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The .html file to write; report.html in the run folder if not given. An older one is replaced."""
