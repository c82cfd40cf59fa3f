"""A file is kept only if it is right: whatever goes wrong leaves what was there before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exporting import Same, Toy, describe
from torch import Tensor

import export.onnx
from export import check_contract, export_onnx
from export.onnx import UnitRange, to_onnx
from export.verify import verify
from models.errors import ExportError
from models.manifest import METADATA_KEY


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A place where an earlier model already lies."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the earlier one")
    return path


def assert_nothing_happened(out: Path) -> None:
    assert [file.name for file in out.parent.iterdir()] == [out.name]
    assert out.read_bytes() == b"the earlier one"


def test_replaces_an_earlier_file_and_leaves_nothing_else(out: Path) -> None:
    parity = export_onnx(Toy(), describe(Toy()), out)
    assert parity == verify(out, Toy(), describe(Toy()))
    assert [file.name for file in out.parent.iterdir()] == [out.name]
    check_contract(out, describe(Toy()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", 1),
        ("scale", 4),
        ("multiple", 2),
        ("minimum", 1),
        ("radius", 9),
        ("normalization", "picture"),
    ],
)
def test_refuses_the_manifest_of_another_network(out: Path, name: str, value: Any) -> None:
    with pytest.raises(ExportError, match=f"{name} {value}, but"):
        export_onnx(Toy(), describe(Toy(), **{name: value}), out)
    assert_nothing_happened(out)


def test_refuses_a_graph_that_computes_something_else(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = UnitRange.forward
    monkeypatch.setattr(UnitRange, "forward", lambda self, image: forward(self, image) * 0.9995)
    with pytest.raises(ExportError, match=r"model\.onnx was not written: on a photograph .* disagree"):
        export_onnx(Same(), describe(Same()), out)
    assert_nothing_happened(out)


def test_refuses_a_graph_that_mixes_the_pictures_of_a_batch(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = UnitRange.forward
    monkeypatch.setattr(
        UnitRange,
        "forward",
        lambda self, image: forward(self, image.mean(dim=0, keepdim=True).expand_as(image)),
    )
    with pytest.raises(ExportError, match="2x3x"):
        export_onnx(Same(), describe(Same()), out)
    assert_nothing_happened(out)


class OneSize(Same):
    """Fits the picture it is exported with, and no other."""

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.ones(3, 4)


class Decides(Same):
    """The exporter follows one branch and says nothing."""

    def forward(self, image: Tensor) -> Tensor:
        return image if image.shape[2] < 40 else -image


class Counts(Same):
    """A number that the exporter cannot know."""

    def forward(self, image: Tensor) -> Tensor:
        return image if image.sum() > 0 else -image


class Boasts(Same):
    """Declares a scale that it has not."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (OneSize(), r"image has shape \[None, 3, 3, 4\]"),
        (Toy(minimum=1), r"the network itself fails on \(1, 3, 1, 1\), which it allows"),
        (Decides(), "on a photograph 1x3x81x121: .* disagree"),
        (Counts(), "toy has no ONNX form with free batch and sizes: "),
        (Boasts(), r"promises \(1, 3, 4, 4\) for \(1, 3, 2, 2\) and gives \(1, 3, 2, 2\)"),
    ],
)
def test_refuses_networks_that_do_not_do_what_they_declare(out: Path, network: Toy, complaint: str) -> None:
    with pytest.raises(ExportError, match=complaint):
        export_onnx(network, describe(network), out)
    assert_nothing_happened(out)


def test_refuses_weights_that_are_not_finite(out: Path) -> None:
    network = Toy()
    network.body[1].bias.data[0] = float("nan")
    with pytest.raises(ExportError, match=r"3x2x2 in PyTorch: 4 of 48 values are not finite"):
        export_onnx(network, describe(network), out)
    assert_nothing_happened(out)


def test_says_which_file_cannot_be_written(out: Path) -> None:
    with pytest.raises(ExportError, match=r"cannot write .*model\.onnx/inside\.onnx: .*-o"):
        export_onnx(Toy(), describe(Toy()), out / "inside.onnx")
    assert_nothing_happened(out)


def test_an_interrupted_export_leaves_nothing(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export.onnx, "verify", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_onnx(Toy(), describe(Toy()), out)
    assert_nothing_happened(out)


def test_maps_any_range_onto_zero_to_one_and_clamps(tmp_path: Path) -> None:
    network = Same()
    manifest = describe(network, input_range=(0.0, 255.0), output_range=(51.0, 204.0))
    export_onnx(network, manifest, tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    image = np.linspace(0, 1, 3 * 4 * 5, dtype=np.float32).reshape(1, 3, 4, 5)
    (result,) = session.run(None, {"image": image})
    np.testing.assert_allclose(result, ((image - 0.2) / 0.6).clip(0, 1), atol=1e-6)
    assert result.min() == 0
    assert result.max() == 1


def test_the_caller_s_network_is_left_alone(tmp_path: Path) -> None:
    network = Toy(channels=1).double().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    export_onnx(network, describe(network), tmp_path / "x.onnx")
    assert network.training
    assert all(layer.training for layer in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert next(network.parameters()).dtype == torch.float64


def test_the_same_network_gives_the_same_bytes_and_no_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "1.onnx", tmp_path / "2.onnx"
    for path in (one, two):
        export_onnx(Toy(), describe(Toy()), path)
    assert one.read_bytes() == two.read_bytes()
    assert capfd.readouterr() == ("", "")


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "picture"


def fix_height(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 64


def other_numbers(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16


def other_operators(model: onnx.ModelProto) -> None:
    model.opset_import.add(domain="com.example", version=1)


def weights_outside(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL


def no_manifest(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def other_manifest(model: onnx.ModelProto) -> None:
    model.metadata_props[0].value = describe(Toy(), name="another").to_json()


def broken_graph(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nothing"


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    return to_onnx(Toy(), describe(Toy()))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (rename_input, r"inputs and outputs are \['picture'\]"),
        (fix_height, r"image has shape \[None, 3, 64, None\]"),
        (other_numbers, "result is not float32"),
        (other_operators, "com.example"),
        (weights_outside, "weights lie outside"),
        (no_manifest, "the Manifest is not JSON"),
        (other_manifest, "another Manifest"),
        (broken_graph, "the ONNX checker refuses"),
    ],
)
def test_the_contract_is_checked(graph: onnx.ModelProto, tmp_path: Path, damage: Any, complaint: str) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    damage(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match=complaint):
        check_contract(path, describe(Toy()))
