"""Files as strangers export them are understood, brought to the contract, and compute what they computed before."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnx_models import make_model
from torch import Tensor, nn

from models.errors import BadModelFile, ConfigError
from models.receptive import conv, receptive_radius, transposed
from translate.cli import main
from translate.config import ImportConfig
from translate.foreign import Imported, import_model
from translate.foreign.network import photograph
from translate.inference.model_file import load_model
from translate.inference.translator import Translator
from translate.store import find_model, list_models, user_folder

Range = tuple[float, float]
UNIT, SIGNED, BYTES = (0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)


class Stranger(nn.Module):
    """Keeps a photograph, but for deep black and bright white; no operator gives its range away."""

    def __init__(self, scale: int = 2, given: Range = UNIT, taken: Range = UNIT, invert: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.head, self.tail = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        size, span = given[1] - given[0], taken[1] - taken[0]
        with torch.no_grad():
            for layer in (self.head, self.tail):
                layer.weight.zero_()
            for channel in range(3):
                self.head.weight[channel, channel, 1, 1] = (-1 if invert else 1) / size
                self.tail.weight[channel, channel] = span
            self.head.bias.fill_((given[1] if invert else -given[0]) / size)
            self.tail.bias.fill_(taken[0])

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(image)
        x = x + F.relu(0.15 - x) - F.relu(x - 0.7)
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=float(self.scale), mode="nearest")
        return self.tail(x)


class OwnNorm(nn.Module):
    """InstanceNorm as some write it."""

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean((2, 3), keepdim=True)
        return x / torch.sqrt((x * x).mean((2, 3), keepdim=True) + 1e-5)


def export(
    network: nn.Module, path: Path, *, dynamic: bool = True, opset: int = 17, side: int = 32, dynamo: bool = False
) -> Path:
    """As a stranger does: own names, either exporter, a fixed size unless asked otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"], "opset_version": opset}
    if dynamo:
        free = {0: torch.export.Dim("b"), 2: torch.export.Dim("high"), 3: torch.export.Dim("wide")}
        options |= {"dynamic_shapes": (free,) if dynamic else None, "external_data": False, "verbose": False}
    elif dynamic:
        options["dynamic_axes"] = {name: {0: "b", 2: "h", 3: "w"} for name in ("input", "output")}
    shape = (2, 3, side, side + 8) if dynamo and dynamic else (1, 3, side, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.rand(shape),), path, dynamo=dynamo, **options)
    return path


def bring(path: Path, name: str = "mine", **options: Any) -> Imported:
    return import_model(ImportConfig(file=path, name=name, **options))


def found(imported: Imported) -> dict[str, str]:
    return {fact.name: fact.value for fact in imported.facts}


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
    for device in ("cpu", "openvino"):
        result = Translator.open(imported.path, device, precision="fp32")(picture)
        np.testing.assert_array_equal(result, picture.repeat(3, 0).repeat(3, 1))


def tiny(path: Path, *nodes: onnx.NodeProto, shape: Any = ("n", 3, "h", "w"), kind: int = 1, outputs: int = 1) -> Path:
    """A graph of given nodes from `x` to `y`."""
    constants = [numpy_helper.from_array(np.asarray(v, t), n) for n, v, t in (
        ("half", 0.5, np.float32), ("larger", [1, 1, 1.5, 1.5], np.float32), ("huge", [1, 1, 40, 40], np.float32),
        ("square", [1, 3, 64, 64], np.int64), ("one", [1, 3, 1, 1], np.int64), ("vast", [10**6, 10**6], np.int64),
        ("last", [0, 2, 3, 1], np.int64), ("axis", [1], np.int64),
    )]  # fmt: skip
    graph = helper.make_graph(
        list(nodes), "tiny", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)] * outputs, constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def node(operator: str, *inputs: str, to: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, [*inputs], [to], **attributes)


@pytest.mark.parametrize(
    ("nodes", "how", "complaint"),
    [
        ([node("Identity", "x")], {"outputs": 2}, "outputs are y, y"),
        ([node("Identity", "x")], {"kind": TensorProto.UINT8}, "is uint8; it must be float32"),
        ([node("Identity", "x")], {"shape": (1, "h", "w", 3)}, "colour last"),
        ([node("Identity", "x")], {"shape": (3, "h", "w")}, "3 dimensions"),
        ([node("Resize", "x", "", "larger")], {}, r"makes 192 x 96, which is not a whole number"),
        ([node("Resize", "x", "", "huge")], {}, "enlarges 40 times; at most 16"),
        ([node("AveragePool", "x", kernel_shape=[3, 3])], {}, r"makes 126 x 62"),
        ([node("ReduceMean", "x", "axis")], {}, "as many channels"),
        (
            [node("Reshape", "x", "square", to="a"), node("Relu", "a")],
            {"shape": (1, 3, 64, 64)},
            r"size is fixed inside it. Reshape '' within it shapes to \[1, 3, 64, 64\]",
        ),
        ([node("Reshape", "x", "one")], {}, "none of the pictures that were tried.*Reshape"),
        ([node("ConstantOfShape", "vast", to="a"), node("Relu", "x")], {}, "1,000,000,000,000 elements"),
        ([node("Evil", "x", domain="com.example")], {}, "only standard ONNX operators"),
    ],
)
def test_refusals(tmp_path: Path, nodes: list[onnx.NodeProto], how: dict[str, Any], complaint: str) -> None:
    path = tiny(tmp_path / "t.onnx", *nodes, **how)
    with pytest.raises(BadModelFile, match=complaint) as refusal:
        bring(path)
    assert str(path) in str(refusal.value)
    assert not user_folder().exists()


