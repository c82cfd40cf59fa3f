"""Where a graph with normalizations is cut, so that each piece is local: what is computed when, what is kept."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from models.manifest import INPUT, OUTPUT
from models.receptive import Interval
from translate.inference.geometry import NotLocal
from translate.inference.graph import Graph, Node

CHEAP = 100
"""Multiply-adds for a stored byte below which computing a tensor again is cheaper than keeping it: the layers at full
size of a ResNet, 3 % of its work and half of its memory."""


@dataclass(frozen=True)
class Window:
    """How a piece of a graph lies over the picture, along one axis, in pixels of the picture."""

    cell: int
    """Windows must start and end at multiples of this: strided layers then fall on the same places."""
    context: int
    """Pixels around a window, in whole cells, that its middle is computed from."""


@dataclass(frozen=True)
class Stage:
    """One sweep over the picture: a piece of the graph between normalizations."""

    target: str
    """Tensor whose statistics are taken; or the result."""
    nodes: tuple[Node, ...]
    """None at all where the picture itself is normalized."""
    reads: tuple[str, ...]
    """Stored tensors, and the picture."""
    keeps: tuple[str, ...]
    """Tensors that later stages read."""
    drops: tuple[str, ...]
    """Stored tensors that no later stage reads."""
    windows: tuple[Window, Window]
    """Down and across."""
    bytes: float
    """Most that its tensors take at a time, for each pixel of a window."""

    @property
    def writes(self) -> tuple[str, ...]:
        """Outputs of the piece, in order; the target first."""
        return tuple(dict.fromkeys((self.target, *self.keeps)))


@dataclass(frozen=True)
class Plan:
    """A model in pieces, computed breadth first: each sweep yields the statistics that the next one needs."""

    graph: Graph
    stages: tuple[Stage, ...]
    """One for each normalization, then one for the result."""
    whole: Stage
    """All of it at once, for statistics that are known."""
    bytes: float
    """Most that the stored tensors take at a time, for each pixel of the picture."""

    @property
    def cells(self) -> tuple[int, int]:
        """The picture's height and width must be multiples of these."""
        down, across = (math.lcm(*(stage.windows[axis].cell for stage in self.stages)) for axis in (0, 1))
        return down, across


def cut(graph: Graph) -> Plan:
    """Cut a graph at its normalizations.

    Raises:
        NotLocal: it has none.
    """
    norms = graph.norms
    if not norms:
        raise NotLocal("no InstanceNormalization")
    targets = [*dict.fromkeys(norm.reads[0] for norm in norms), OUTPUT]
    kept = _kept(graph, targets)
    stages: list[Stage] = []
    available = {INPUT}
    for target in targets:
        nodes = graph.needed([target], available)
        inside = {name for node in nodes for name in node.writes}
        keeps = [name for name in kept if name in inside and name not in available]
        # what a tensor kept on the way is computed from is part of the piece already
        reads = {target, *(name for node in nodes for name in node.reads)} - inside
        stages.append(_stage(graph, target, nodes, sorted(reads), keeps))
        available.update(keeps)
    whole = _stage(graph, OUTPUT, graph.nodes, [INPUT], [])
    freed, most = _with_drops(graph, stages)
    return Plan(graph, freed, whole, most)


def _stage(graph: Graph, target: str, nodes: Sequence[Node], reads: Sequence[str], keeps: Sequence[str]) -> Stage:
    outputs = [target, *keeps]
    windows = _windows(graph, nodes, outputs, 0), _windows(graph, nodes, outputs, 1)
    return Stage(target, tuple(nodes), tuple(reads), tuple(keeps), (), windows, peak_bytes(graph, nodes, outputs))


def _with_drops(graph: Graph, stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], float]:
    """Free each stored tensor after its last reader; and the most bytes that are stored at a time."""
    result: list[Stage] = []
    stored: set[str] = set()
    most = 0.0
    for place, stage in enumerate(stages):
        later = {name for other in stages[place + 1 :] for name in other.reads}
        stored.update(stage.keeps)
        most = max(most, sum(graph.tensors[name].bytes for name in stored))
        drops = sorted(stored - later)
        stored -= set(drops)
        result.append(replace(stage, drops=tuple(drops)))
    return tuple(result), most


