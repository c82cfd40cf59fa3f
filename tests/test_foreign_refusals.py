"""Foreign files that are refused or doubted, and what is said of those that are taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from onnx_models import make_model
from strangers import SIGNED, Stranger, bring, export, node, tiny, with_constants
from torch import nn

from models.errors import BadModelFile, ConfigError
from translate.cli import main
from translate.store import find_model, list_models, user_folder


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "own"))


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


def test_pictures_of_a_batch_that_influence_one_another_are_refused(tmp_path: Path) -> None:
    nodes = [node("ReduceMean", "x", "first", to="a"), node("Sub", "x", "a", to="b"), node("Sigmoid", "b")]
    path = with_constants(tiny(tmp_path / "m.onnx", *nodes), first=np.asarray([0]))
    with pytest.raises(BadModelFile, match="pictures of a batch influence one another"):
        bring(path, range="0..1")


def test_wrong_scale_and_files_of_other_kinds(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="2 times as large as its pictures, not 4 times"):
        bring(export(Stranger(2), tmp_path / "s.onnx"), scale=4)
    weights = tmp_path / "net.pth"
    weights.write_bytes(b"x")
    with pytest.raises(BadModelFile, match=r"cannot import .*net\.pth: it is damaged"):
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
    assert [(model.name, model.origin) for model in list_models() if model.origin != "shipped"] == [
        ("mine", "imported")
    ]


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
    assert "imported" in capsys.readouterr().out


def test_importing_needs_no_torch(tmp_path: Path) -> None:
    path = export(Stranger(2), tmp_path / "s.onnx")
    program = (
        "import sys; from translate.cli import main; "
        f"assert main(['models', 'import', {str(path)!r}, '--name', 'x']) == 0; "
        "assert not {'torch', 'torchvision'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
