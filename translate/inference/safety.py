"""What no model file may do, whoever made it: read other files, bring code, loop, or claim memory beyond measure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from models.errors import BadModelFile

STANDARD = ("", "ai.onnx")
REFUSED = {
    "Loop": "it repeats a part as often as the file says, perhaps for ever",
    "Scan": "it repeats a part as often as the file says, perhaps for ever",
    "SequenceMap": "it repeats a part as often as the file says, perhaps for ever",
    "ImageDecoder": "it decodes picture files, which is not a network's work",
}
"""Standard operators that no generator needs, and why they are not run. `If` is: both of its branches are checked."""
MAX_NODES = 50_000
"""Operators in all, each function counted as often as it is called. The largest published generators have 20,000."""
MAX_DEPTH = 64
"""Functions that call one another in a row."""
MAX_ELEMENTS_PER_PIXEL = 2**16
"""Elements of one intermediate value for each pixel of a small picture: 64 channels enlarged 16 times have 2^14."""
MAX_SPARSE = 2**24
"""Elements of a sparse tensor once it is written out."""
SURE_OPSET, SURE_IR = 23, 11
"""What the oldest onnxruntime that the application takes knows; only above these is the installed one asked."""

_EXTERNAL = 1  # TensorProto.DataLocation
_STRING, _FLOAT = 8, 1  # TensorProto.DataType
_PACKED_BITS = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}  # types of several elements a byte
_SMALL = 1024  # elements of a constant that may be a shape, and is shown to shape inference

Model = Any
"""onnx.ModelProto; the library is imported where it is used, so that a listing of models stays quick."""


def check_safe(model: Model) -> None:
    """Look at every operator and weight, also in branches and functions.

    Raises:
        BadModelFile: the bare reason, for a sentence that begins with the file's name.
    """
    if not model.HasField("graph"):
        raise BadModelFile("it holds no network.")
    if _expanded(model) > MAX_NODES:
        raise BadModelFile(f"it has more than {MAX_NODES:,} operators; no generator needs so many.")
    functions = {(function.domain, function.name) for function in model.functions}
    for node in _nodes(model):
        _check_operator(node, functions)
    for tensor in _tensors(model):
        _check_tensor(tensor)
    _check_version(model)


def result_shape(model: Model, picture: tuple[int, int, int, int]) -> list[int | None]:
    """Derive the shapes of all values for one small picture, without running anything.

    Args:
        picture: N, C, H, W of the input.
    Returns:
        Shape of the (first) result; None where it cannot be derived, [] where not even its rank can.
    Raises:
        BadModelFile: a value would be absurdly large, such as a constant of 10^12 elements.
    """
    import onnx.inliner

    skeleton = _skeleton(model, picture)
    try:
        if skeleton.functions:
            skeleton = onnx.inliner.inline_local_functions(skeleton)
        inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True)
    except Exception:  # noqa: BLE001  a node that it does not understand: the runtime will tell, or run it
        return []
    most = MAX_ELEMENTS_PER_PIXEL * picture[2] * picture[3]
    for graph in _graphs(inferred.graph):
        for value in (*graph.value_info, *graph.output):
            elements = math.prod(max(side.dim_value, 1) for side in value.type.tensor_type.shape.dim)
            if elements > most:
                raise BadModelFile(
                    f"its value {value.name!r} has {elements:,} elements for a picture of {picture[3]} x {picture[2]}."
                )
    shape = inferred.graph.output[0].type.tensor_type.shape
    return [side.dim_value if side.HasField("dim_value") else None for side in shape.dim]


def _check_operator(node: Any, functions: set[tuple[str, str]]) -> None:
    if (node.domain, node.op_type) in functions:
        return
    if node.domain not in STANDARD:
        raise BadModelFile(
            f"it uses the operator {node.op_type} of the domain {node.domain!r}; only standard ONNX operators are run."
        )
    if node.op_type in REFUSED:
        raise BadModelFile(f"it uses the operator {node.op_type}, which is not run: {REFUSED[node.op_type]}.")
    for attribute in node.attribute:
        # Cast and its like name a type by number; Constant holds text itself
        casts = node.op_type in ("Cast", "CastLike") and attribute.name == "to" and attribute.i == _STRING
        if casts or (node.op_type == "Constant" and attribute.name in ("value_string", "value_strings")):
            raise BadModelFile("it computes with text; a network of pictures computes with numbers.")


def _check_tensor(tensor: Any) -> None:
    if tensor.external_data or tensor.data_location == _EXTERNAL:
        raise BadModelFile(
            f"its weights {tensor.name!r} are to be read from another file; a model file must hold all of its weights."
        )
    if tensor.data_type == _STRING:
        raise BadModelFile(f"its constant {tensor.name!r} holds text; a network of pictures computes with numbers.")
    elements = math.prod(tensor.dims)
    if min(tensor.dims, default=0) < 0 or elements > _stored(tensor):
        raise BadModelFile(
            f"its weights {tensor.name!r} claim {elements:,} elements, but the file holds {_stored(tensor):,}."
        )


def _stored(tensor: Any) -> int:
    """Elements that a tensor's data have room for."""
    import onnx

    bits = _PACKED_BITS.get(tensor.data_type, 0)
    if tensor.HasField("raw_data"):
        try:
            width = bits or 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        except (KeyError, TypeError):
            raise BadModelFile(f"its weights {tensor.name!r} are of the unknown type {tensor.data_type}.") from None
        return 8 * len(tensor.raw_data) // width
    lists = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
    return max(map(len, lists)) * (8 // bits if bits else 1)


def _check_version(model: Model) -> None:
    opset = max((entry.version for entry in model.opset_import if entry.domain in STANDARD), default=1)
    if (opset > SURE_OPSET or model.ir_version > SURE_IR) and not _runtime_knows(opset, model.ir_version):
        import onnxruntime

        raise BadModelFile(
            f"it is of ONNX opset {opset} (file format {model.ir_version}), which the installed onnxruntime "
            f"{onnxruntime.__version__} does not know; update onnxruntime, or export the model with an older opset."
        )


def _runtime_knows(opset: int, ir_version: int) -> bool:
    """Ask the installed onnxruntime with a file of one operator: it lists its versions nowhere."""
    import onnxruntime
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    probe = helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", [x], [y]),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001  the runtime's errors have no common root
        return False
    return True


def _expanded(model: Model) -> int:
    """Operators once every function is written out where it is called.

    Functions may call functions, each twice the next: a few lines can stand for 2^60 operators.
    """
    bodies = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Any, within: tuple[tuple[str, str], ...]) -> int:
        total = 0
        for node in nodes:
            name = (node.domain, node.op_type)
            if name in within or len(within) > MAX_DEPTH:
                raise BadModelFile(f"its function {node.op_type} calls itself, or calls others without end.")
            if name in bodies and name not in sizes:
                sizes[name] = size(bodies[name].node, (*within, name))
            total += sizes.get(name, 1)
            total += sum(size(graph.node, within) for attribute in node.attribute for graph in _branches(attribute))
        return total

    return size(model.graph.node, ())