def _kept(graph: Graph, targets: Sequence[str]) -> list[str]:
    """Tensors that are stored for later stages; the others that those need are computed again.

    A tensor is computed again where that is cheap and needs no more memory for what it is computed from.
    """
    stage_of = _first_stage(graph, targets)
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.reads:
            readers.setdefault(name, []).append(node)
    kept: list[str] = []
    large = max(tensor.bytes for tensor in graph.tensors.values()) / 2  # below, there is little to gain
    for node in graph.nodes:
        for name in node.writes:
            stages = {stage_of[other.writes[0]] for other in readers.get(name, ())} & set(range(len(targets)))
            if name in targets:
                stages.add(targets.index(name))
            if name == OUTPUT or len(stages) < 2 or graph.tensors[name].extra != (0, 0):
                continue
            nodes = graph.needed([name], {INPUT, *kept})
            inside = {written for other in nodes for written in other.writes}
            leaves = {read for other in nodes for read in other.reads} - inside - {INPUT}
            size = graph.tensors[name].bytes
            again = sum(graph.work(other) for other in nodes)
            cheap = again == 0 or (again < CHEAP * size and size >= large)
            if not cheap or sum(graph.tensors[leaf].bytes for leaf in leaves) > size:
                kept.append(name)
    return kept


def _first_stage(graph: Graph, targets: Sequence[str]) -> dict[str, int]:
    """Tensor -> the stage that computes it first; beyond all stages if nothing needs it."""
    first = {name: place for place, name in enumerate(targets)}
    order = {name: place for place, name in enumerate(targets)}
    for node in reversed(graph.nodes):
        stage = min((first.get(name, len(targets)) for name in node.writes), default=len(targets))
        for name in node.writes:
            first[name] = stage
        for name in node.reads:
            first[name] = min(first.get(name, len(targets)), stage, order.get(name, len(targets)))
    return first


def _windows(graph: Graph, nodes: Sequence[Node], targets: Iterable[str], axis: int) -> Window:
    """Interval arithmetic from one cell of the outputs back to the inputs."""
    targets = list(targets)
    names = {*targets, *(name for node in nodes for name in (*node.reads, *node.writes))}
    scales = {name: graph.tensors[name].scales[axis] for name in names}
    cell = math.lcm(*(scale.denominator for scale in scales.values()))
    needs: dict[str, Interval] = {name: (0, int(cell * scales[name]) - 1) for name in targets}
    inside: set[str] = set()
    for node in reversed(nodes):
        inside.update(node.writes)
        out = _hull(needs[name] for name in node.writes if name in needs)
        read = node.layer.reaches[axis].reads(out)
        for name in node.reads:
            needs[name] = _hull((read, needs.get(name, read)))
    pixels = [0.0]
    for name in needs.keys() - inside:
        first, last = needs[name]
        pixels += [-float(first / scales[name]), float((last + 1) / scales[name]) - cell]
    return Window(cell, math.ceil(max(pixels) / cell) * cell)


def _hull(intervals: Iterable[Interval]) -> Interval:
    firsts, lasts = zip(*intervals, strict=True)
    return min(firsts), max(lasts)


def peak_bytes(graph: Graph, nodes: Sequence[Node], outputs: Collection[str]) -> float:
    """Most bytes that a piece's tensors take at a time, for each pixel of the picture, weights aside.

    A runtime frees a tensor after its last reader, and computes pointwise operators in place.
    """
    last: Mapping[str, int] = {name: place for place, node in enumerate(nodes) for name in node.reads}
    written = {name for node in nodes for name in node.writes}
    alive = {*outputs, *(name for node in nodes for name in node.reads)} - written
    most = sum(graph.tensors[name].bytes for name in alive)
    for place, node in enumerate(nodes):
        dying = {name for name in node.reads if last[name] == place and name not in outputs}
        if node.layer.inplace and dying:
            alive -= dying
            alive.update(node.writes)
            most = max(most, sum(graph.tensors[name].bytes for name in alive))
        else:
            alive.update(node.writes)
            most = max(most, sum(graph.tensors[name].bytes for name in alive))
            alive -= dying
    return most
