"""What runs a network: a runtime on a device compiles graphs, and a backend is one model compiled there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import DeviceError

Batch = NDArray[np.float32]
"""[N, C, H, W] in [0, 1], contiguous."""
Feeds = Mapping[str, NDArray[np.float32]]
"""Name of an input -> its values."""

PRECISIONS = ("auto", "fp32", "fp16", "bf16")


class Compiled(Protocol):
    """A graph on a device. May be called from several threads at once."""

    def __call__(self, feeds: Feeds, /) -> list[NDArray[np.float32]]:
        """One pass: all outputs, in the graph's order.

        Raises:
            DeviceError: the runtime failed; says on which size.
        """


class Runtime(Protocol):
    """A device and a precision, ready to take graphs."""

    @property
    def device(self) -> str:
        """For people: 'OpenVINO CPU bf16'."""

    @property
    def precision(self) -> str:
        """fp32, fp16 or bf16: the arithmetic of convolutions."""

    @property
    def note(self) -> str:
        """Why this precision: a phrase."""

    def compile(self, graph: bytes) -> Compiled:
        """Load a graph.

        Raises:
            BadModelFile: the runtime does not take it.
            DeviceError: the device cannot hold it.
        """

    def exact(self) -> Runtime:
        """The same device in fp32; itself if it computes so already."""


class Backend(Protocol):
    """A model on a device. May be used from several threads at once."""

    @property
    def device(self) -> str:
        """What it runs on, for people."""

    @property
    def why(self) -> str:
        """Why there: a short sentence."""

    @property
    def exact(self) -> Backend:
        """The same model in fp32 on the same device, opened when first asked for; itself if it is that already.

        What 16-bit and float pictures need: bf16 keeps about 8 bits.
        """

    def run(self, batch: Batch) -> Batch:
        """One pass of the model; sizes as the Manifest demands.

        Raises:
            DeviceError: the runtime failed; says on which size.
        """

    def compile(self, graph: bytes) -> Compiled:
        """Load another graph, a piece of the model, on the same device in the same precision.

        Raises:
            BadModelFile: the runtime does not take it.
        """


def failure(device: str, feeds: Feeds, error: Exception) -> DeviceError:
    """What a runtime's error while it ran is to the user."""
    shape = max((values.shape for values in feeds.values()), key=len)
    size = f"{shape[-1]} x {shape[-2]} pixels" if len(shape) == 4 else f"values of {list(shape)}"
    return DeviceError(f"{device} failed on {size}; if memory is short, try a smaller --tile. It said: {error}")
