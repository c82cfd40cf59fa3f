"""Files as strangers export them are understood, brought to the contract, and compute what they computed before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from strangers import BYTES, SIGNED, UNIT, OwnNorm, Range, Stranger, bring, export, found, node, tiny, with_constants
from torch import Tensor, nn

from export.contract import OPSET
from models.receptive import conv, receptive_radius, transposed
from translate.foreign import Imported
from translate.foreign.judge import Reading, choose
from translate.foreign.network import photograph
from translate.inference.model_file import load_model
from translate.inference.translator import Translator
from translate.store import find_model


def check_same(network: nn.Module, imported: Imported, given: Range, taken: Range, *, bgr: bool = False) -> None:
    """The imported file gives what the network gives, within a level; on a size nobody exported."""
    picture = photograph(3, 45, 70)
    x = picture[:, ::-1] if bgr else picture
    with torch.no_grad():
        y = network(torch.from_numpy(x * (given[1] - given[0]) + given[0]).float()).numpy()
    y = ((y[:, ::-1] if bgr else y) - taken[0]) / (taken[1] - taken[0])
    shown = np.ascontiguousarray(picture[0].transpose(1, 2, 0), np.float32)
    result = Translator.open(imported.path, "cpu")(shown)
    inner = slice(8, -8)  # the Translator adds mirrored surroundings, the bare network pads with black
    np.testing.assert_allclose(result[inner, inner], y[0].transpose(1, 2, 0).clip(0, 1)[inner, inner], atol=4e-3)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "own"))


@pytest.mark.parametrize(
    ("given", "taken", "how"),
    [
        (UNIT, UNIT, {"opset": 11}),
        (SIGNED, SIGNED, {"dynamic": False}),
        (BYTES, BYTES, {"opset": 13}),
        (UNIT, BYTES, {"dynamic": False, "opset": 11}),
        (SIGNED, UNIT, {}),
        (UNIT, SIGNED, {"dynamo": True, "opset": 18}),
        (UNIT, UNIT, {"dynamo": True, "opset": 20, "dynamic": False}),
    ],
)
def test_ranges_and_sizes_are_found(tmp_path: Path, given: Range, taken: Range, how: dict[str, Any]) -> None:
    network = Stranger(2, given, taken)
    imported = bring(export(network, tmp_path / "s.onnx", **how))
    manifest = imported.manifest
    assert (manifest.input_range, manifest.output_range) == (given, taken)
    assert (manifest.task, manifest.scale, manifest.multiple, manifest.minimum) == ("super-resolution", 2, 1, 1)
    assert (manifest.radius, manifest.radius_error, manifest.normalization) == (1, 0, "none")
    assert (found(imported)["channels"], manifest.license, imported.warnings) == ("rgb", "not stated", ())
    assert load_model(find_model("mine"))[1] == manifest
    assert onnx.load(imported.path).opset_import[0].version >= OPSET
    check_same(network, imported, given, taken)


def test_half_precision_inside_and_out(tmp_path: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    network = Stranger(2)
    path = export(network, tmp_path / "h.onnx")
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=False), path)
    imported = bring(path)
    model = onnx.load(imported.path)
    assert {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)} == {1}
    check_same(network, imported, UNIT, UNIT)


def test_what_is_said_is_believed(tmp_path: Path) -> None:
    network = Stranger(1, SIGNED, BYTES)
    imported = bring(
        export(network, tmp_path / "s.onnx"), task="super-resolution", input_range="-1..1", output_range="0..255",
        channel_order="bgr", work_size=99, source="a", target="b", license="MIT",
    )  # fmt: skip
    manifest = imported.manifest
    assert (manifest.input_range, manifest.output_range, manifest.task) == (SIGNED, BYTES, "super-resolution")
    assert (manifest.work_size, manifest.source, manifest.target, manifest.license) == (99, "a", "b", "MIT")
    assert {fact.reason for fact in imported.facts if fact.name not in ("scale", "size", "sees")} == {"as given"}
    check_same(network, imported, SIGNED, BYTES, bgr=True)


def test_swapped_channels_compute_what_the_network_does_on_swapped_pictures(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Stranger(2)
    with torch.no_grad():
        network.tail.weight[0] *= 0.5  # blue, to it
    imported = bring(export(network, tmp_path / "s.onnx", opset=11), channel_order="bgr", range="0..1")
    check_same(network, imported, UNIT, UNIT, bgr=True)


@pytest.mark.parametrize(
    ("mean", "scale", "given", "order"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "0..1", "rgb"),
        ((0.406, 0.456, 0.485), (0.225, 0.224, 0.229), "0..1", "bgr"),
        ((103.5, 116.3, 123.7), (57.0, 57.0, 57.0), "0..255", "bgr"),
        ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), "0..255", "rgb"),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "0..1", "rgb"),
        ((-1.0, -1.0, -1.0), (2.0, 2.0, 2.0), "-1..1", "rgb"),
    ],
)
def test_first_operators_tell_range_and_order(
    tmp_path: Path, mean: tuple[float, ...], scale: tuple[float, ...], given: str, order: str
) -> None:
    class Normalizes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sigmoid())
            self.mean, self.scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, scale))

        def forward(self, x: Tensor) -> Tensor:
            return self.net((x - self.mean) / self.scale)

    torch.manual_seed(0)
    facts = found(bring(export(Normalizes(), tmp_path / "n.onnx")))
    assert (facts["values in"], facts["values out"], facts["channels"]) == (given, "0..1", order)


@pytest.mark.parametrize("norm", [nn.InstanceNorm2d(4), OwnNorm()])
def test_translators_with_tanh_and_norms(tmp_path: Path, norm: nn.Module) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 4, 2, 1), norm, nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh()
    )  # fmt: skip
    imported = bring(export(network, tmp_path / "t.onnx", side=64, dynamic=False), source="day", target="night")
    manifest = imported.manifest
    assert (manifest.task, manifest.scale, manifest.multiple) == ("translation", 1, 2)
    assert (manifest.input_range, manifest.output_range) == (SIGNED, SIGNED)
    assert manifest.normalization == "picture"
    assert manifest.work_size == 64
    assert "Tanh" in next(fact.reason for fact in imported.facts if fact.name == "values out")
    assert Translator.open("mine", "cpu")(np.zeros((37, 51, 3), np.uint8)).shape == (37, 51, 3)


def test_a_deep_network_keeps_its_sizes(tmp_path: Path) -> None:
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(nn.Conv2d(3 if n == 0 else 4, 4, 4, 2, 1) for n in range(4))
            self.up = nn.ModuleList(nn.ConvTranspose2d(4, 4, 4, 2, 1) for _ in range(4))
            self.last = nn.Conv2d(4, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            skips = []
            for layer in self.down:
                x = F.relu(layer(x))
                skips.append(x)
            x = self.up[0](skips.pop())
            for layer in self.up[1:]:
                x = layer(F.relu(x + skips.pop()))
            return torch.tanh(self.last(x))

    torch.manual_seed(0)
    manifest = bring(export(Skips(), tmp_path / "u.onnx", side=64)).manifest
    assert (manifest.multiple, manifest.minimum) == (16, 16)
    layers = [conv(4, 2, 1)] * 4 + [transposed(4, 2, 1)] * 4
    assert manifest.radius == receptive_radius(layers, multiple=16)


def test_a_radius_beyond_the_limit_is_measured(tmp_path: Path) -> None:
    network = nn.Sequential(*(nn.Conv2d(3, 3, 5, padding=2) for _ in range(40)))
    with torch.no_grad():
        for layer in network:
            layer.weight.zero_()
            layer.bias.zero_()
            for channel in range(3):
                layer.weight[channel, channel, 2, 2], layer.weight[channel, channel, 2, 0] = 0.4, 0.6
    manifest = bring(export(network, tmp_path / "d.onnx"), range="0..1").manifest
    assert 64 <= manifest.radius < 80
    assert manifest.normalization == "none"
    assert 0 < manifest.radius_error < 0.25 / 255


def test_old_graphs_with_weights_among_their_inputs(tmp_path: Path) -> None:
    """Opset 9, file format 3, Upsample, and the names that the contract gives to other things."""
    weight = np.zeros((3, 3, 1, 1), np.float32)
    weight[[0, 1, 2], [0, 1, 2]] = 1
    constants = [
        numpy_helper.from_array(weight, "result"),
        numpy_helper.from_array(np.asarray([1, 1, 3, 3], np.float32), "s"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "result"], ["a"]),
        helper.make_node("Upsample", ["a", "s"], ["b"], mode="nearest"),
        helper.make_node("Clip", ["b"], ["out"], min=0.0, max=1.0),
    ]
    values = [("image", [1, 3, "h", "w"]), ("result", [3, 3, 1, 1]), ("s", [4])]
    graph = helper.make_graph(
        nodes, "old", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=3)
    path = tmp_path / "old.onnx"
    path.write_bytes(model.SerializeToString())
    imported = bring(path)
    assert imported.manifest.scale == 3
    picture = np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8)
    assert onnx.load(imported.path).opset_import[0].version == OPSET
    for device in ("cpu", "openvino"):
        result = Translator.open(imported.path, device, precision="fp32")(picture)
        np.testing.assert_array_equal(result, picture.repeat(3, 0).repeat(3, 1))


def test_a_batch_of_one_within_is_freed(tmp_path: Path) -> None:
    """Old exporters write InstanceNorm so; two pictures would be normalised as one."""
    nodes = [
        node("Shape", "x", to="s"),
        node("Reshape", "x", "flat", to="a"),
        node("InstanceNormalization", "a", "ones", "zeros", to="b"),
        node("Reshape", "b", "s", to="c"),
        node("Sigmoid", "c"),
    ]
    path = tiny(tmp_path / "t.onnx", *nodes, shape=(1, 3, 64, 64))
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    imported = bring(with_constants(path, flat=np.asarray([1, 3, -1]), ones=ones, zeros=zeros), range="0..1")
    assert imported.manifest.normalization == "picture"
    one, two = (np.random.default_rng(seed).random((1, 3, 40, 48), np.float32) for seed in (1, 2))
    session = onnxruntime.InferenceSession(imported.path, providers=["CPUExecutionProvider"])
    together, *apart = (session.run(None, {"image": batch})[0] for batch in (np.concatenate([one, two]), one, two))
    np.testing.assert_allclose(together, np.concatenate(apart), atol=1e-5)


def test_an_enlargement_to_a_given_size_is_freed(tmp_path: Path) -> None:
    path = tiny(tmp_path / "t.onnx", node("Resize", "x", "", "", "sides", mode="nearest"), shape=(1, 3, 64, 48))
    manifest = bring(with_constants(path, sides=np.asarray([1, 3, 192, 144]))).manifest
    assert (manifest.scale, manifest.multiple, manifest.minimum) == (3, 1, 1)


def reading(values: str, db: float, outside: float = 0.0, contrast: float = 0.6) -> Reading:
    given, taken = values.split(" to ")
    return Reading(given, taken, db, outside, contrast)


@pytest.mark.parametrize(
    ("found", "usual", "restores", "best"),
    [
        ([reading("0..1 to 0..1", 30.0), reading("-1..1 to -1..1", 30.9)], "0..1", True, "0..1 to 0..1"),
        ([reading("0..1 to 0..1", 30.0), reading("-1..1 to -1..1", 31.1)], "0..1", True, "-1..1 to -1..1"),
        ([reading("0..1 to 0..1", 9.0), reading("-1..1 to -1..1", 12.0)], "0..1", True, "0..1 to 0..1"),
        ([reading("-1..1 to -1..1", 9.0), reading("0..1 to 0..1", 8.0, 0.4)], "-1..1", False, "-1..1 to -1..1"),
        ([reading("-1..1 to -1..1", 9.0, 0.99), reading("0..255 to 0..255", 8.0)], "-1..1", False, "0..255 to 0..255"),
        ([reading("-1..1 to -1..1", 9.0, 0.0, 0.01), reading("0..1 to 0..1", 8.0)], "-1..1", False, "0..1 to 0..1"),
    ],
)
def test_the_usual_reading_needs_a_clear_rival(found: list[Reading], usual: str, restores: bool, best: str) -> None:
    chosen, reason = choose(found, usual, restores=restores)
    assert f"{chosen.input} to {chosen.output}" == best
    assert reason
