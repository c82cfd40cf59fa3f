"""Another program's ONNX graph: read and checked, and its sizes set free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.errors import BadModelFile
from models.manifest import METADATA_KEY
from translate.inference.model_file import decode_model
from translate.inference.safety import check_safe, result_shape

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
    model = copied(foreign.model)
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
    constants = small_constants(graph)
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
        elif node.op_type == "Reshape" and before[:1] == [1] and len(node.input) == 2:
            shape = constants.get(node.input[1])
            zeros_copy = not any(entry.name == "allowzero" and entry.i for entry in node.attribute)
            if shape is not None and shape.size > 1 and shape[0] == 1 and zeros_copy:
                name = f"{node.output[0]}/shape"
                graph.initializer.append(numpy_helper.from_array(np.r_[0, shape[1:]].astype(np.int64), name))
                node.input[1] = name


def small_constants(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """Constants that may be shapes, factors or means, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    result: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        if node.op_type == "Constant":
            for entry in node.attribute:
                if entry.name == "value":
                    tensors[node.output[0]] = entry.t
                elif entry.name in ("value_float", "value_floats", "value_int", "value_ints"):
                    result[node.output[0]] = np.asarray(helper.get_attribute_value(entry))
    small = {name: tensor for name, tensor in tensors.items() if math.prod(tensor.dims) <= 16}
    return result | {name: numpy_helper.to_array(tensor) for name, tensor in small.items()}


def named_size(model: onnx.ModelProto) -> str:
    """The first operator that shapes to given sides, in words; empty where there is none."""
    constants = small_constants(model.graph)
    for node in model.graph.node:
        shape = constants.get(node.input[1]) if node.op_type in ("Reshape", "Expand") and len(node.input) > 1 else None
        if shape is not None and shape.size >= 4 and (shape[2:] > 1).sum() >= 2:
            return f"{node.op_type} {node.name!r} within it shapes to {shape.tolist()}"
    return ""


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that may be changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
