"""Tiny valid model files for tests, built without torch: `make_model(path)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.manifest import METADATA_KEY, Manifest, Normalization

Paint = Literal["conv", "identity", "invert"]


class _Graph:
    """Nodes and constants in the order they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any, kind: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def make_model(
    path: Path,
    *,
    scale: int = 4,
    multiple: int = 1,
    minimum: int = 1,
    radius: int = 2,
    normalization: Normalization = "none",
    channels: int = 3,
    paint: Paint = "conv",
    width: int = 8,
    name: str = "tiny",
    seed: int = 0,
    **manifest: Any,
) -> Path:
    """Write a model file that keeps the ONNX contract, and give its path back.

    The picture is enlarged by repeating pixels. `conv` adds `radius` zero-padded 3 x 3 convolutions of
    seeded noise (a reach of exactly `radius` pixels; InstanceNorm after the first for "picture", BatchNorm
    for "fixed"); `identity` adds nothing; `invert` turns black into white. With `multiple` above 1 the
    result depends on where a pixel is within its `multiple` x `multiple` cell ("conv" only), and other
    sizes fail inside the network.
    """
    described: dict[str, Any] = {
        "name": name,
        "task": "super-resolution" if scale > 1 else "translation",
        "source": "test pictures",
        "target": "test pictures",
        "generator": "test",
        "license": "CC0-1.0",
    } | manifest
    facts = Manifest(
        channels=channels,
        scale=scale,
        multiple=multiple,
        minimum=minimum,
        radius=radius if paint == "conv" else 0,
        normalization=normalization,
        **described,
    )
    model = helper.make_model(
        _graph(facts, paint, width, np.random.default_rng(seed)),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
        producer_name="tests",
    )
    model.metadata_props.append(onnx.StringStringEntryProto(key=METADATA_KEY, value=facts.to_json()))
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def _graph(facts: Manifest, paint: Paint, width: int, noise: np.random.Generator) -> onnx.GraphProto:
    graph = _Graph()
    x = graph.add("Sub", graph.add("Mul", "image", graph.constant(2)), graph.constant(1))
    if facts.multiple > 1:
        x = graph.add("SpaceToDepth", x, blocksize=facts.multiple)
        if paint == "conv":
            cells = facts.channels * facts.multiple**2
            x = graph.add("Mul", x, graph.constant(noise.uniform(0.5, 1, (1, cells, 1, 1))))
        x = graph.add("DepthToSpace", x, blocksize=facts.multiple)
    if paint == "conv":
        x = graph.add("Add", x, _convolutions(graph, x, facts, width, noise))
    elif paint == "invert":
        x = graph.add("Neg", x)
    if facts.scale > 1:
        scales = graph.constant([1, 1, facts.scale, facts.scale])
        x = graph.add(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
    x = graph.add("Add", graph.add("Mul", x, graph.constant(0.5)), graph.constant(0.5))
    graph.add("Clip", x, graph.constant(0), graph.constant(1), output="result")
    return helper.make_graph(
        graph.nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", facts.channels, "h", "w"])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, ["n", facts.channels, "rh", "rw"])],
        graph.constants,
    )


def _convolutions(graph: _Graph, x: str, facts: Manifest, width: int, noise: np.random.Generator) -> str:
    for layer in range(facts.radius):
        inside = facts.channels if layer == 0 else width
        outside = facts.channels if layer == facts.radius - 1 else width
        weight = noise.normal(0, (9 * inside) ** -0.5, (outside, inside, 3, 3))
        bias = noise.normal(0, 0.1, outside)
        x = graph.add("Conv", x, graph.constant(weight), graph.constant(bias), pads=[1, 1, 1, 1])
        if layer == 0 and facts.normalization != "none":
            ones, zeros = graph.constant(np.ones(outside)), graph.constant(np.zeros(outside))
            if facts.normalization == "picture":
                x = graph.add("InstanceNormalization", x, ones, zeros)
            else:
                mean = graph.constant(noise.normal(0, 0.1, outside))
                x = graph.add("BatchNormalization", x, ones, zeros, mean, graph.constant(np.full(outside, 0.5)))
        if layer < facts.radius - 1:
            x = graph.add("LeakyRelu", x, alpha=0.2)
    return x
