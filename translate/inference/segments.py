"""A network with normalizations, computed piece by piece with the statistics of the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUT, OUTPUT
from translate.inference.activations import Activations
from translate.inference.cuts import Plan, Stage, Window
from translate.inference.graph import Graph, Node
from translate.inference.moments import Pool
from translate.inference.protocols import Compiled
from translate.inference.tiles import Span, spans

Values = NDArray[np.float32]
Read = Callable[[Span, Span], Values]
"""Window of the picture, down and across -> [1, C, h, w] in [0, 1]."""
Paint = Callable[[Span, Span, Values], None]
"""Window and the network's result for it: keep its middle."""

FLAT = 4e-6
"""Spread of a channel / its mean (or a quarter) below which there is nothing but rounding: 64 last places."""


def coefficients(node: Node, graph: Graph, mean: NDArray[Any], variance: NDArray[Any]) -> dict[str, Values]:
    """What a normalization subtracts and multiplies by: feeds for its place in a piece, [1, C, 1, 1] each.

    A channel that is flat but for rounding gives its β alone; dividing by so small a spread would paint the rounding.
    """
    epsilon = next((attribute.f for attribute in node.proto.attribute if attribute.name == "epsilon"), 1e-5)
    flat = np.sqrt(variance) <= FLAT * np.maximum(np.abs(mean), 0.25)
    scale = np.where(flat, 0, graph.constants[node.proto.input[1]] / np.sqrt(variance + epsilon))
    return {name: np.asarray(values, np.float32).reshape(1, -1, 1, 1)
            for name, values in zip(_fed(node), (mean, scale), strict=True)}  # fmt: skip


def _fed(node: Node) -> tuple[str, str]:
    return f"{node.proto.output[0]}.mean", f"{node.proto.output[0]}.scale"


def piece(graph: Graph, nodes: Sequence[Node], reads: Sequence[str], writes: Sequence[str]) -> bytes:
    """Some nodes as a model of their own: normalizations take their coefficients from inputs.

    Inputs: `reads` [N, C, h, w], then two of each normalization; outputs: `writes`.
    """
    from onnx import ModelProto, TensorProto, helper, numpy_helper

    result = ModelProto(ir_version=graph.model.ir_version, producer_name="translate-images")
    result.opset_import.extend(graph.model.opset_import)
    body, source = result.graph, graph.model.graph
    body.name = writes[0]
    wanted = set()
    for name in reads:
        sides: list[Any] = ["n", graph.tensors[name].channels, f"{name} h", f"{name} w"]
        body.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    for node in nodes:
        if not node.is_norm:
            body.node.append(node.proto)
            wanted.update(node.proto.input)
            continue
        offset, (mean, scale), name = graph.constants[node.proto.input[2]], _fed(node), node.proto.output[0]
        for fed in (mean, scale):
            body.input.append(helper.make_tensor_value_info(fed, TensorProto.FLOAT, [1, len(offset), 1, 1]))
        body.initializer.append(numpy_helper.from_array(offset.reshape(1, -1, 1, 1), f"{name}.offset"))
        body.node.append(helper.make_node("Sub", [node.proto.input[0], mean], [f"{name}.centred"]))
        body.node.append(helper.make_node("Mul", [f"{name}.centred", scale], [f"{name}.scaled"]))
        body.node.append(helper.make_node("Add", [f"{name}.scaled", f"{name}.offset"], [name]))
    for name in writes:
        sides = ["n", graph.tensors[name].channels, f"{name} h", f"{name} w"]
        body.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sides))
    body.initializer.extend(tensor for tensor in source.initializer if tensor.name in wanted)
    given = {tensor.name for tensor in source.initializer}
    for name in sorted(wanted & graph.constants.keys() - given):
        body.initializer.append(numpy_helper.from_array(graph.constants[name], name))
    data: bytes = result.SerializeToString()
    return data


def stage_piece(graph: Graph, stage: Stage) -> bytes:
    """The model of one sweep."""
    return piece(graph, stage.nodes, stage.reads, stage.writes)


