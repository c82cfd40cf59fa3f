"""Settings of `translate export`. Field docstrings are the manual of `--help`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from models.errors import ConfigError

Format = Literal["auto", "onnx", "openvino", "safetensors"]
ENDINGS: dict[str, Format] = {".onnx": "onnx", ".xml": "openvino", ".safetensors": "safetensors"}


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Turn a run's or a checkpoint's generator into one self-describing ONNX file; or a model that is one already into
    another form."""

    source: Positional[str]
    """A run folder, a .safetensors checkpoint, an .onnx file of ours, or an installed model's name."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The file to write, replaced once the new one is verified: .onnx, .xml (OpenVINO, with a .bin) or .safetensors."""
    triton: Path | None = None
    """In place of --out: the model repository of a Triton Inference Server, in which to write NAME/config.pbtxt and
    NAME/1/model.onnx."""
    generator: str = ""
    """Which of the run's generators, where it has several (CycleGAN: ab or ba)."""
    name: str = ""
    """What the model calls itself; the run's --name if not given (CycleGAN: with -ab or -ba)."""
    checkpoint: Literal["last", "best"] = "last"
    """Which of the run's checkpoints: the newest, or the one whose validation measure was best (see best.json)."""
    work_size: int | None = None
    """Long side in pixels at which pictures are to be painted; by default that of the training squares. Networks that
    take any size often do better somewhat above it: look."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """How the weights are stored. fp16: half the size, computed in fp32 all the same; refused where results on
    photographs are not within 50 dB of those with fp32 weights. int8: a quarter of the size, convolutions computed in
    8-bit integers, which loses more; needs --calibration, refused below 40 dB."""
    calibration: Path | None = None
    """Folder of pictures such as it is used on, for --precision int8; a quarter of them only judges."""
    fixed_size: str = ""
    """HEIGHTxWIDTH of the one picture that the file is to take, for TensorRT, neural units and the like. `translate
    run` needs free sizes and does not take such a file."""
    uint8: FlagCreatePairsOff[bool] = False
    """Bytes in and out, [N, H, W, C] from 0 to 255, for servers and pages. `translate run`, which has pictures of 16
    bits and tiles, does not take such a file."""
    format: Format = "auto"
    """auto: as the ending of --out says."""
    card: FlagCreatePairsOff[bool] = False
    """Also write a model card, README.md, with the run's own numbers and samples, beside --out, in a folder for this
    model alone: `translate models push` sends it along."""

    def __post_init__(self) -> None:
        suffix = self.out.suffix.lower() if self.out else ".onnx"
        plain = self.form == "safetensors"
        for ok, complaint in (
            (
                self.work_size is None or self.work_size >= 16,
                f"--work-size {self.work_size} must be 16 or more",
            ),
            ((self.out is None) != (self.triton is None), "say where to: --out FILE, or --triton DIR"),
            (
                suffix in ENDINGS and self.format in ("auto", ENDINGS[suffix]),
                f"cannot export to {self.out or self.triton}: name a file that ends in .onnx, .xml (OpenVINO) or "
                ".safetensors with -o, of which --format is the same",
            ),
            (
                (self.precision == "int8") == (self.calibration is not None),
                "--precision int8 and --calibration DIR go together",
            ),
            (
                not self.fixed_size or self.size is not None,
                f"--fixed-size {self.fixed_size} is no size: write 512x768, height first",
            ),
            (
                not (plain and (self.fixed_size or self.uint8 or self.precision == "int8")),
                "a .safetensors file holds the network's weights: no --fixed-size, --uint8 or --precision int8",
            ),
            (
                not self.card or (self.form == "onnx" and not (self.triton or self.fixed_size or self.uint8)),
                "--card is for an .onnx file that all can run: no --triton, --fixed-size, --uint8 or other --format",
            ),
        ):
            if not ok:
                raise ConfigError(f"{complaint}.")

    @property
    def form(self) -> str:
        """onnx, openvino or safetensors."""
        return ENDINGS.get(self.out.suffix.lower() if self.out else ".onnx", "onnx")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of `fixed_size`."""
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", self.fixed_size)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def is_plain(self) -> bool:
        """Whether the ONNX file of a checkpoint, as it comes, is all that is wanted."""
        return self.form == "onnx" and not (self.triton or self.fixed_size or self.uint8 or self.precision == "int8")
