"""A model file's graph in fp16, for the runtimes that compute in the types that the graph is written in."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class TensorType(IntEnum):
    """ONNX's numbers for the types of values; the library that names them is not imported before it is needed."""

    FLOAT = 1
    FLOAT16 = 10


HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
EXACT = (
    *("InstanceNormalization", "GroupNormalization", "LayerNormalization", "MeanVarianceNormalization"),
    *("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "GlobalAveragePool", "Sqrt", "Reciprocal", "Pow"),
    *("Div", "Min", "Max", "Range", "CumSum"),
)
"""What keeps fp32: statistics, which amplify rounding and overflow beyond 65,504, and what has no fp16 kernel."""


def to_half(graph: bytes) -> bytes:
    """The same network with convolutions, and what lies between them, in fp16; inputs and outputs stay fp32.

    What comes before the first convolution and after the last (the mapping of values onto [0, 1]) stays fp32 too.

    Raises:
        ValueError: no graph, or one that the converter cannot follow.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load_model_from_string(graph)
    for number, node in enumerate(model.graph.node):
        node.name = f"{number}"
    half = convert_float_to_float16(
        model, keep_io_types=True, op_block_list=[*EXACT], node_block_list=_outside(model.graph)
    )
    _drop_detours(half.graph)
    OnnxModel(half).topological_sort()  # the converter adds its nodes at the end
    _drop_unused(half.graph)
    result: bytes = half.SerializeToString()
    return result


def _outside(graph: Any) -> list[str]:
    """Names of the nodes with no convolution before them, or none after them."""
    after: set[str] = set()  # values that some convolution led to
    fed = set()
    for node in graph.node:
        if node.op_type in HEAVY or after & {*node.input}:
            after |= {*node.output}
            fed.add(node.name)
    before: set[str] = set()  # values that lead to some convolution
    leads = set()
    for node in reversed(graph.node):
        if node.op_type in HEAVY or before & {*node.output}:
            before |= {*node.input}
            leads.add(node.name)
    return [node.name for node in graph.node if not (node.name in fed and node.name in leads)]


def _drop_detours(graph: Any) -> None:
    """Take out fp32 -> fp16 -> fp32, which only rounds; the converter leaves one between neighbours in fp32."""
    casts = {node.output[0]: (node.input[0], node.attribute[0].i) for node in graph.node if node.op_type == "Cast"}
    direct = {}
    for name, (source, kind) in casts.items():
        before, earlier = casts.get(source, ("", 0))
        if (kind, earlier) == (TensorType.FLOAT, TensorType.FLOAT16):
            direct[name] = before
    for node in graph.node:
        node.input[:] = [direct.get(name, name) for name in node.input]
        if node.output[0] in direct:  # kept for the name, if that is the network's output
            node.op_type, node.input[0] = "Identity", direct[node.output[0]]
            del node.attribute[:]


def _drop_unused(graph: Any) -> None:
    needed = {value.name for value in graph.output}
    for node in reversed([*graph.node]):
        if needed & {*node.output}:
            needed |= {*node.input}
        else:
            graph.node.remove(node)
