"""An ONNX graph read: the tensors between its nodes, how they lie over the picture, and what each node costs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUT, OUTPUT
from translate.inference.geometry import Layer, NotLocal, Operator, layer

NORM = "InstanceNormalization"

LARGEST_CONSTANT = 65_536
"""Most values of a constant that are looked at; larger ones are weights."""


@dataclass(frozen=True)
class Tensor:
    """What flows along an edge: a stack of planes over the picture."""

    channels: int
    scales: tuple[Fraction, Fraction]
    """Height and width / the picture's."""
    extra: tuple[int, int]
    """Rows and columns more than that: between a padding and the convolution that uses it up."""

    @property
    def bytes(self) -> float:
        """For each pixel of the picture, as float32."""
        return 4.0 * self.channels * float(self.scales[0] * self.scales[1])


@dataclass(frozen=True)
class Node:
    """One operator of those that work on the picture."""

    proto: Any
    reads: tuple[str, ...]
    """Inputs that are computed from the picture."""
    writes: tuple[str, ...]
    layer: Layer

    @property
    def is_norm(self) -> bool:
        return bool(self.proto.op_type == NORM)


@dataclass(frozen=True)
class Graph:
    """A model whose every output place depends on a neighbourhood of the picture, normalizations aside."""

    model: Any
    """onnx.ModelProto."""
    nodes: tuple[Node, ...]
    """In an order in which they can be computed."""
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, NDArray[Any]]

    @property
    def norms(self) -> list[Node]:
        return [node for node in self.nodes if node.is_norm]

    def work(self, node: Node) -> float:
        """Multiply-adds for each pixel of the picture."""
        scales = self.tensors[node.writes[0]].scales
        return node.layer.work * float(scales[0] * scales[1])

    def needed(self, targets: Iterable[str], leaves: Collection[str]) -> list[Node]:
        """The nodes that compute `targets` from `leaves`, in order."""
        wanted = set(targets) - set(leaves)
        result = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.writes):
                result.append(node)
                wanted.update(name for name in node.reads if name not in leaves)
        return result[::-1]


def read_graph(data: bytes) -> Graph:
    """Read a model's graph.

    Raises:
        NotLocal: a place of the result depends on more than its neighbourhood, or on something unknown.
    """
    import onnx

    model = onnx.load_model_from_string(data)
    graph = model.graph
    if model.functions or graph.sparse_initializer:
        raise NotLocal("functions or sparse weights")
    constants = {tensor.name: _constant(onnx, tensor) for tensor in graph.initializer}
    nodes: list[Node] = []
    tensors = {INPUT: Tensor(_channels(graph), (Fraction(1), Fraction(1)), (0, 0))}
    for proto in graph.node:
        try:
            if any(name in tensors for name in proto.input):
                node, written = _node(onnx, proto, tensors, constants)
                nodes.append(node)
                tensors.update(written)
            else:
                constants.update(_folded(onnx, model, proto, constants))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise NotLocal(f"the operator {proto.op_type}, in a form that is not known ({error})") from error
    for name in [OUTPUT, *(node.reads[0] for node in nodes if node.is_norm)]:
        if name not in tensors or tensors[name].extra != (0, 0):
            raise NotLocal(f"a tensor, {name}, that is not of its share of the picture's size")
    return Graph(model, tuple(nodes), tensors, constants)


def rough_bytes(data: bytes, scale: int) -> float:
    """What the tensors of a graph that cannot be read take at a time, for each pixel of the picture: a guess.

    Four tensors as wide as the widest convolution, at the picture's size, and two of up to 64 channels at the result's.
    """
    import onnx

    shapes = {tensor.name: tensor.dims for tensor in onnx.load_model_from_string(data).graph.initializer}
    widest = max((max(dims[:2]) for dims in shapes.values() if len(dims) == 4), default=64)
    return 4.0 * (4 * widest + 2 * min(widest, 64) * scale**2)


def _channels(graph: Any) -> int:
    weights = {tensor.name for tensor in graph.initializer}
    picture = next(value for value in graph.input if value.name not in weights)
    channels = int(picture.type.tensor_type.shape.dim[1].dim_value)
    if channels < 1:
        raise NotLocal("any number of channels")
    return channels


def _constant(onnx: Any, tensor: Any) -> NDArray[Any]:
    """Its values; of weights, only the shape: nobody looks at more here, and they are large."""
    if math.prod(tensor.dims) > LARGEST_CONSTANT:
        return np.broadcast_to(np.float32(0), tuple(tensor.dims))
    values: NDArray[Any] = onnx.numpy_helper.to_array(tensor)
    return values


def _folded(onnx: Any, model: Any, proto: Any, constants: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What a node computes from constants alone."""
    if any(attribute.HasField("g") for attribute in proto.attribute) or "Random" in proto.op_type:
        raise NotLocal(f"the operator {proto.op_type}")
    given = {name: constants[name] for name in proto.input if name}
    if any(values.size > LARGEST_CONSTANT for values in given.values()):
        raise NotLocal(f"weights that {proto.op_type} computes")
    typed = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in given.items()
    ]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in proto.output]
    piece = onnx.helper.make_model(
        onnx.helper.make_graph([proto], "constant", typed, outputs), opset_imports=model.opset_import
    )
    from onnx.reference import ReferenceEvaluator

    try:
        results = ReferenceEvaluator(piece).run(None, given)
    except Exception as error:  # numpy's and its own, without a common root
        raise NotLocal(f"the operator {proto.op_type}, which fails on its constants") from error
    return dict(zip(proto.output, map(np.asarray, results), strict=True))


def _node(
    onnx: Any, proto: Any, tensors: Mapping[str, Tensor], constants: Mapping[str, NDArray[Any]]
) -> tuple[Node, dict[str, Tensor]]:
    reads = tuple(dict.fromkeys(name for name in proto.input if name in tensors))
    found = layer(
        Operator(
            proto.op_type,
            {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in proto.attribute},
            [tensors[name].channels if name in tensors else None for name in proto.input],
            [None if name in tensors else constants.get(name) for name in proto.input],
        )
    )
    if len({(tensors[name].scales, tensors[name].extra) for name in reads}) > 1:
        raise NotLocal(f"{proto.op_type} of pictures of different sizes")
    scales, extra = tensors[reads[0]].scales, tensors[reads[0]].extra
    factors = [reach.factor for reach in found.reaches]
    grown = (scales[0] * factors[0], scales[1] * factors[1])
    more = tuple(_extra(found, axis, scales[axis], extra[axis]) for axis in (0, 1))
    writes = tuple(name for name in proto.output if name)
    written = {
        name: Tensor(channels, grown, (more[0], more[1]))
        for name, channels in zip(writes, found.channels, strict=False)
    }
    return Node(proto, reads, writes, found), written


def _extra(found: Layer, axis: int, scale: Fraction, extra: int) -> int:
    """Places more than its share that the output has; the same for every side that divides evenly."""
    reach = found.reaches[axis]
    whole = 1024 * scale.denominator * reach.factor.denominator
    return reach.side(int(whole * scale) + extra) - int(whole * scale * reach.factor)
