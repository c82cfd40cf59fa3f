"""What a model is. The same Manifest rides in a checkpoint and in an ONNX file; nothing else is needed to run one."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from models.errors import BadManifest
from models.migration import BadSchema, Migration, migrated

MIGRATIONS: tuple[Migration, ...] = (dict,)
"""Schema 0 has no number, else it is schema 1: fields that it lacks (radius_error, precisions, pixels, judges) came
later, with defaults that are true of every file without them."""
SCHEMA = len(MIGRATIONS)
METADATA_KEY = "translate.manifest"
"""Key of the Manifest in `.safetensors` metadata and in ONNX `metadata_props`."""
INPUT, OUTPUT = "image", "result"
"""Names of the one input and the one output of an ONNX file: float32 [N, C, H, W] in [0, 1]."""

Task = Literal["translation", "super-resolution"]
Pixels = Literal["float32 NCHW", "uint8 NHWC"]
"""float32 NCHW: [N, C, H, W] in [0, 1]. uint8 NHWC: bytes [N, H, W, C] from 0 to 255, as canvases have them."""
Normalization = Literal["none", "fixed", "picture"]
"""none: no normalization. fixed: running statistics, the same for every picture.
picture: statistics of the picture at hand (InstanceNorm), so tiles must share those of the whole picture."""

DECLARED = ("channels", "scale", "multiple", "minimum", "radius", "normalization")
"""What a generator declares of itself, and its Manifest repeats for whoever has no torch."""

MAX_SCALE = 16


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A translator described: how to build it, how to run it, where it comes from."""

    name: str
    """What users call it: `texture-x4`."""
    task: Task
    source: str
    """Domain it reads, in words: 'game textures at a quarter of their size'."""
    target: str
    """Domain it writes, in words."""
    generator: str
    """Name in `models.zoo.GENERATORS`."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the builder: plain JSON values."""
    channels: int = 3
    scale: int = 1
    """Output side / input side."""
    multiple: int = 1
    """Input height and width must be multiples of this many pixels."""
    minimum: int = 1
    """Smallest input height and width, in pixels."""
    radius: int = 0
    """Receptive radius: input pixels around a point that its output depends on, normalization aside."""
    radius_error: float = 0.0
    """Largest change of a result, of 1, from what lies beyond `radius`: 0 where the radius follows from the layers,
    else measured on photographs."""
    precisions: dict[str, float] = field(default_factory=dict)
    """Lower precision (fp16, bf16) -> PSNR in dB of its results against fp32, measured on photographs. int8: of a file
    quantized to that, on pictures that it was not calibrated with."""
    normalization: Normalization = "none"
    input_range: tuple[float, float] = (-1.0, 1.0)
    """Values the bare generator takes for black and white; the ONNX file maps [0, 1] onto them."""
    output_range: tuple[float, float] = (-1.0, 1.0)
    """Values the bare generator gives for black and white."""
    pixels: Pixels = "float32 NCHW"
    """What the ONNX file takes and gives; `translate run` runs the first kind."""
    work_size: int | None = None
    """Long side in pixels that it was trained for; None where size does not matter."""
    training_data: str = ""
    license: str = ""
    """Terms of the weights, which follow from the data."""
    judges: dict[str, str] = field(default_factory=dict)
    """Feature networks by which it was trained, and where their weights are from: they must not measure it."""
    pictures: str = ""
    """Fingerprints of those it was trained on or chosen by, which must not measure it: the 512 smallest, each the first
    6 bytes of a file's SHA-256, in base64."""
    steps: int = 0
    """Optimizer updates."""
    metrics: dict[str, float] = field(default_factory=dict)
    created_by: str = ""
    """Program and version that wrote it."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadManifest: a type or value that no model can have.
        """
        for entry in dataclasses.fields(self):
            self._check_type(entry.name, str(entry.type))
        for ok, complaint in (
            (self.schema == SCHEMA, f"schema {self.schema}; this version makes those of schema {SCHEMA}"),
            (self.name != "", "an empty name"),
            (self.task in ("translation", "super-resolution"), f"task {self.task!r}"),
            (self.normalization in ("none", "fixed", "picture"), f"normalization {self.normalization!r}"),
            (self.pixels in ("float32 NCHW", "uint8 NHWC"), f"pixels {self.pixels!r}"),
            (1 <= self.channels <= 16, f"{self.channels} channels"),
            (1 <= self.scale <= MAX_SCALE, f"scale {self.scale}; 1 to {MAX_SCALE} make sense"),
            (1 <= self.multiple <= 4096, f"size multiple {self.multiple}"),
            (1 <= self.minimum <= 65536, f"minimum size {self.minimum}"),
            (0 <= self.radius <= 65536, f"receptive radius {self.radius}"),
            (0 <= self.radius_error <= 1, f"radius error {self.radius_error}"),
            (
                all(isinstance(value, int | float) for value in self.precisions.values()),
                f"precisions {self.precisions}",
            ),
            (self.work_size is None or self.work_size >= 1, f"work size {self.work_size}"),
            (self.input_range[0] < self.input_range[1], f"input range {self.input_range}"),
            (self.output_range[0] < self.output_range[1], f"output range {self.output_range}"),
        ):
            if not ok:
                raise BadManifest(f"the Manifest of {self.name or 'a model'} has {complaint}.")

    def _check_type(self, name: str, annotation: str) -> None:
        value = getattr(self, name)
        if annotation.startswith("tuple"):
            fits = isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, float) for v in value)
        else:
            expected: dict[str, Any] = {"int": int, "int | None": (int, type(None)), "float": (int, float), "str": str}
            kind = dict if annotation.startswith("dict") else expected.get(annotation, str)
            fits = isinstance(value, kind) and not isinstance(value, bool)
        if not fits:
            raise BadManifest(f"the Manifest has {name} = {value!r}, which is no {annotation}.")

    def to_json(self) -> str:
        """As one line of JSON, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote, that of an earlier version too.

        Raises:
            BadManifest: no JSON object, unknown or missing fields, a newer schema.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise BadManifest(f"the Manifest is not JSON: {error}.") from None
        if not isinstance(values, dict):
            raise BadManifest("the Manifest is not a JSON object.")
        try:
            values = migrated(values, MIGRATIONS)
        except BadSchema as error:
            raise BadManifest(f"the Manifest {error}.") from None
        unknown = sorted(values.keys() - {entry.name for entry in dataclasses.fields(cls)})
        if unknown:
            raise BadManifest(f"the Manifest has unknown fields: {', '.join(unknown)}.")
        for key in ("input_range", "output_range"):
            if isinstance(values.get(key), list):
                values[key] = tuple(float(v) if isinstance(v, int) else v for v in values[key])
        try:
            return cls(**values)
        except TypeError as error:
            raise BadManifest(f"the Manifest lacks a field: {error}.") from None
