"""What "the same" means when a generator has left PyTorch, measured."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from export.contract import check_contract
from models.errors import ExportError
from models.manifest import INPUT, OUTPUT, Manifest

Pictures = NDArray[np.float32]
"""[N, C, H, W] in [0, 1]."""

LARGEST = 1e-4
"""Most that one value may differ, of 1."""
UNEQUAL = 1e-3
"""Share of the 8-bit values that may differ, by one level each."""

# "Chelsea", by Stéfan van der Walt, who placed it in the public domain (CC0); cut out of the copy that
# scikit-image ships as skimage.data.chelsea().
PHOTOGRAPH = files("export") / "photograph.jpg"


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime is from PyTorch, over all inputs."""

    values: int
    """Values compared."""
    largest: float
    """Largest difference of two values in [0, 1]."""
    unequal: int
    """8-bit values that differ."""
    levels: int
    """Most 8-bit levels that one differs by."""
    half_db: float | None = None
    """PSNR in dB that weights in float16 keep on photographs; None where they are float32."""

    def __add__(self, other: Parity) -> Parity:
        return Parity(
            self.values + other.values,
            max(self.largest, other.largest),
            self.unequal + other.unequal,
            max(self.levels, other.levels),
        )

    def __str__(self) -> str:
        equal = 1 - self.unequal / max(self.values, 1)
        text = f"largest difference {self.largest:.1e}; {equal:.3%} of {self.values:,} 8-bit values equal"
        return text if self.half_db is None else f"{text}; then weights in fp16, {self.half_db:.1f} dB from these"


def verify(path: Path, generator: nn.Module, manifest: Manifest) -> Parity:
    """Run an exported file and its generator on photographs and noise of several sizes and batches.

    A network that normalizes by the picture is held to LARGEST from twice its smallest size upward; at that size,
    where it divides by the spread of as few as four values, only to finite numbers and equal 8-bit values.

    Args:
        path: the ONNX file.
        generator: what it was exported from: [B, C, H, W] in the Manifest's ranges.
    Returns:
        The differences found where all gates hold; within LARGEST, UNEQUAL and one 8-bit level.
    Raises:
        ExportError: the file breaks the contract, or computes something else; says on which input, how far.
    """
    check_contract(path, manifest)
    generator = copy.deepcopy(generator).float().cpu().eval()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # it takes turns with PyTorch
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        raise ExportError(f"ONNX Runtime cannot load the file: {error}") from error
    found = Parity(0, 0.0, 0, 0)
    smallest = _smallest(manifest)
    for name, pictures in _inputs(manifest):
        expected = _expected(generator, manifest, pictures)
        try:
            result = session.run([OUTPUT], {INPUT: pictures})[0]
        except Exception as error:
            raise ExportError(f"on {name} {pictures.shape}: ONNX Runtime fails: {error}") from error
        if name == "flat":  # no normalization can divide by its spread: finite is all there is to ask for
            _finite(name, result)
        else:
            cramped = manifest.normalization == "picture" and min(pictures.shape[2:]) < 2 * smallest
            parity = compare(expected, result, f"{name} {'x'.join(map(str, pictures.shape))}", exact=not cramped)
            found += Parity(0, 0.0, 0, 0) if cramped else parity
    return found


def compare(expected: Pictures, result: Pictures, name: str, exact: bool = True) -> Parity:
    """Hold one result of ONNX Runtime against PyTorch's.

    Args:
        expected, result: [N, C, H, W] in [0, 1].
        name: of the input, for the error.
        exact: whether single values must be within LARGEST, too; the 8-bit gates hold in any case.
    Raises:
        ExportError: another shape, no finite numbers, or further apart than allowed.
    """
    if expected.shape != result.shape:
        raise ExportError(f"on {name}: PyTorch gives {expected.shape}, ONNX Runtime {result.shape}.")
    _finite(f"{name} in PyTorch", expected)
    _finite(name, result)
    levels = np.abs(np.rint(255 * expected.astype(np.float64)) - np.rint(255 * result.astype(np.float64)))
    largest = float(np.abs(expected - result).max())
    parity = Parity(expected.size, largest, int(np.count_nonzero(levels)), int(levels.max()))
    # Rounded up: one value on the edge between two levels is not a share of a small picture.
    if (exact and largest > LARGEST) or parity.levels > 1 or parity.unequal > math.ceil(UNEQUAL * parity.values):
        raise ExportError(
            f"on {name}: ONNX Runtime and PyTorch disagree: {parity}, at most {parity.levels} levels apart. "
            f"Allowed: {LARGEST:.0e}, {1 - UNEQUAL:.1%}, one level."
        )
    return parity


def _expected(generator: nn.Module, manifest: Manifest, pictures: Pictures) -> Pictures:
    low, high = manifest.input_range
    try:
        with torch.no_grad():
            result = generator(torch.from_numpy(pictures) * (high - low) + low)
    except RuntimeError as error:
        raise ExportError(f"the network itself fails on {pictures.shape}, which it allows: {error}") from error
    batch, channels, height, width = pictures.shape
    promised = (batch, channels, manifest.scale * height, manifest.scale * width)
    if result.shape != promised:
        raise ExportError(f"the network promises {promised} for {pictures.shape} and gives {tuple(result.shape)}.")
    low, high = manifest.output_range
    return np.asarray(((result - low) / (high - low)).numpy().clip(0, 1), np.float32)


def _inputs(manifest: Manifest) -> Iterator[tuple[str, Pictures]]:
    """Smallest, odd and oblong sizes, batches of 1 to 3."""

    def odd(pixels: int) -> int:
        """The next odd multiple that is allowed."""
        count = math.ceil(max(pixels, manifest.minimum) / manifest.multiple)
        return manifest.multiple * (count | 1)

    smallest = _smallest(manifest)
    larger = 2 * smallest if manifest.normalization == "picture" else smallest + manifest.multiple
    noise = np.random.default_rng(0)
    sizes = [(1, smallest, smallest), (1, max(odd(80), larger), odd(max(120, larger))), (2, odd(40), larger)]
    for batch, height, width in sizes:
        photograph = _photograph(manifest.channels, height, width)
        yield "a photograph", np.concatenate([photograph, photograph[:, :, ::-1, ::-1]][:batch])
    for batch, height, width in [*sizes, (3, larger, odd(50))]:
        yield "noise", noise.random((batch, manifest.channels, height, width), np.float32)
    for grey in (0.0, 0.5, 1.0):
        yield "flat", np.full((1, manifest.channels, smallest, odd(50)), grey, np.float32)


def _smallest(manifest: Manifest) -> int:
    return manifest.multiple * math.ceil(manifest.minimum / manifest.multiple)


def _photograph(channels: int, height: int, width: int) -> Pictures:
    with PHOTOGRAPH.open("rb") as file, Image.open(file) as picture:
        rgb = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC), np.float32)
    planes = [rgb[:, :, channel % 3] / np.float32(255) for channel in range(channels)]
    return np.stack(planes)[None]


def _finite(name: str, values: Pictures) -> None:
    if not np.isfinite(values).all():
        bad = np.count_nonzero(~np.isfinite(values))
        raise ExportError(f"on {name}: {bad:,} of {values.size:,} values are not finite numbers.")