@dataclass(frozen=True)
class Sweeps:
    """A plan for pictures of any size, within a budget."""

    plan: Plan
    compile: Callable[[bytes], Compiled]

    def __call__(
        self,
        height: int,
        width: int,
        read: Read,
        paint: Paint | None,
        *,
        window: float,
        folder: Path | None,
        pool: Pool | None = None,
    ) -> dict[str, Values]:
        """Compute a picture.

        Args:
            height, width: of the picture, in multiples of `plan.cells`.
            paint: takes the result; None stops before it.
            window: bytes that the tensors of one window may take.
            folder: for files of stored tensors; None keeps those in memory.
            pool: gathers the statistics; over all of the picture without one.
        Returns:
            Coefficients of all normalizations: feeds of pieces.
        Raises:
            TooLarge: the disk is full.
        """
        graph = self.plan.graph
        pool = pool or Pool()
        known: dict[str, Values] = {}
        with Activations(folder) as store:
            for stage in self.plan.stages:
                if stage.target == OUTPUT and paint is None:
                    break
                # not kept for the next picture: each holds the memory of its largest window
                compiled = self.compile(stage_piece(graph, stage)) if stage.nodes else None
                for name in stage.keeps:
                    down, across = graph.tensors[name].scales
                    store.add(name, graph.tensors[name].channels, int(height * down), int(width * across))
                fed = {name for node in stage.nodes if node.is_norm for name in _fed(node)}
                for y, x in windows(height, width, stage.windows, stage.bytes, window, folder is not None):
                    feeds = {name: known[name] for name in fed}
                    for name in stage.reads:
                        feeds[name] = read(y, x) if name == INPUT else store.read(name, *_place(graph, name, y, x))
                    results = dict(zip(stage.writes, compiled(feeds), strict=True)) if compiled else feeds
                    del feeds
                    for name in stage.keeps:
                        (top, left), part = _owned(graph, name, y, x, results[name])
                        store.write(name, top, left, part)
                    if stage.target != OUTPUT:
                        place, part = _owned(graph, stage.target, y, x, results[stage.target])
                        pool.add(stage.target, part, place, graph.tensors[stage.target].scales)
                    elif paint:
                        paint(y, x, results[OUTPUT])
                for name in stage.drops:
                    store.drop(name)
                for node in graph.norms:
                    if node.reads[0] == stage.target:
                        known |= coefficients(node, graph, *pool.moments(stage.target))
        return known


def _place(graph: Graph, name: str, y: Span, x: Span) -> tuple[slice, slice]:
    """Where a window lies in a tensor."""
    down, across = graph.tensors[name].scales
    return slice(int(y.start * down), int(y.stop * down)), slice(int(x.start * across), int(x.stop * across))


def _owned(graph: Graph, name: str, y: Span, x: Span, values: Values) -> tuple[tuple[int, int], Values]:
    """The part of a window's tensor that no other window gives, [C, h, w], and where it belongs."""
    down, across = graph.tensors[name].scales
    rows = slice(int((y.first - y.start) * down), int((y.last - y.start) * down))
    columns = slice(int((x.first - x.start) * across), int((x.last - x.start) * across))
    return (int(y.first * down), int(x.first * across)), values[0, :, rows, columns]


def windows(
    height: int, width: int, axes: tuple[Window, Window], per_pixel: float, budget: float, wide: bool
) -> Iterator[tuple[Span, Span]]:
    """Cover a picture with windows of one shape.

    Args:
        per_pixel: bytes that one pixel of a window takes.
        budget: bytes that a window may take; it is exceeded where even a single cell does.
        wide: take the full width whenever that fits, as files are read and written fastest so; else where it
            saves context.
    """
    area = budget / per_pixel
    down, across = axes
    rows = int(area / width) - 2 * down.context
    side = int(area**0.5) - 2 * max(down.context, across.context)
    # the share of context: 2 down / rows for strips; 2 down / side + 2 across / side for squares
    strips = rows >= down.cell and (wide or down.context * side <= (down.context + across.context) * rows)
    kept = (rows, width) if strips else (side, side)
    tile = [max(pixels // axis.cell, 1) * axis.cell for pixels, axis in zip(kept, axes, strict=True)]
    for y in spans(height, tile[0], down.context, down.cell):
        for x in spans(width, tile[1], across.context, across.cell):
            yield y, x
