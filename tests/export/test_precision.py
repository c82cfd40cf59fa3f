"""Lower precisions: measured on photographs, defined on flat pictures, and fp16 graphs that only round."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exporting import Exported, Same, Toy, describe, small_generator
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from export import export_onnx, precision
from export.onnx import to_onnx
from export.precision import EQUAL_DB, measure_precisions, nearness, photographs, with_facts
from export.verify import verify
from models.errors import DeviceError
from models.layers import per_picture
from models.manifest import METADATA_KEY, Manifest
from translate.inference.backends import open_backend
from translate.inference.half import to_half


@pytest.fixture(scope="module")
def pix2pix(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A U-Net with statistics of the picture, which is how a trained one is exported."""
    network = per_picture(small_generator("unet_128")[0])
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    manifest = describe(network)
    path.write_bytes(to_onnx(network, manifest).SerializeToString())
    return Exported(network, manifest, path, verify(path, network, manifest))


def flat_pictures(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """Nothing to see, or hardly anything: what normalization by the picture divides by."""
    side = -(-max(manifest.minimum, 32) // manifest.multiple) * manifest.multiple
    shape = (1, manifest.channels, side, side)
    for grey in (0.0, 0.3, 1.0):
        yield f"{grey}", np.full(shape, grey, np.float32)
    spot = np.full(shape, 0.5, np.float32)
    spot[:, :, side // 2, side // 3] += np.float32(1 / 255)
    yield "a spot of one level", spot
    speck = np.full(shape, 0.5, np.float32)
    speck[:, :, side // 2, side // 3] += np.float32(1e-7)
    yield "a spot of the last bit", speck
    levels = np.random.default_rng(0).integers(127, 129, shape)
    yield "grain of one level", (levels / 255).astype(np.float32)


def test_flat_pictures_have_finite_results_that_repeat(exported: Exported) -> None:
    check_flat(exported)


def test_fp16_graphs_only_round(exported: Exported) -> None:
    check_half(exported)


def test_the_same_holds_with_statistics_of_the_picture(pix2pix: Exported) -> None:
    check_flat(pix2pix)
    check_half(pix2pix)


def check_flat(exported: Exported) -> None:
    model = exported.path.read_bytes()
    for device, arithmetic in (("cpu", "fp32"), ("openvino", "fp32"), ("openvino", "fp16"), ("openvino", "bf16")):
        try:
            backend = open_backend(model, exported.manifest, device, arithmetic)
        except DeviceError:  # this processor lacks it
            assert arithmetic in ("fp16", "bf16")
            continue
        for name, picture in flat_pictures(exported.manifest):
            first, second = backend.run(picture), backend.run(picture)
            assert np.isfinite(first).all(), (backend.device, name)
            assert 0 <= first.min() <= first.max() <= 1, (backend.device, name)
            np.testing.assert_array_equal(first, second, f"{backend.device} {name}")


def check_half(exported: Exported) -> None:
    """ONNX Runtime on the processor computes in fp32 and rounds where the graph has fp16."""
    model, manifest = exported.path.read_bytes(), exported.manifest
    half = onnx.load_model_from_string(to_half(model))
    onnx.checker.check_model(half, full_check=True)
    side = -(-max(manifest.minimum, 64) // manifest.multiple) * manifest.multiple
    pictures = [np.ascontiguousarray(picture[:, :, :side, :side]) for picture in photographs(manifest)]
    sessions = [
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        for graph in (model, half.SerializeToString())
    ]
    exact, rounded = ([session.run(None, {"image": p})[0] for p in pictures] for session in sessions)
    assert nearness(exact, rounded) >= 55
    assert any(not np.array_equal(one, other) for one, other in zip(exact, rounded, strict=True))
    types = {t.name: t.data_type for t in half.graph.initializer}
    for node in half.graph.node:
        if node.op_type in ("Conv", "ConvTranspose"):
            assert types[node.input[1]] == TensorProto.FLOAT16
        if node.op_type == "InstanceNormalization":
            assert types[node.input[1]] == TensorProto.FLOAT
    for _, picture in flat_pictures(manifest):
        assert np.isfinite(sessions[1].run(None, {"image": picture})[0]).all()


def test_fp16_graphs_keep_large_values_outside_of_convolutions() -> None:
    """A mean of squares beyond 65,504, and more than one output: pieces of a model have both."""
    weight = numpy_helper.from_array(np.full((1, 1, 1, 1), 300, np.float32), "weight")
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["y"]),
        helper.make_node("Cast", ["y"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "wide"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["mean"], keepdims=1),
    ]
    shape = ["n", 1, "h", "w"]
    graph = helper.make_graph(
        nodes,
        "piece",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("mean", "y")],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(to_half(model.SerializeToString()), providers=["CPUExecutionProvider"])
    mean, value = session.run(None, {"x": np.ones((1, 1, 4, 4), np.float32)})
    assert mean.item() == 90_000
    assert (value == 300).all()


def test_measured_figures_go_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    export_onnx(Toy(), describe(Toy()), path)
    data = path.read_bytes()
    metadata = {entry.key: entry.value for entry in onnx.load_model_from_string(data).metadata_props}
    precisions = Manifest.from_json(metadata[METADATA_KEY]).precisions
    assert 60 < precisions["fp16"] < EQUAL_DB
    assert 40 < precisions["bf16"] < precisions["fp16"]
    assert measure_precisions(data, describe(Toy()), Toy().eval()) == precisions
    changed = onnx.load_model_from_string(with_facts(data, precisions={"fp16": 1.0}))
    assert Manifest.from_json(changed.metadata_props[0].value).precisions == {"fp16": 1.0}
    assert changed.graph == onnx.load_model_from_string(data).graph


class Large(Toy):
    """Values inside that fp16 cannot hold."""

    def forward(self, image: Tensor) -> Tensor:
        return self.body(self.body(image * 1e6) * 0)


def test_emulation_rounds_and_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "native_networks", lambda model: {})
    assert measure_precisions(b"", describe(Toy())) == {}
    assert measure_precisions(b"", describe(Large(scale=2)), Large(scale=2))["fp16"] == 0
    same = measure_precisions(b"", describe(Same()), Same())
    assert same["fp16"] > 80
    assert 58 < same["bf16"] < 70


def test_emulation_is_near_what_this_processor_does() -> None:
    network, _ = small_generator("compact_x4")
    manifest = describe(network)
    model = to_onnx(network, manifest).SerializeToString()
    native = measure_precisions(model, manifest)
    if "bf16" not in native:
        pytest.skip("this processor has no bf16")
    emulated = precision._compare({p: precision._pytorch(network, manifest, p) for p in ("fp32", "bf16")},
                                  photographs(manifest))  # fmt: skip
    assert emulated["bf16"] - 2 < native["bf16"] < emulated["bf16"] + 12


def test_nearness_is_of_the_worst_picture() -> None:
    grey = np.full((1, 3, 8, 8), 0.5, np.float32)
    assert nearness([grey, grey], [grey, grey]) == EQUAL_DB
    assert nearness([grey, grey], [grey, grey + np.float32(0.1)]) == 20.0
    assert nearness([grey, grey], [grey, grey * np.float32("nan")]) == 0.0
    assert nearness([grey], [grey + np.float32("inf")]) == 0.0


@pytest.mark.parametrize(("channels", "multiple", "minimum"), [(3, 1, 1), (1, 1, 300), (4, 256, 256)])
def test_photographs_are_of_sizes_the_network_takes(channels: int, multiple: int, minimum: int) -> None:
    shown = photographs(dataclasses.replace(describe(Same()), channels=channels, multiple=multiple, minimum=minimum))
    assert len(shown) == 3
    for picture in shown:
        assert picture.shape[:2] == (1, channels)
        assert all(side >= minimum and side % multiple == 0 for side in picture.shape[2:])
        assert picture.std() > 0.05
        assert 0 <= picture.min() < picture.max() <= 1
    assert not np.array_equal(shown[1], shown[2])


def test_a_model_that_openvino_does_not_take_is_emulated() -> None:
    assert precision.native_networks(b"\x08\x0a") == {}
    with torch.no_grad():
        assert measure_precisions(b"\x08\x0a", describe(Toy()), Toy()).keys() == {"fp16", "bf16"}
