"""Files with weights in fp16: half the size, the same picture, and the same graph to whoever runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from exporting import describe, small_generator
from torch import nn

from export.contract import check_contract
from export.onnx import export_onnx
from models.errors import ExportError
from translate.inference.model_file import load_model
from translate.inference.translator import Translator
from translate.inference.widen import widened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("half")
    network, arguments = small_generator("resnet_6blocks")
    manifest = describe(network, generator="resnet_6blocks", arguments=arguments)
    full = export_onnx(network, manifest, folder / "full.onnx")
    half = export_onnx(network, manifest, folder / "half.onnx", half_weights=True)
    assert full.half_db is None
    assert "fp16" not in str(full)
    assert half.half_db is not None
    assert half.half_db >= 50
    assert f"weights in fp16, {half.half_db:.1f} dB" in str(half)
    return folder / "full.onnx", folder / "half.onnx"


def test_half_the_size_and_the_same_picture(files: tuple[Path, Path]) -> None:
    full, half = files
    assert half.stat().st_size < 0.75 * full.stat().st_size  # a small network is mostly graph
    check_contract(half, load_model(half)[1])
    picture = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    one, other = (Translator.open(path, "cpu", precision="fp32")(picture).astype(int) for path in files)
    assert np.abs(one - other).mean() < 1
    assert (one != other).any()  # or nothing was rounded


def test_what_runs_has_no_halves(files: tuple[Path, Path]) -> None:
    full, half = (onnx.load_model_from_string(load_model(path)[0]).graph for path in files)
    assert [node.op_type for node in half.node] == [node.op_type for node in full.node]
    assert {tensor.name: tensor.data_type for tensor in half.initializer} == {
        tensor.name: tensor.data_type for tensor in full.initializer
    }
    data = files[0].read_bytes()
    assert widened(data) is data


def test_what_half_precision_changes_too_much_is_refused(tmp_path: Path) -> None:
    network, arguments = small_generator("compact_x4")
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.add_(torch.randn_like(layer.weight) * 3e4)  # rounded to steps of 16
        network.to_image[0].weight.mul_(1e-9)
    manifest = describe(network, task="super-resolution", generator="compact_x4", arguments=arguments)
    with pytest.raises(ExportError, match=r"with weights in fp16 its results are .* dB from"):
        export_onnx(network, manifest, tmp_path / "m.onnx", half_weights=True)
    assert not (tmp_path / "m.onnx").exists()
