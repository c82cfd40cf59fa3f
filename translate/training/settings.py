"""The settings that every training run has, whatever the method. Field docstrings are the manual of `--help`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.constructors import PrimitiveConstructorSpec

from translate.config import Bytes, check


def _named(kind: type[int] | type[float]) -> PrimitiveConstructorSpec[dict[str, Any]]:
    """`--option NAME VALUE NAME VALUE` for a dict; tyro alone knows no new names once there is a default."""

    def read(words: list[str]) -> dict[str, Any]:
        if len(words) % 2:
            raise ValueError("a name has no value")
        return {name: kind(value) for name, value in zip(words[::2], words[1::2], strict=True)}

    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=f"[NAME {kind.__name__.upper()} ...]",
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda values: [str(part) for pair in values.items() for part in pair],
    )


def option(name: str) -> str:
    """A field as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def changed(settings: TrainingConfig, names: Iterable[str]) -> str:
    """Those of the fields that are neither at their default nor empty, as options; they are asked for."""
    defaults = {
        entry.name: entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()
        for entry in dataclasses.fields(settings)
    }
    return " and ".join(option(name) for name in names if getattr(settings, name) not in (defaults[name], {}))


def not_negative(settings: TrainingConfig, *names: str) -> Iterator[tuple[bool, str]]:
    """For `check`: each of the fields is 0 or more."""
    for name in names:
        value = getattr(settings, name)
        yield value >= 0, f"{option(name)} {value} must be 0 or more"


def _finite(settings: TrainingConfig) -> Iterator[tuple[bool, str]]:
    """For `check`: no number is infinite, or none at all (nan)."""
    for entry in dataclasses.fields(settings):
        value = getattr(settings, entry.name)
        for number in value.values() if isinstance(value, dict) else (value,):
            if isinstance(number, float):
                yield math.isfinite(number), f"{option(entry.name)} {number} is no finite number"


