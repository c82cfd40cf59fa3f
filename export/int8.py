"""A model with its convolutions in 8-bit integers, calibrated on pictures, and kept only if results stay near."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from PIL import Image, UnidentifiedImageError

from export.precision import Pictures, nearness, photographs, with_facts
from export.trial import open_session, run_onnx
from models.errors import ExportError, UsageError
from models.manifest import INPUT, Manifest

GATE_DB = 40.0
"""PSNR against fp32, on the worst of the pictures kept aside, below which the file is refused: 2.5 levels of 255."""
LEAST, MOST = 8, 64
"""Calibration pictures that are needed, and used (evenly from all)."""
ASIDE = 4
"""Every so many is kept aside: the gate looks at those, and at photographs of our own."""
SIDE = 256
"""Pixels on the longer side of a picture's middle, in the result, that is looked at."""
ROUNDS = 3
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".tga"}
HEAVY = ("Conv", "ConvTranspose")


@dataclass(frozen=True)
class Gain:
    """What quantization cost and brought."""

    calibrated: int
    """Pictures that it was calibrated with."""
    judged: int
    """Other pictures that it was judged by."""
    db: float
    """PSNR against fp32, the worst of those."""
    smaller: float
    """Bytes before / bytes after."""
    faster: float
    """Seconds before / seconds after, in ONNX Runtime on this machine's processor, median of alternating rounds."""

    def __str__(self) -> str:
        return (
            f"int8: calibrated with {self.calibrated} pictures; on {self.judged} others {self.db:.1f} dB from fp32; "
            f"{self.smaller:.1f} times smaller, {self.faster:.2f} times as fast in ONNX Runtime on this processor"
        )


def quantized(model: bytes, manifest: Manifest, folder: Path) -> tuple[bytes, Gain]:
    """The same model with int8 weights (by output channel) and int8 values into and out of its convolutions.

    The first and the last convolution stay float32, which costs a tenth of the size: their rounding is seen most (3 dB
    on `texture-x4`). So does what lies between, statistics of InstanceNorm with it. The graph keeps its standard
    operators (QuantizeLinear, DequantizeLinear); what runs it fuses them into integer kernels.

    Args:
        model: in float32, of free size.
        folder: pictures such as it will be used on, and below; every ASIDE-th only judges.
    Raises:
        UsageError: too few pictures.
        ExportError: nothing to quantize, or results below GATE_DB.
    """
    pictures = calibration_pictures(folder, manifest)
    judges = [*pictures[::ASIDE], *photographs(manifest)]
    learned = [picture for number, picture in enumerate(pictures) if number % ASIDE]
    data = _quantize(model, manifest, learned)
    db = nearness(run_onnx(model, judges), run_onnx(data, judges))
    if db < GATE_DB:
        raise ExportError(
            f"in int8 its results on pictures that it was not calibrated with are {db:.1f} dB from those in fp32; at "
            f"least {GATE_DB:.0f} are asked for. Calibrate with more pictures of the kind it is used on, or take fp16."
        )
    faster = _speed(model, data, photographs(manifest)[0])
    data = with_facts(data, precisions={"int8": db})
    return data, Gain(len(learned), len(judges), db, len(model) / len(data), faster)


def calibration_pictures(folder: Path, manifest: Manifest) -> list[Pictures]:
    """The middles of a folder's pictures, of sizes that the network takes: [1, C, H, W] in [0, 1].

    Raises:
        UsageError: no folder, or fewer than LEAST that can be read.
    """
    files = [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in ENDINGS and file.is_file()]
    places = np.unique(np.linspace(0, len(files) - 1, MOST).round().astype(int)) if files else ()
    pictures = [picture for place in places if (picture := _read(files[place], manifest)) is not None]
    if len(pictures) < LEAST:
        raise UsageError(
            f"--calibration {folder} holds {len(pictures)} pictures that can be read; name a folder with {LEAST} or "
            "more (a hundred is better) of the kind that the model is used on."
        )
    return pictures


def _read(file: Path, manifest: Manifest) -> Pictures | None:
    unit = manifest.multiple
    least = -(-manifest.minimum // unit) * unit
    side = max(SIDE // manifest.scale // unit * unit, least)
    try:
        with Image.open(file) as opened:
            if opened.mode.startswith(("I", "F")):  # 16 bits and more, which Pillow would clip
                return None
            picture = opened.convert("RGBA").convert("RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if manifest.work_size and max(picture.size) > manifest.work_size:  # the scale on which it paints
        picture.thumbnail((manifest.work_size, manifest.work_size), Image.Resampling.LANCZOS)
    if min(picture.size) < least:
        picture = picture.resize((max(picture.width, least), max(picture.height, least)), Image.Resampling.BICUBIC)
    width, height = (min(length // unit * unit, side) for length in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    values = np.asarray(picture.crop((left, top, left + width, top + height)), np.float32).transpose(2, 0, 1)
    return np.ascontiguousarray(values[np.arange(manifest.channels) % 3][None] / np.float32(255))


def _quantize(model: bytes, manifest: Manifest, pictures: list[Pictures]) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out one picture after the other."""

        def __init__(self) -> None:
            self.left: Iterator[Pictures] = iter(pictures)

        def get_next(self) -> dict[str, Pictures] | None:
            picture = next(self.left, None)
            return None if picture is None else {INPUT: picture}

    loaded = onnx.load_model_from_string(model)
    notes = [(entry.key, entry.value) for entry in loaded.metadata_props]
    for number, node in enumerate(loaded.graph.node):
        node.name = f"{node.op_type}/{number}"
    heavy = [node.name for node in loaded.graph.node if node.op_type in HEAVY]
    if len(heavy) < 3:
        raise ExportError(f"{manifest.name} has {len(heavy)} convolutions: nothing worth quantizing.")
    loaded.metadata_props.add(
        key="onnx.quant.pre_process", value="onnxruntime.quant"
    )  # shapes are not needed: only Conv is touched
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        quantize_static(
            loaded,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*HEAVY],
            nodes_to_exclude=[heavy[0], heavy[-1]],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        result: Any = onnx.load_model_from_string(path.read_bytes())
    del result.metadata_props[:]
    for key, value in notes:
        result.metadata_props.add(key=key, value=value)
    for entry in [*result.opset_import]:  # the quantizer names domains that it then does not use
        if entry.domain and not any(node.domain == entry.domain for node in result.graph.node):
            result.opset_import.remove(entry)
    data: bytes = result.SerializeToString(deterministic=True)
    return data


def _speed(before: bytes, after: bytes, picture: Pictures) -> float:
    sessions = [open_session(each) for each in (before, after)]
    seconds: list[list[float]] = [[], []]
    for session in sessions:
        session.run(None, {INPUT: picture})
    for _ in range(ROUNDS):
        for session, times in zip(sessions, seconds, strict=True):
            start = time.perf_counter()
            session.run(None, {INPUT: picture})
            times.append(time.perf_counter() - start)
    return statistics.median(seconds[0]) / statistics.median(seconds[1])
