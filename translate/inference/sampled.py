"""A network with normalizations as a local one: its statistics are measured first, on a sample of the picture."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUT, OUTPUT
from translate.inference.cuts import Plan
from translate.inference.frame import Frame, patches
from translate.inference.graph import Graph
from translate.inference.protocols import Compiled
from translate.inference.segments import coefficients, piece

PATCH, SAMPLE = 128, 1024
"""Sides in pixels of the patches that statistics are measured on, and of all of them together.

PSNR against the statistics of the whole picture, ResNet of 9 blocks with random weights, photographs of 6 megapixels:
FIGURES; shrunk pictures of as many pixels, as in URST (Chen et al. 2022) and the "fast mode" of Tiled VAE: FIGURES.
What is normalized follows the finest detail, which shrinking removes."""


@dataclass
class Sampled:
    """The two graphs that it takes, compiled when they are first used; thread-safe."""

    plan: Plan
    compile: Callable[[bytes], Compiled]
    """For pictures."""
    compile_exact: Callable[[bytes], Compiled]
    """For statistics: differences of squares need fp32."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _measure: Compiled | None = None
    _apply: Compiled | None = None

    def measure(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Coefficients of all normalizations from a sample [1, C, h, w]."""
        with self._lock:
            if self._measure is None:
                self._measure = self.compile_exact(_measuring(self.plan.graph))
        results = iter(self._measure({INPUT: batch}))
        known: dict[str, NDArray[np.float32]] = {}
        for norm in self.plan.graph.norms:
            mean, variance = (np.asarray(next(results), np.float64).ravel() for _ in range(2))
            known |= coefficients(norm, self.plan.graph, mean, variance)
        return known

    def apply(self, batch: NDArray[np.float32], known: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """The network's result for a window [1, C, h, w], with the coefficients that `measure` gave."""
        with self._lock:
            if self._apply is None:
                self._apply = self.compile(piece(self.plan.graph, self.plan.graph.nodes, [INPUT], [OUTPUT]))
        return self._apply({INPUT: batch, **known})[0]


def sampled(frame: Frame, cells: tuple[int, int]) -> NDArray[np.float32]:
    """What statistics are measured on, [1, C, h, w]: the picture where it is small, else patches of it side by side."""
    shorter = min(SAMPLE, frame.height, frame.width)
    rows, columns = (
        patches(places, SAMPLE * SAMPLE // shorter if len(places) > shorter else SAMPLE, math.lcm(PATCH, cell))
        for places, cell in ((frame.rows, cells[0]), (frame.columns, cells[1]))
    )
    return replace(frame, rows=rows, columns=columns).whole()


def _measuring(graph: Graph) -> bytes:
    """The model with two outputs for each normalization in place of its own: means and variances, [N, C, 1, 1]."""
    from onnx import ModelProto, TensorProto, helper

    result = ModelProto()
    result.CopyFrom(graph.model)
    body = result.graph
    del body.output[:]
    for norm in graph.norms:
        read, name = norm.proto.input[0], norm.proto.output[0]
        mean, centred, squares, variance = (f"{name}.{part}" for part in ("mean", "centred", "squares", "variance"))
        body.node.append(helper.make_node("GlobalAveragePool", [read], [mean]))
        body.node.append(helper.make_node("Sub", [read, mean], [centred]))
        body.node.append(helper.make_node("Mul", [centred, centred], [squares]))
        body.node.append(helper.make_node("GlobalAveragePool", [squares], [variance]))
        for output in (mean, variance):
            shape = ["n", graph.tensors[read].channels, 1, 1]
            body.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))
    data: bytes = result.SerializeToString()
    return data
