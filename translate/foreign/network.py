"""A foreign graph, run on pictures: which sizes it takes, and what becomes of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from models.errors import BadModelFile
from models.manifest import MAX_SCALE
from translate.foreign.graph import FLOATS, Foreign, named_size

Batch = NDArray[np.float32]
"""[N, C, H, W]."""
STARTS = (64, 128, 256, 512)
"""Sides that are tried first, the second side double: whoever takes multiples of a power of two takes one of them."""


class Runs(Protocol):
    """Whatever makes pictures of pictures, in its own ranges."""

    def run(self, pictures: Batch) -> Batch:
        """One pass: [N, C, H, W] -> [N, C, scale * H, scale * W]."""


class Network:
    """A graph in ONNX Runtime on the processor, with its own ranges in and out."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)  # it is here to be tried: what fails is expected
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._kind = FLOATS[model.graph.input[0].type.tensor_type.elem_type]
        self._input, self._output = model.graph.input[0].name, model.graph.output[0].name
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # the runtime's errors have no common root
            raise BadModelFile(f"ONNX Runtime does not take it: {_words(error)}") from error

    def run(self, pictures: Batch) -> Batch:
        """One pass.

        Raises:
            BadModelFile: it fails; the message holds the runtime's words.
        """
        try:
            result: Any = self._session.run([self._output], {self._input: pictures.astype(self._kind)})[0]
        except Exception as error:
            raise BadModelFile(f"ONNX Runtime says: {_words(error)}") from error
        return np.asarray(result, np.float32)


@dataclass(frozen=True)
class Sizes:
    """What pictures a network takes."""

    channels: int
    scale: int
    multiple: int
    minimum: int

    def allowed(self, side: int) -> int:
        """The nearest side, not below, that it takes."""
        return self.multiple * math.ceil(max(side, self.minimum) / self.multiple)


def measure_sizes(network: Network, foreign: Foreign) -> Sizes:
    """Find the rule of sizes by trying.

    Raises:
        BadModelFile: it takes no picture, only those of one size, or makes none of a whole number of times the size.
    """
    channels, start, scale = _start(network, foreign)

    def works(height: int, width: int) -> bool:
        try:
            result = network.run(photograph(channels, height, width))
        except BadModelFile:
            return False
        return result.shape == (1, channels, height * scale, width * scale)

    for multiple in (2**power for power in range(9)):
        if works(start[0] + multiple, start[1] + 3 * multiple):
            break
    else:
        raise BadModelFile(
            f"it takes pictures of {start[1]} x {start[0]} pixels, but none a little larger: the size is fixed "
            f"inside it. {_reason(network, foreign, channels, start)}Export it again with dynamic height and width."
        )
    # the smallest that works, by halving: whoever takes a size takes all larger ones
    fails, least = 0, math.ceil(min(start) / multiple)
    while least - fails > 1:
        middle = (least + fails) // 2
        if works(middle * multiple, middle * multiple):
            least = middle
        else:
            fails = middle
    return Sizes(channels, scale, multiple, least * multiple)


def check_batch(network: Network, sizes: Sizes, side: int, black: float, white: float) -> None:
    """Check that two pictures at once become what each becomes on its own.

    Raises:
        BadModelFile: they do not.
    """
    one = photograph(sizes.channels, side, side) * np.float32(white - black) + np.float32(black)
    two = one[:, :, ::-1, ::-1]
    try:
        together = network.run(np.concatenate([one, two]))
    except BadModelFile as error:
        raise BadModelFile(
            f"it takes one picture at a time only: {error} Export it again with a dynamic batch."
        ) from None
    apart = np.concatenate([network.run(one), network.run(two)])
    spread = max(float(np.ptp(apart)), 1e-6)
    if together.shape != apart.shape or float(np.abs(together - apart).max()) > 0.02 * spread:
        raise BadModelFile("the pictures of a batch influence one another in it; it was exported while training.")


def photograph(channels: int, height: int, width: int) -> Batch:
    """A real photograph (export/photograph.jpg) in [0, 1]: [1, C, H, W]; grey where there is one channel."""
    from PIL import Image

    with (files("export") / "photograph.jpg").open("rb") as file, Image.open(file) as picture:
        mode = "L" if channels == 1 else "RGB"
        # its middle, not squeezed: a network is judged on shapes as cameras see them
        side = min(picture.width / width, picture.height / height)
        left, top = (picture.width - side * width) / 2, (picture.height - side * height) / 2
        box = (left, top, left + side * width, top + side * height)
        small = picture.convert(mode).resize((width, height), Image.Resampling.BICUBIC, box)
    pixels = np.atleast_3d(np.asarray(small, np.float32) / np.float32(255))
    return np.ascontiguousarray(np.stack([pixels[:, :, c % pixels.shape[2]] for c in range(channels)])[None])


def _start(network: Network, foreign: Foreign) -> tuple[int, tuple[int, int], int]:
    """Channels, a size that works, and how much larger the result is."""
    sizes = [(side, 2 * side) for side in STARTS]
    if foreign.size:
        sizes.append(foreign.size)
    failure = ""
    for channels in [foreign.channels] if foreign.channels else [3, 1, 4]:
        for height, width in sizes:
            try:
                scale = _scale(network, channels, height, width)
            except BadModelFile as error:
                failure = failure or str(error)
                continue
            if scale > MAX_SCALE:
                raise BadModelFile(f"it enlarges {scale} times; at most {MAX_SCALE} are taken.")
            return channels, (height, width), scale
    raise BadModelFile(f"it takes none of the pictures that were tried. {failure}")


def _scale(network: Network, channels: int, height: int, width: int) -> int:
    result = network.run(photograph(channels, height, width))
    if result.ndim != 4 or result.shape[:2] != (1, channels):
        raise BadModelFile(
            f"Of a picture [1, {channels}, {height}, {width}] it makes {list(result.shape)}; "
            f"a result must have as many channels as its picture."
        )
    scale = round(result.shape[3] / width)
    if scale < 1 or result.shape[2:] != (height * scale, width * scale):
        raise BadModelFile(
            f"Of {width} x {height} pixels it makes {result.shape[3]} x {result.shape[2]}, "
            "which is not a whole number of times as large."
        )
    return int(scale)


def _reason(network: Network, foreign: Foreign, channels: int, size: tuple[int, int]) -> str:
    if named := named_size(foreign.model):
        return f"{named}. "
    try:
        result = network.run(photograph(channels, size[0] + 64, size[1] + 64))
    except BadModelFile as error:
        return f"{error} "
    return f"Of {size[1] + 64} x {size[0] + 64} it makes {result.shape[3]} x {result.shape[2]}. "


def _words(error: Exception) -> str:
    """The telling part of a runtime's message, on one line."""
    text = " ".join(str(error).split())
    if found := re.search(r"running (\w+) node\. Name:'([^']*)' Status Message: (.*)", text):
        text = f"{found[1]} {found[2]!r}: {found[3]}"
    else:
        text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return f"{text[:300]}..." if len(text) > 300 else f"{text.rstrip('.')}."
