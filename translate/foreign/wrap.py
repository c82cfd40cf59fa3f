"""A foreign graph wrapped to the contract of this application."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
from onnx import TensorProto, helper, numpy_helper

from export.contract import OPSET
from models.manifest import INPUT, METADATA_KEY, OUTPUT, Manifest
from translate.foreign.graph import Range, copied
from translate.inference.safety import STANDARD


def wrapped(model: onnx.ModelProto, channels: int, given: Range, taken: Range, *, bgr: bool) -> onnx.ModelProto:
    """A copy with the contract's values: RGB in [0, 1] in, RGB in [0, 1] out.

    Args:
        model: a `freed` graph.
        given, taken: black and white of what the bare graph takes, and of what it gives.
        bgr: the bare graph wants blue first.
    """
    names = {name for node in model.graph.node for name in (*node.input, *node.output)}
    if {INPUT, OUTPUT} & (names | {tensor.name for tensor in model.graph.initializer}):
        model = onnx.compose.add_prefix(model, "bare/")
    else:
        model = copied(model)
    graph = model.graph
    build = _Builder(model)
    kinds = [value.type.tensor_type.elem_type for value in (graph.input[0], graph.output[0])]
    low, high = given
    x = build.swap(INPUT) if bgr else INPUT
    x = build.affine(x, high - low, low)
    build.cast(x, kinds[0], to=graph.input[0].name)
    first = build.take()

    low, high = taken
    y = graph.output[0].name
    if kinds[1] != TensorProto.FLOAT:
        y = build.cast(y, TensorProto.FLOAT)
    y = build.affine(y, 1 / (high - low), -low / (high - low))
    y = build.swap(y) if bgr else y
    build.clip(y, to=OUTPUT)
    last = build.take()

    middle = [*graph.node]
    del graph.node[:]
    graph.node.extend([*first, *middle, *last])
    for value, name in ((graph.input[0], INPUT), (graph.output[0], OUTPUT)):
        value.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, None, None]))
    _strip(model)
    return model


def sealed(model: onnx.ModelProto, manifest: Manifest) -> bytes:
    """The file: a `wrapped` graph with its shapes named and the Manifest in its metadata."""
    model = copied(model)
    factors = (manifest.multiple, manifest.multiple * manifest.scale)
    for value, factor in zip((model.graph.input[0], model.graph.output[0]), factors, strict=True):
        sides = [side if factor == 1 else f"{factor}*{side}" for side in "hw"]
        shape = ["n", manifest.channels, *sides]
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=manifest.to_json())
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def raised(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The same graph in the opset that this application writes; None where it is that or newer, or cannot be had."""
    if _opset(model) >= OPSET:
        return None
    try:
        converted: onnx.ModelProto = onnx.version_converter.convert_version(model, OPSET)
        onnx.checker.check_model(converted)
    except Exception:  # noqa: BLE001  it raises what it likes where it has no rule for an operator
        return None
    del converted.graph.value_info[:]
    return converted


class _Builder:
    """New nodes around a graph, in whatever opset it is of (7 or later)."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.graph, self.opset = model.graph, _opset(model)
        taken = {tensor.name for tensor in self.graph.initializer}
        taken |= {name for node in self.graph.node for name in (*node.input, *node.output, node.name)}
        self.names = (name for number in itertools.count() if (name := f"contract/{number}") not in taken)
        self.nodes: list[onnx.NodeProto] = []

    def take(self) -> list[onnx.NodeProto]:
        """The nodes since the last call."""
        nodes, self.nodes = self.nodes, []
        return nodes

    def swap(self, x: str) -> str:
        """Red for blue."""
        if self.opset < 10:  # no Slice that steps backwards yet
            return self._add("Gather", x, self._constant(np.asarray([2, 1, 0], np.int64)), axis=1)
        backwards = ([-1], [-(2**31)], [1], [-1])  # starts, ends, axes, steps
        return self._add("Slice", x, *(self._constant(np.asarray(values, np.int64)) for values in backwards))

    def affine(self, x: str, factor: float, offset: float) -> str:
        """x * factor + offset."""
        if factor != 1:
            x = self._add("Mul", x, self._constant(np.float32(factor)))
        return self._add("Add", x, self._constant(np.float32(offset))) if offset else x

    def cast(self, x: str, kind: int, to: str = "") -> str:
        """To another type."""
        return self._add("Cast", x, output=to, to=kind)

    def clip(self, x: str, to: str) -> str:
        """To [0, 1]."""
        if self.opset < 11:
            return self._add("Clip", x, output=to, min=0.0, max=1.0)
        return self._add("Clip", x, self._constant(np.float32(0)), self._constant(np.float32(1)), output=to)

    def _constant(self, value: Any) -> str:
        name = next(self.names)
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or next(self.names)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=next(self.names), **attributes))
        return output


def _opset(model: onnx.ModelProto) -> int:
    return max(int(entry.version) for entry in model.opset_import if entry.domain in STANDARD)


def _strip(model: onnx.ModelProto) -> None:
    """Take out the exporter's notes: stack traces, paths of its machine."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (model, graph, *graph.node, *graph.initializer):
        part.doc_string = ""
    for part in (*graph.node, *graph.initializer):
        del part.metadata_props[:]