def _branches(attribute: Any) -> tuple[Any, ...]:
    return (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs)


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and all graphs within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for branch in _branches(attribute):
                yield from _graphs(branch)


def _parts(model: Model) -> Iterator[Any]:
    """Everything that has nodes: graphs, the graphs within them, and functions."""
    yield from _graphs(model.graph)
    for training in model.training_info:
        yield from _graphs(training.algorithm)
        yield from _graphs(training.initialization)
    for function in model.functions:
        yield function
        for node in function.node:
            for attribute in node.attribute:
                for branch in _branches(attribute):
                    yield from _graphs(branch)


def _nodes(model: Model) -> Iterator[Any]:
    for part in _parts(model):
        yield from part.node


def _tensors(model: Model) -> Iterator[Any]:
    """Every tensor, those that a sparse tensor is made of among them."""
    sparse: list[Any] = []
    for part in _parts(model):
        attributes = [attribute for node in part.node for attribute in node.attribute]
        if hasattr(part, "initializer"):
            yield from part.initializer
            sparse += part.sparse_initializer
        else:
            attributes += part.attribute_proto  # a function's defaults
        for attribute in attributes:
            yield from (*((attribute.t,) if attribute.HasField("t") else ()), *attribute.tensors)
            sparse += (*((attribute.sparse_tensor,) if attribute.HasField("sparse_tensor") else ()),)
            sparse += attribute.sparse_tensors
    for tensor in sparse:
        if math.prod(tensor.dims) > MAX_SPARSE:
            raise BadModelFile(f"a sparse tensor of it has {math.prod(tensor.dims):,} elements.")
        yield from (tensor.values, tensor.indices)


def _skeleton(model: Model, picture: tuple[int, int, int, int]) -> Model:
    """The model for one shape of picture, with the shapes of its weights in place of the weights."""
    import onnx

    skeleton = onnx.ModelProto(ir_version=max(model.ir_version, 4))
    skeleton.opset_import.extend(model.opset_import)
    skeleton.functions.extend(model.functions)
    graph = skeleton.graph
    graph.name = "skeleton"
    graph.node.extend(model.graph.node)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in weights:
            kind = value.type.tensor_type.elem_type or _FLOAT
            graph.input.append(onnx.helper.make_tensor_value_info(value.name, kind, picture))
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            graph.initializer.append(tensor)
        else:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    for value in model.graph.output:
        kind = value.type.tensor_type.elem_type or _FLOAT
        graph.output.append(onnx.helper.make_tensor_value_info(value.name, kind, None))
    return skeleton