Counts = Annotated[dict[str, int], _named(int)]
Weights = Annotated[dict[str, float], _named(float)]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What every training run needs, whatever the method."""

    data: Path
    """Training pictures. pix2pix: pairs side by side, two folders A and B (input and target) with equal names, or a
    .csv file of two columns of paths. cyclegan, cut: two folders, trainA and trainB (A and B). srgan: large ones. Those
    in folders test and val are left out."""
    out: Path
    """Run folder: config.json, stats.jsonl, samples/, checkpoints/."""
    resume: bool = False
    """Go on from the last checkpoint in the run folder: with the same pictures, the result is that of a run never
    stopped. Another --images or --decay-from makes the run longer or shorter."""
    start_from: Path | None = None
    """Run whose weights the networks start with (discriminators too, where they are like these), or .safetensors
    checkpoint of a generator; where several are trained (cyclegan), a run."""
    name: str = ""
    """Name of the model in its Manifest; the run folder's name if empty."""
    source: str = ""
    """Domain that is read, in words, for the Manifest."""
    target: str = ""
    """Domain that is written, in words, for the Manifest."""
    training_data: str = ""
    """What the pictures are and where they come from, for the Manifest."""
    license: str = ""
    """Terms of the weights that follow from the pictures, for the Manifest."""

    generator: str = ""
    """Network that paints; `translate models zoo` lists them."""
    generator_arguments: Counts = field(default_factory=dict)
    """Arguments of the generator: `--generator-arguments width 32 blocks 6`. With `channels 1` pictures are grey, with
    `channels 2` grey with alpha, with `channels 4` RGB with alpha; else they are RGB. Others, up to 16, are trained on
    from arrays [H, W, C] of uint8 or uint16 in .npy files."""
    discriminator: str = ""
    """Network that judges; `translate models zoo` lists them."""
    discriminator_arguments: Counts = field(default_factory=dict)
    """Arguments of the discriminator."""

    images: int = 0
    """Length of training, in images seen (per domain); independent of batch size."""
    batch: int = 1
    """Images (per domain) in one update, of each process that torchrun starts."""
    size: int = 256
    """Side, in pixels, of the squares that are cut out at random."""
    sizes: tuple[int, ...] = ()
    """Sizes to train at in turn, an equal part of the run each, the last one --size: `--sizes 128 192 256`. Where there
    is a --load-size, pictures are resized in proportion; small ones are quick, large ones finish. None: --size all the
    way."""
    flip: bool = True
    """Mirror pictures left to right at random."""

    learning_rate: float = 2e-4
    """Adam's step size, generator and discriminator."""
    discriminator_learning_rate: float = 0.0
    """Adam's step size for the discriminator; that of --learning-rate if 0. Faster than the generator is the rule of
    two time scales (Heusel et al. 2017), such as 4e-4 and 1e-4."""
    beta1: float = 0.5
    """Adam's first momentum."""
    beta2: float = 0.999
    """Adam's second momentum."""
    schedule: Literal["linear", "cosine", "step"] = "linear"
    """How the learning rate falls. linear, cosine: to zero, along a line or half a wave, from --decay-from on. step: by
    --step-factor at each --step-at."""
    decay_from: float = 0.5
    """Fraction of the run after which the learning rate falls to zero; 1 keeps it constant."""
    step_at: tuple[float, ...] = ()
    """Fractions of the run at which the schedule step goes down: `--step-at 0.125 0.25 0.5 0.75` (ESRGAN's)."""
    step_factor: float = 0.5
    """What the learning rate is multiplied by at each of them."""
    warmup_images: int = 0
    """Images over which the learning rate rises from zero."""
    accumulate: int = 1
    """Parts that a batch is computed in, one after the other, for less memory: their gradients are averaged, and one
    update follows. The same update, but where BatchNorm or a relativistic --objective takes means of a batch, which are
    then of a part."""
    clip_norm: float = 0.0
    """Longest gradient that an update follows, by its norm over a player's networks; longer ones are shortened
    (Pascanu et al. 2013). 0: as they are."""
    ema: float = 0.999
    """Decay of the running average of the generator's weights, which is what samples, validation and export use;
    0 uses the plain weights."""

    seed: int = 0
    """Same seed, same result on the same device (a CPU bit for bit; a GPU as far as cuDNN allows)."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 autocast where the device computes it natively, else fp32. fp16: for GPUs older than bf16; losses are
    scaled, and an update whose gradient is too large for it is left out."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the networks (torch.compile), which takes minutes and makes each update faster. auto: for runs of at
    least 3,000 updates, where there is what it needs (on a CPU a C++ compiler, on a GPU Triton); on a CPU not for
    U-Nets, which it makes slower."""
    workers: int = 2
    """Processes that load pictures; 0 loads in the main one."""
    cache: str = "memory"
    """Where decoded pictures are kept for the next epoch. memory: shared by all loaders, gone afterwards. A folder:
    also for the next run. off: nowhere."""
    cache_bytes: Bytes = 2 * 1024**3
    """How much of them, such as 500MB or 8GB; what is beyond is decoded each time."""
    validation: int = 0
    """Pictures kept aside, never trained on, and measured every --sample-images images and at the end; of piles 2 or
    more each."""
    validation_measure: Literal["auto", "psnr", "ssim", "perceptual", "swd", "kernel"] = "auto"
    """By which the best checkpoint is chosen. Where there are targets: psnr (auto), ssim or the perceptual distance. Of
    piles: swd (auto), the sliced Wasserstein distance, or the kernel distance. What is not chosen by is logged, too."""
    validation_features: Path | None = None
    """Feature network for the perceptual and kernel distances: a file, as for `translate evaluate`, which then refuses
    to measure the model by it."""
    log_images: int = 1_000
    """Write a line to stats.jsonl every so many images."""
    sample_images: int = 20_000
    """Write a grid of samples and measure the validation pictures every so many images. Where none are kept aside
    (--validation 0), grids show the first of those that are trained on, each time the same."""
    checkpoint_minutes: float = 5.0
    """Write a checkpoint every so many minutes, and at the end."""
    keep: int = 2
    """Checkpoints that stay, the newest ones. The best one stays, too, where pictures are kept aside (--validation): by
    --validation-measure."""
    on_nan: Literal["stop", "resume"] = "stop"
    """What to do when a loss is no number any more. stop: end with an error. resume: once, go on from the last
    checkpoint in float32."""

    @property
    def channels(self) -> int:
        """Of the pictures: 1 (grey), 2 (grey and alpha), 3 (RGB), 4 (RGB and alpha), or others from arrays."""
        return self.generator_arguments.get("channels", 3)

    @property
    def measures(self) -> tuple[str, ...]:
        """By which of the pictures kept aside its best checkpoint can be chosen."""
        return ("psnr", "ssim", "perceptual")

    @property
    def stages(self) -> tuple[int, ...]:
        """Sides of the squares, in pixels, one for each part of the run."""
        return self.sizes or (self.size,)

    def turn(self, index: int) -> int:
        """Place among `stages` of sample number `index`; the same for a whole batch."""
        return index // self.batch * self.batch * len(self.stages) // self.images

    def __post_init__(self) -> None:
        sizes = " ".join(map(str, self.sizes))
        check(
            *_finite(self),
            (
                1 <= self.channels <= 16,
                f"--generator-arguments channels {self.channels}: pictures have 1 (grey), 2 (with alpha), 3 (RGB) or 4 "
                "(with alpha), arrays in .npy files up to 16",
            ),
            (self.batch >= 1, f"--batch {self.batch}: a batch holds at least one image"),
            (self.images >= self.batch, f"--images {self.images} is less than one batch of {self.batch}"),
            (self.size >= 16, f"--size {self.size} is too small; use 16 or more pixels"),
            (self.stages[-1] == self.size, f"--sizes {sizes} must end with --size {self.size}"),
            (min(self.stages) >= 16, f"--sizes {sizes}: use 16 or more pixels"),
            (self.learning_rate > 0, f"--learning-rate {self.learning_rate} must be above 0"),
            (
                self.discriminator_learning_rate >= 0,
                f"--discriminator-learning-rate {self.discriminator_learning_rate} must be 0 or more",
            ),
            (0 <= self.beta1 < 1, f"--beta1 {self.beta1} must be at least 0 and below 1"),
            (0 <= self.beta2 < 1, f"--beta2 {self.beta2} must be at least 0 and below 1"),
            (self.warmup_images >= 0, f"--warmup-images {self.warmup_images} must be 0 or more"),
            (self.seed >= 0, f"--seed {self.seed} must be 0 or more"),
            (self.checkpoint_minutes >= 0, f"--checkpoint-minutes {self.checkpoint_minutes} must be 0 or more"),
            (self.keep >= 1, f"--keep {self.keep}: keep at least the newest checkpoint"),
            (0 <= self.decay_from <= 1, f"--decay-from {self.decay_from} is a fraction of the run, 0 to 1"),
            (
                (self.schedule == "step") == bool(self.step_at),
                "--schedule step goes down at --step-at, which no other schedule has: give both or neither",
            ),
            (
                all(0 < place < 1 for place in self.step_at) and list(self.step_at) == sorted(set(self.step_at)),
                f"--step-at {' '.join(map(str, self.step_at))}: fractions of the run between 0 and 1, rising",
            ),
            (0 < self.step_factor < 1, f"--step-factor {self.step_factor} must be above 0 and below 1"),
            (
                self.schedule == "step" or not changed(self, ["step_factor"]),
                f"--step-factor {self.step_factor} is for --schedule step, not {self.schedule}",
            ),
            (
                self.schedule != "step" or not changed(self, ["decay_from"]),
                f"--decay-from {self.decay_from} is for --schedule linear and cosine; step goes down at --step-at",
            ),
            (
                1 <= self.accumulate <= self.batch and self.batch % self.accumulate == 0,
                f"--accumulate {self.accumulate} does not divide --batch {self.batch} into equal parts",
            ),
            (self.clip_norm >= 0, f"--clip-norm {self.clip_norm} must be 0 or more"),
            (0 <= self.ema < 1, f"--ema {self.ema} must be at least 0 and below 1"),
            (self.workers >= 0, f"--workers {self.workers} must be 0 or more"),
            (bool(self.cache), "--cache is empty: say memory, off, or name a folder"),
            (self.cache_bytes >= 0, f"--cache-bytes {self.cache_bytes} must be 0 or more"),
            (self.validation >= 0, f"--validation {self.validation} must be 0 or more"),
            (
                self.validation_measure in ("auto", *self.measures),
                f"--validation-measure {self.validation_measure}: this method has {', '.join(self.measures)}",
            ),
            (
                self.validation > 0 or (self.validation_measure == "auto" and self.validation_features is None),
                "--validation-measure and --validation-features need pictures kept aside: add --validation",
            ),
            (
                self.validation_measure not in ("perceptual", "kernel") or self.validation_features is not None,
                f"--validation-measure {self.validation_measure} needs a network: name its file with "
                "--validation-features",
            ),
            (self.log_images >= 1, f"--log-images {self.log_images} must be 1 or more"),
            (self.sample_images >= 1, f"--sample-images {self.sample_images} must be 1 or more"),
        )