def test_one_picture_at_a_time_is_refused_unless_it_can_be_freed(tmp_path: Path) -> None:
    """A reshape that names a batch of one is what old exporters write; the same of the sum of a batch is not."""
    sizes = ["x", "flat"]
    flat = numpy_helper.from_array(np.asarray([1, 3, -1], np.int64), "flat")
    shape = [node("Shape", "x", to="s"), node("Reshape", *sizes, to="a"), node("Reshape", "a", "s")]
    path = tiny(tmp_path / "t.onnx", *shape, shape=(1, 3, 64, 64))
    model = onnx.load(path)
    model.graph.initializer.append(flat)
    onnx.save(model, path)
    assert bring(path, range="0..1").manifest.multiple == 1
    mixing = [node("ReduceMean", "x", "zero", to="a"), node("Sub", "x", "a")]
    path = tiny(tmp_path / "m.onnx", *mixing)
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray([0], np.int64), "zero"))
    onnx.save(model, path)
    with pytest.raises(BadModelFile, match="pictures of a batch influence one another"):
        bring(path, "other", range="0..1")


def test_wrong_scale_and_files_of_other_kinds(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="2 times as large as its pictures, not 4 times"):
        bring(export(Stranger(2), tmp_path / "s.onnx"), scale=4)
    weights = tmp_path / "net.pth"
    weights.write_bytes(b"x")
    with pytest.raises(BadModelFile, match=r"checkpoint.*translate export"):
        bring(weights)
    with pytest.raises(BadModelFile, match="no model file"):
        bring(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("network", "doubt"),
    [
        (Stranger(2, invert=True), "negative"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Upsample(scale_factor=2.0), nn.Hardtanh(0.5, 0.5001)), "one flat colour"),
    ],
)
def test_doubtful_results_are_told(tmp_path: Path, network: nn.Module, doubt: str) -> None:
    (warning,) = bring(export(network, tmp_path / "s.onnx"), range="0..1").warnings
    assert doubt in warning


def test_swapped_colours_are_told(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.Upsample(scale_factor=2.0))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3).flip(0).view(3, 3, 1, 1))
    (warning,) = bring(export(network, tmp_path / "s.onnx"), range="0..1").warnings
    assert "swapped" in warning


def test_random_results_are_told(tmp_path: Path) -> None:
    path = tiny(tmp_path / "r.onnx", node("RandomUniformLike", "x", to="a"), node("Add", "x", "a"))
    with pytest.raises(BadModelFile, match="influence one another"):
        bring(path, range="0..1")


def test_our_own_files_are_kept_as_they_are(tmp_path: Path) -> None:
    path = make_model(tmp_path / "ours.onnx", name="ours")
    assert find_model("mine" if bring(path).path else "").read_bytes() == path.read_bytes()
    with pytest.raises(ConfigError, match="Manifest of its own, which --range, --license cannot change"):
        bring(path, "other", range="0..1", license="MIT")


def test_names_are_not_taken_twice(tmp_path: Path) -> None:
    path = export(Stranger(2), tmp_path / "s.onnx")
    bring(path)
    with pytest.raises(ConfigError, match="--replace"):
        bring(path)
    assert bring(path, replace=True).manifest.name == "mine"
    assert [(model.name, model.origin) for model in list_models() if model.origin == "user"] == [("mine", "user")]


def test_the_command_line_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = export(Stranger(2, SIGNED, SIGNED, invert=True), tmp_path / "s.onnx")
    assert main(["models", "import", str(path), "--name", "mine", "--range", "-1..1", "--license", "MIT"]) == 0
    out, err = capsys.readouterr()
    for words in ("super-resolution", "--task", "-1..1", "as given", "--channel-order", "MIT", "translate run PHOTO"):
        assert words in out
    assert "negative" in err
    assert main(["models", "import", str(path), "--name", "mine"]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["models", "list"]) == 0
    assert "user" in capsys.readouterr().out


def test_importing_needs_no_torch(tmp_path: Path) -> None:
    path = export(Stranger(2), tmp_path / "s.onnx")
    program = (
        "import sys; from translate.cli import main; "
        f"assert main(['models', 'import', {str(path)!r}, '--name', 'x']) == 0; "
        "assert not {'torch', 'torchvision'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
