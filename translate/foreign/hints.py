"""What the operators of a foreign graph give away: ranges, order of channels, normalization. Nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from models.manifest import Normalization
from translate.foreign.graph import Foreign, Range, small_constants

RANGES: dict[str, Range] = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
BOUNDED = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "HardSigmoid": (0.0, 1.0)}
MEANS = {"ImageNet": (0.485, 0.456, 0.406), "DIV2K": (0.4488, 0.4371, 0.404)}
"""Mean red, green and blue that networks subtract: of ImageNet, and of DIV2K as EDSR does."""
WHOLE = (
    *("InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization"),
    *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
)
"""Operators that see the whole picture."""

ONE, ZERO = np.ones(1), np.zeros(1)

_PASS = ("Identity", "Cast", "Transpose", "Dropout")


@dataclass(frozen=True)
class Hint:
    """A conclusion and its reason."""

    value: str
    reason: str


@dataclass(frozen=True)
class Hints:
    """What is known from the graph alone; None where it says nothing."""

    input_range: Hint | None
    output_range: Hint | None
    order: Hint | None
    normalization: tuple[Normalization, str]


def read_hints(foreign: Foreign) -> Hints:
    """Read the first and last operators, and look for those that see the whole picture."""
    graph = _Graph(foreign.model)
    factor, offset = _first_steps(graph, foreign.model.graph.input[0].name)
    return Hints(
        input_range=_input_range(factor, offset),
        output_range=_output_range(graph, foreign.model.graph.output[0].name),
        order=_order(factor, offset),
        normalization=normalization(foreign.model),
    )


class _Graph:
    """Who makes and who reads each value, and the values of constants."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.constants = small_constants(model.graph)
        self.maker: dict[str, Any] = {}
        self.readers: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
            for name in node.output:
                self.maker[name] = node

    def step(self, node: Any) -> tuple[str, NDArray[Any], NDArray[Any]] | None:
        """For x * a + b: the name of x, a, b. None for any other operator."""
        if node.op_type in _PASS:
            return node.input[0], ONE, ZERO
        if node.op_type == "Neg":
            return node.input[0], -ONE, ZERO
        if node.op_type not in ("Add", "Sub", "Mul", "Div"):
            return None
        for x, constant in (node.input, node.input[::-1]):
            c = self.constants.get(constant)
            if c is None or c.size not in (1, 3):
                continue
            c, swapped = c.astype(np.float64).reshape(-1), x == node.input[1]
            match node.op_type:
                case "Add":
                    return x, ONE, c
                case "Sub":
                    return (x, -ONE, c) if swapped else (x, ONE, -c)
                case "Mul":
                    return x, c, ZERO
                case "Div" if not swapped and c.all():
                    return x, 1 / c, ZERO
        return None


def _first_steps(graph: _Graph, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """What x * factor + offset the first convolution sees, each of one or three values."""
    factor, offset = ONE, ZERO
    while len(graph.readers.get(name, [])) >= 1:
        # several may read a picture: one the network, others only its shape or a skip connection
        found = None
        for node in graph.readers[name]:
            step = graph.step(node)
            if step and step[0] == name:
                found = (node, step)
        if not found:
            break
        node, (_, a, b) = found
        factor, offset = factor * a, offset * a + b
        name = node.output[0]
    return factor, offset


def _input_range(factor: NDArray[Any], offset: NDArray[Any]) -> Hint | None:
    if not factor.all():
        return None
    size, means = float(np.abs(factor).max()), -offset / factor
    if size < 0.05:
        return Hint("0..255", f"the network first multiplies it by {size:.4g}")
    if size > 100:
        return Hint("0..1", f"the network first multiplies it by {size:.4g}")
    for text, (low, high) in RANGES.items():  # what it maps onto another range it takes itself
        ends = [float((factor * end + offset).mean()) for end in (low, high)]
        for other in RANGES.values():
            if other != (low, high) and np.allclose(ends, other, atol=0.01 * (other[1] - other[0])):
                return Hint(text, f"the network first maps {text} to {other[0]:g}..{other[1]:g}")
    if (means > 40).all() or ((means > 0.2) & (means < 0.8)).all():
        return Hint("0..255" if means.min() > 40 else "0..1", f"the network first takes {_list(means)} from it")
    return None


def _order(factor: NDArray[Any], offset: NDArray[Any]) -> Hint | None:
    if max(factor.size, offset.size) != 3 or not (factor != 0).all():
        return None
    means = np.broadcast_to(-offset / factor, 3)
    means = means / 255 if (means > 2).all() else means
    for data, known in MEANS.items():
        for order, expected in (("rgb", known), ("bgr", known[::-1])):
            if np.abs(means - expected).max() < 0.01:
                return Hint(order, f"the network first takes the means of {data} away, in this order")
    return None


def _output_range(graph: _Graph, name: str) -> Hint | None:
    """Walk back from the result to what bounds it, and map the bounds onwards."""
    factor, offset = ONE, ZERO
    while name in graph.maker:
        node = graph.maker[name]
        bounds = _bounds(graph, node)
        if bounds:
            ends = [float((factor * bound + offset).mean()) for bound in bounds]
            for text, (low, high) in RANGES.items():
                if abs(min(ends) - low) < 0.01 * (high - low) and abs(max(ends) - high) < 0.01 * (high - low):
                    return Hint(text, f"the network ends with {node.op_type}, which gives {min(ends):g}..{max(ends):g}")
            return None
        step = graph.step(node)
        if not step:
            return None
        name, a, b = step
        factor, offset = factor * a, offset + factor * b
    return None


def _bounds(graph: _Graph, node: Any) -> tuple[float, float] | None:
    if node.op_type in BOUNDED:
        return BOUNDED[node.op_type]
    if node.op_type != "Clip":
        return None
    given = {entry.name: entry.f for entry in node.attribute}
    for name, place in (("min", 1), ("max", 2)):
        if len(node.input) > place and node.input[place] in graph.constants:
            given[name] = float(graph.constants[node.input[place]].reshape(-1)[0])
    return (given["min"], given["max"]) if {"min", "max"} <= given.keys() else None


def normalization(model: onnx.ModelProto) -> tuple[Normalization, str]:
    """Whether a result depends on statistics of the whole picture, by the operators that say so by their name.

    Global pooling, as in channel attention, is among them. Other forms show when the network is run.
    """
    nodes = [node for graph in _graphs(model.graph) for node in graph.node]
    whole = next((node for node in nodes if node.op_type in WHOLE or _trains(node)), None)
    if whole is not None:
        return "picture", f"{whole.op_type} {whole.name!r} within it takes statistics of the whole picture"
    if any(node.op_type == "BatchNormalization" for node in nodes):
        return "fixed", "its BatchNormalization is the same for every picture"
    return "none", "it has no normalization"


def _trains(node: Any) -> bool:
    """BatchNormalization that takes the statistics of what it is given."""
    return node.op_type == "BatchNormalization" and any(e.name == "training_mode" and e.i for e in node.attribute)


def _graphs(graph: Any) -> list[Any]:
    branches = [entry.g for node in graph.node for entry in node.attribute if entry.HasField("g")]
    return [graph, *(inner for branch in branches for inner in _graphs(branch))]


def _list(values: NDArray[Any]) -> str:
    return ", ".join(f"{value:.3g}" for value in values.reshape(-1))
