"""Another program's ONNX graph: read, its sizes set free, and wrapped to the contract of this application."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnx.inliner
import onnx.version_converter
from onnx import TensorProto, helper, numpy_helper

from export.contract import OPSET
from models.errors import BadModelFile
from models.manifest import INPUT, METADATA_KEY, OUTPUT, Manifest
from translate.inference.model_file import decode_model
from translate.inference.safety import STANDARD, check_safe, result_shape

IR_VERSION = 10
"""Version of the file format that is written: from 4 on, weights need not be inputs; later ones bring nothing."""
FLOATS: dict[int, type[np.floating[Any]]] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
}
Range = tuple[float, float]


@dataclass(frozen=True)
class Foreign:
    """A checked graph of one picture in and one picture out, and what it says of them."""

    name: str
    """Of the file, without its folder."""
    model: onnx.ModelProto
    """Functions written out, weights no inputs, sizes as they were."""
    batch: int | None
    """Fixed batch size; None where it is free."""
    channels: int | None
    size: tuple[int, int] | None
    """Fixed height and width; None where either is free."""


def has_manifest(data: bytes, path: Path) -> bool:
    """Whether the file describes itself, well or badly."""
    return any(entry.key == METADATA_KEY for entry in decode_model(data, path).metadata_props)


def read_foreign(data: bytes, path: Path) -> Foreign:
    """Read an ONNX file's bytes, without a Manifest, and check them as any other's.

    Raises:
        BadModelFile: no ONNX file, not safe, or not one float picture [N, C, H, W] in and one out.
    """
    model = decode_model(data, path)
    check_safe(model)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    for kind, values in (("input", inputs), ("output", model.graph.output)):
        _check_value(kind, list(values))
    del model.graph.input[:]
    model.graph.input.append(inputs[0])
    model.ir_version = IR_VERSION
    picture = model.graph.input[0].type.tensor_type.shape
    batch, channels, height, width = (side.dim_value if side.dim_value > 0 else None for side in picture.dim)
    size = (height, width) if height and width else None
    result_shape(model, (batch or 1, channels or 3, *(size or (64, 64))))
    return Foreign(
        name=path.name,
        model=model,
        batch=batch,
        channels=channels,
        size=size,
    )


def _check_value(kind: str, values: list[Any]) -> None:
    if len(values) != 1:
        names = ", ".join(value.name for value in values) or "none"
        raise BadModelFile(f"its {kind}s are {names}; a model that can be imported has one.")
    tensor = values[0].type.tensor_type
    if tensor.elem_type not in FLOATS:
        known = dict(zip(TensorProto.DataType.values(), TensorProto.DataType.keys(), strict=True))
        raise BadModelFile(
            f"its {kind} {values[0].name!r} is {known.get(tensor.elem_type, 'of an unknown type').lower()}; "
            "it must be float32, float16 or float64."
        )
    sides = [side.dim_value for side in tensor.shape.dim]
    if len(sides) != 4 and (kind == "input" or sides):  # an output may leave its shape open
        raise BadModelFile(f"its {kind} has {len(sides)} dimensions; a picture has 4: N, C, H, W.")
    if len(sides) == 4 and sides[3] in (1, 3, 4) and sides[1] not in (1, 3, 4):
        raise BadModelFile(f"its {kind} is {sides}, with colour last; it must be N, C, H, W. Export it again so.")


def freed(foreign: Foreign) -> onnx.ModelProto:
    """A copy with free batch, height and width, as far as the operators within allow.

    Enlargements to a fixed size become enlargements by a factor, and reshapes that name a batch of one keep
    what comes. Whether that was all that was fixed, only running it tells.
    """
    model = _copy(foreign.model)
    if foreign.size:
        _free_constants(model, (foreign.batch or 1, foreign.channels or 3, *foreign.size))
    for value in (model.graph.input[0], model.graph.output[0]):
        channels = [side.dim_value for side in value.type.tensor_type.shape.dim][1:2]
        shape = ["n", channels[0] if channels and channels[0] > 0 else f"{value.name}_c", "h", "w"]
        if value is model.graph.output[0]:
            shape = [None] * 4  # the runtime works it out
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))
    del model.graph.value_info[:]  # shapes of the size that was fixed
    return model


def _free_constants(model: onnx.ModelProto, picture: tuple[int, int, int, int]) -> None:
    """Replace what names the fixed size by what follows from the picture, where that is plain."""
    graph = model.graph
    model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info(graph.input[0].name, graph.input[0].type.tensor_type.elem_type, picture)
    )
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # noqa: BLE001  what cannot be inferred stays as it is
        return
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.input)
    }
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if len(tensor.dims) == 1}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    for node in graph.node:
        before = shapes.get(node.input[0] if node.input else "", [])
        if node.op_type == "Resize" and len(node.input) == 4 and len(before) == 4 and all(before):
            sizes = constants.get(node.input[3])
            # an aspect-keeping or cropping Resize is another matter
            plain = not {"axes", "keep_aspect_ratio_policy"} & {entry.name for entry in node.attribute}
            if sizes is not None and len(sizes) == 4 and plain:
                name = f"{node.output[0]}/factors"
                factors = np.asarray([after / side for after, side in zip(sizes, before, strict=True)], np.float32)
                graph.initializer.append(numpy_helper.from_array(factors, name))
                node.input[2:] = [name]
        elif node.op_type == "Reshape" and before[:1] == [1]:
            shape = constants.get(node.input[1])
            zeros_copy = not any(entry.name == "allowzero" and entry.i for entry in node.attribute)
            if shape is not None and shape.size > 1 and shape[0] == 1 and zeros_copy:
                name = f"{node.output[0]}/shape"
                graph.initializer.append(numpy_helper.from_array(np.r_[0, shape[1:]].astype(np.int64), name))
                node.input[1] = name


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
        model = _copy(model)
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
    model = _copy(model)
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


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _strip(model: onnx.ModelProto) -> None:
    """Take out the exporter's notes: stack traces, paths of its machine."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:]
    for part in (model, graph, *graph.node, *graph.initializer):
        part.doc_string = ""
    for part in (*graph.node, *graph.initializer):
        del part.metadata_props[:]
