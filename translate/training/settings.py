"""The settings that every training run has, whatever the method. Field docstrings are the manual of `--help`."""

from __future__ import annotations

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


Counts = Annotated[dict[str, int], _named(int)]
Weights = Annotated[dict[str, float], _named(float)]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """What every training run needs, whatever the method."""

    data: Path
    """Training pictures. pix2pix: pairs side by side, two folders A and B (input and target) with equal names, or a
    .csv file of two columns of paths. cyclegan, cut: two folders, trainA and trainB (A and B). srgan: large ones."""
    out: Path
    """Run folder: config.json, stats.jsonl, samples/, checkpoints/."""
    resume: bool = False
    """Go on from the last checkpoint in the run folder."""
    start_from: Path | None = None
    """A .safetensors checkpoint whose weights the generator starts with."""
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
    """Arguments of the generator: `--generator-arguments width 32 blocks 6`."""
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
    flip: bool = True
    """Mirror pictures left to right at random."""

    learning_rate: float = 2e-4
    """Adam's step size, generator and discriminator."""
    beta1: float = 0.5
    """Adam's first momentum."""
    beta2: float = 0.999
    """Adam's second momentum."""
    decay_from: float = 0.5
    """Fraction of the run after which the learning rate falls linearly to zero; 1 keeps it constant."""
    warmup_images: int = 0
    """Images over which the learning rate rises from zero."""
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
    compile: bool = False
    """Compile the networks (torch.compile; on a CPU it needs a C++ compiler). Worth it from a few thousand updates."""
    workers: int = 2
    """Processes that load pictures; 0 loads in the main one."""
    cache: str = "memory"
    """Where decoded pictures are kept for the next epoch. memory: shared by all loaders, gone afterwards. A folder:
    also for the next run. off: nowhere."""
    cache_bytes: Bytes = 2 * 1024**3
    """How much of them, such as 500MB or 8GB; what is beyond is decoded each time."""
    validation: int = 0
    """Pictures kept aside, never trained on, and measured at each checkpoint."""
    log_images: int = 1_000
    """Write a line to stats.jsonl every so many images."""
    sample_images: int = 20_000
    """Write a grid of samples and measure the validation pictures every so many images."""
    checkpoint_minutes: float = 5.0
    """Write a checkpoint every so many minutes, and at the end."""
    keep: int = 2
    """Checkpoints that stay, the newest ones. The best one stays, too, where pictures are kept aside (--validation): by
    PSNR where they have a target, else by the sliced Wasserstein distance of results and real pictures."""
    on_nan: Literal["stop", "resume"] = "stop"
    """What to do when a loss is no number any more. stop: end with an error. resume: once, go on from the last
    checkpoint in float32."""

    @property
    def stages(self) -> tuple[int, ...]:
        """Sides of the squares, in pixels, one for each part of the run."""
        return (self.size,)

    def __post_init__(self) -> None:
        check(
            (self.batch >= 1, f"--batch {self.batch}: a batch holds at least one image"),
            (self.images >= self.batch, f"--images {self.images} is less than one batch of {self.batch}"),
            (self.size >= 16, f"--size {self.size} is too small; use 16 or more pixels"),
            (self.learning_rate > 0, f"--learning-rate {self.learning_rate} must be above 0"),
            (0 <= self.beta1 < 1, f"--beta1 {self.beta1} must be at least 0 and below 1"),
            (0 <= self.beta2 < 1, f"--beta2 {self.beta2} must be at least 0 and below 1"),
            (self.warmup_images >= 0, f"--warmup-images {self.warmup_images} must be 0 or more"),
            (self.seed >= 0, f"--seed {self.seed} must be 0 or more"),
            (self.checkpoint_minutes >= 0, f"--checkpoint-minutes {self.checkpoint_minutes} must be 0 or more"),
            (self.keep >= 1, f"--keep {self.keep}: keep at least the newest checkpoint"),
            (0 <= self.decay_from <= 1, f"--decay-from {self.decay_from} is a fraction of the run, 0 to 1"),
            (0 <= self.ema < 1, f"--ema {self.ema} must be at least 0 and below 1"),
            (self.workers >= 0, f"--workers {self.workers} must be 0 or more"),
            (bool(self.cache), "--cache is empty: say memory, off, or name a folder"),
            (self.cache_bytes >= 0, f"--cache-bytes {self.cache_bytes} must be 0 or more"),
            (self.validation >= 0, f"--validation {self.validation} must be 0 or more"),
            (self.log_images >= 1, f"--log-images {self.log_images} must be 1 or more"),
            (self.sample_images >= 1, f"--sample-images {self.sample_images} must be 1 or more"),
        )
