"""What is read of a graph without running it: how tensors lie over the picture, where it may be cut, what it takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model

from models.manifest import DECLARED, INPUT, OUTPUT, Manifest
from models.zoo import build_generator
from translate.inference.cuts import cut
from translate.inference.geometry import NotLocal
from translate.inference.graph import read_graph, rough_bytes

NOISE = np.random.default_rng(0)


def weights(*shape: int) -> Any:
    return NOISE.normal(0, 0.3, shape).astype(np.float32)


def model(*nodes: Any, opset: int = 20, **constants: Any) -> bytes:
    """A graph from `image` [n, 4, h, w] to `result`, normalized first so that it has a place to be cut."""
    values = {"one": np.ones(4, np.float32), "zero": np.zeros(4, np.float32)} | constants
    norm = helper.make_node("InstanceNormalization", [INPUT, "one", "zero"], ["x"])
    graph = helper.make_graph(
        [norm, *nodes], "test",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 4, "h", "w"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return bytes(made.SerializeToString())


def node(kind: str, *inputs: str, out: str = OUTPUT, **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), [out], **attributes)


CASES: dict[str, bytes] = {
    "conv": model(node("Conv", "x", "w", pads=[1, 1, 1, 1]), w=weights(4, 4, 3, 3)),
    "oblong conv": model(node("Conv", "x", "w", pads=[0, 2, 0, 2]), w=weights(4, 4, 1, 5)),
    "dilated": model(node("Conv", "x", "w", pads=[2, 2, 2, 2], dilations=[2, 2]), w=weights(4, 4, 3, 3)),
    "even kernel": model(node("Conv", "x", "w", pads=[1, 1, 1, 1], strides=[2, 2]), w=weights(4, 4, 4, 4)),
    "same": model(node("Conv", "x", "w", auto_pad="SAME_LOWER", strides=[2, 2]), w=weights(4, 4, 3, 3)),
    "lopsided": model(node("Conv", "x", "w", pads=[2, 0, 0, 2]), w=weights(4, 4, 3, 3)),
    "transposed": model(
        node("ConvTranspose", "x", "w", pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1]), w=weights(4, 4, 3, 3)
    ),
    "transposed, even": model(
        node("ConvTranspose", "x", "w", pads=[1, 1, 1, 1], strides=[2, 2]), w=weights(4, 4, 4, 4)
    ),
    "reflected": model(
        node("Pad", "x", "p", mode="reflect", out="y"), node("Conv", "y", "w"),
        p=np.array([0, 0, 3, 3, 0, 0, 3, 3]), w=weights(4, 4, 7, 7),
    ),
    "pads of two axes": model(
        node("Pad", "x", "p", "", "a", mode="edge", out="y"), node("Conv", "y", "w"),
        p=np.array([1, 2, 1, 2]), a=np.array([2, 3]), w=weights(4, 4, 3, 5),
    ),
    "nearest": model(
        node("Resize", "x", "", "s", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        s=np.array([1, 1, 2, 2], np.float32),
    ),
    "linear": model(node("Resize", "x", "", "s", mode="linear"), s=np.array([1, 1, 3, 3], np.float32)),
    "cubic": model(node("Resize", "x", "", "s", mode="cubic"), s=np.array([1, 1, 2, 2], np.float32)),
    "shuffled": model(node("DepthToSpace", "x", blocksize=2)),
    "unshuffled": model(
        node("SpaceToDepth", "x", blocksize=2, out="y"), node("Conv", "y", "w", pads=[1] * 4), w=weights(4, 16, 3, 3)
    ),
    "pooled": model(node("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2])),
    "most of all channels": model(
        node("MaxPool", "x", kernel_shape=[3, 3], pads=[1] * 4, out="y"), node("ReduceMax", "y", "a"), a=np.array([1]),
    ),
    "branches": model(
        node("Conv", "x", "w", pads=[1] * 4, out="a"),
        helper.make_node("Split", ["x"], ["b", "c"], axis=1, num_outputs=2),
        node("Concat", "c", "b", axis=1, out="d"), node("PRelu", "d", "s", out="e"), node("Add", "a", "e"),
        w=weights(4, 4, 3, 3), s=weights(4, 1, 1),
    ),
    "computed constants": model(
        node("Concat", "half", "half", axis=0, out="p"), node("Pad", "x", "p", out="y"), node("Conv", "y", "w"),
        half=np.array([0, 0, 1, 1]), w=weights(4, 4, 3, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_the_middle_of_a_window_is_what_the_picture_gives(name: str, data: st.DataObject) -> None:
    """Context and cells from arithmetic alone, held against the runtime; a context one cell smaller would not do."""
    graph = read_graph(CASES[name])
    stage = cut(graph).whole
    local = onnx.load_model_from_string(CASES[name])
    del local.graph.node[0]
    for other in local.graph.node:
        for place, read in enumerate(other.input):
            other.input[place] = INPUT if read == "x" else read
    session = onnxruntime.InferenceSession(local.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(picture: Any) -> Any:
        return session.run(None, {INPUT: np.ascontiguousarray(picture)})[0]

    down, across = stage.windows
    side = 24 * down.cell, 24 * across.cell
    picture = NOISE.random((1, 4, *side)).astype(np.float32)
    whole = run(picture)
    scales = [
        int(24 * axis.cell * scale) for axis, scale in zip(stage.windows, graph.tensors[OUTPUT].scales, strict=True)
    ]
    assert whole.shape == (1, graph.tensors[OUTPUT].channels, *scales)
    bounds = []
    for axis in stage.windows:
        start = data.draw(st.integers(0, 12))
        length = data.draw(st.integers(2 * axis.context // axis.cell + 2, 24 - start) if start < 10 else st.just(12))
        bounds.append((start * axis.cell, (start + length) * axis.cell))
    (top, bottom), (left, right) = bounds
    part = run(picture[:, :, top:bottom, left:right])
    kept = []
    for (start, stop), axis, end, scale in zip(bounds, stage.windows, side, graph.tensors[OUTPUT].scales, strict=True):
        first, last = (start if start == 0 else start + axis.context), (stop if stop == end else stop - axis.context)
        kept.append((int(start * scale), int(first * scale), max(int(last * scale), int(first * scale))))
    (y, y0, y1), (x, x0, x1) = kept
    np.testing.assert_allclose(part[:, :, y0 - y : y1 - y, x0 - x : x1 - x], whole[:, :, y0:y1, x0:x1], atol=1e-5)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (model(node("GlobalAveragePool", "x", out="m"), node("Mul", "x", "m")), "GlobalAveragePool"),
        (model(node("Softmax", "x", axis=-1)), "Softmax"),
        (model(node("Resize", "x", "", "s"), s=np.array([1, 1, 1.5, 1.5], np.float32)), "3/2"),
        (model(node("Resize", "x", "", "s", coordinate_transformation_mode="align_corners"),
               s=np.array([1, 1, 2, 2], np.float32)), "align_corners"),
        (model(node("Pad", "x", "p", mode="wrap"), p=np.array([0, 0, 1, 1, 0, 0, 1, 1])), "other side"),
        (model(node("Conv", "x", "w"), w=weights(4, 4, 3, 3)), "share of the picture"),
        (model(node("Add", "x", "row"), row=weights(1, 1, 1, 64)), r"constant of shape \[1, 1, 1, 64\]"),
        (model(node("Concat", "x", "x", axis=3)), "along an axis of the picture"),
        (model(node("ReduceMean", "x", "a"), a=np.array([3])), "ReduceMean along an axis of the picture"),
        (model(node("Conv", "x", "w", strides=[2, 2], pads=[1] * 4, out="y"), node("Add", "x", "y"),
               w=weights(4, 4, 3, 3)), "different sizes"),
        (model(node("Shape", "x", out="s"), node("Reshape", "x", "s")), "Shape"),
        (model(node("Pad", "x", "x")), "Pad"),
    ],
)  # fmt: skip
def test_what_reads_more_than_a_neighbourhood_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(NotLocal, match=complaint):
        read_graph(data)


def test_nothing_to_cut(tmp_path: Path) -> None:
    graph = read_graph(make_model(tmp_path / "local.onnx").read_bytes())
    with pytest.raises(NotLocal, match="no InstanceNormalization"):
        cut(graph)


def exported(name: str, **arguments: Any) -> bytes:
    from export.onnx import to_onnx

    with torch.device("cpu"):
        network = build_generator(name, **arguments)
    facts = {key: getattr(network, key) for key in DECLARED}
    task = "super-resolution" if network.scale > 1 else "translation"
    manifest = Manifest(name=name, task=task, source="a", target="b", generator=name, **facts)
    return bytes(to_onnx(network, manifest).SerializeToString())


def test_a_resnet_is_cut_as_one_would_by_hand() -> None:
    """A sum and two tensors of the trunk are stored at a time, or the first of the decoder; none of full size."""
    graph = read_graph(exported("resnet_9blocks", width=64))
    plan = cut(graph)
    assert len(plan.stages) == 24
    assert plan.cells == (4, 4)
    assert plan.bytes == 4 * 256 / 16 * 4
    kept = {name for stage in plan.stages for name in stage.keeps}
    assert {graph.tensors[name].scales[0] for name in kept} == {Fraction(1, 4), Fraction(1, 2)}
    assert kept == {name for stage in plan.stages for name in stage.drops}
    once = sum(graph.work(each) for each in graph.nodes)
    assert sum(graph.work(each) for stage in plan.stages for each in stage.nodes) < 1.04 * once
    assert plan.whole.windows[0].context < 100


def test_a_graph_that_cannot_be_read_is_given_a_guess_of_its_memory() -> None:
    data = exported("rrdbnet_x2", width=64, blocks=1)
    with pytest.raises(NotLocal):
        read_graph(data)
    assert 1_000 < rough_bytes(data, 2) < 10_000
