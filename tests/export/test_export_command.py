"""`translate export`: which checkpoint is meant, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exporting import describe, settled
from torch import nn

from export import export_command
from export.command import find_checkpoint
from models.checkpoint import save_checkpoint
from models.errors import BadCheckpoint, UnknownGenerator, UsageError
from models.manifest import METADATA_KEY, Manifest
from models.zoo import build_generator


def write(path: Path, name: str = "compact_x4", **fields: Any) -> nn.Module:
    arguments = {"width": 8} | ({"depth": 3} if name.startswith("unet") else {"convs": 1})
    torch.manual_seed(0)
    network = settled(build_generator(name, **arguments))
    save_checkpoint(path, network, describe(network, generator=name, arguments=arguments, **fields))
    return network


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A CycleGAN run with two checkpoints and one that was being written."""
    for images in ("0000900", "0001000"):
        folder = tmp_path / "run" / "checkpoints" / images
        folder.mkdir(parents=True)
        for key in ("ab", "ba"):
            (folder / f"{key}.safetensors").write_bytes(b"")
        (folder / "state.pt").write_bytes(b"")
    (tmp_path / "run" / "checkpoints" / "0002000").mkdir()
    (tmp_path / "run" / "checkpoints" / ".0003000.partial").mkdir()
    return tmp_path / "run"


def test_a_run_means_its_newest_complete_checkpoint(run: Path) -> None:
    assert find_checkpoint(run, "ba") == run / "checkpoints" / "0001000" / "ba.safetensors"


def test_a_checkpoint_folder_and_a_file_mean_themselves(run: Path) -> None:
    older = run / "checkpoints" / "0000900"
    assert find_checkpoint(older, "ab") == older / "ab.safetensors"
    assert find_checkpoint(older / "ba.safetensors") == older / "ba.safetensors"


def test_one_generator_needs_no_name(tmp_path: Path) -> None:
    weights = tmp_path / "checkpoints" / "8" / "g.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    assert find_checkpoint(tmp_path) == weights


def test_several_generators_are_listed(run: Path) -> None:
    with pytest.raises(UsageError, match=r"several generators: name one, .*ab\.safetensors or .*ba"):
        find_checkpoint(run)


def test_an_unknown_generator_answers_with_the_known(run: Path) -> None:
    with pytest.raises(UnknownGenerator, match=r"no generator named 'abc'\. Did you mean 'ab'\? Known: ab, ba"):
        find_checkpoint(run, "abc")
    with pytest.raises(UnknownGenerator, match="Known: ab"):
        find_checkpoint(run / "checkpoints" / "0000900" / "ab.safetensors", "ba")


@pytest.mark.parametrize("name", ["nowhere", "run/checkpoints/0002000", "run/checkpoints/0001000/state.pt"])
def test_what_is_no_checkpoint_is_said(run: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}.* name a run folder or a .safetensors"):
        find_checkpoint(run.parent / name)


def test_the_result_must_be_an_onnx_file(run: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        export_command(run, run / "model.pt", "ab")


def test_a_damaged_checkpoint_is_said(run: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"ab\.safetensors"):
        export_command(run, run / "model.onnx", "ab")
    assert not (run / "model.onnx").exists()


def test_exports_the_chosen_generator(run: Path) -> None:
    network = write(run / "checkpoints" / "0001000" / "ba.safetensors", source="zebras")
    out, parity = export_command(run, run / "new" / "model.onnx", "ba")
    assert out == run / "new" / "model.onnx"
    assert "8-bit values equal" in str(parity)
    assert parity.values > 10_000
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    manifest = Manifest.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert (manifest.source, manifest.generator) == ("zebras", "compact_x4")
    image = np.random.default_rng(0).random((1, 3, 9, 7), np.float32)
    with torch.no_grad():
        expected = (network(torch.from_numpy(image) * 2 - 1).numpy() + 1) / 2
    np.testing.assert_allclose(session.run(None, {"image": image})[0], expected.clip(0, 1), atol=1e-5)


def test_pix2pix_normalizes_by_the_picture_as_in_its_paper(tmp_path: Path) -> None:
    network = write(tmp_path / "g.safetensors", "unet_256", normalization="picture")
    out, _ = export_command(tmp_path, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 3, 32, 24), np.float32)
    (result,) = session.run(None, {"image": image})

    for layer in network.modules():
        layer.train(isinstance(layer, nn.BatchNorm2d))
    with torch.no_grad():
        expected = (network(torch.from_numpy(image) * 2 - 1).numpy() + 1) / 2
        running = (network.eval()(torch.from_numpy(image) * 2 - 1).numpy() + 1) / 2
    np.testing.assert_allclose(result, expected, atol=1e-4)
    assert np.abs(result - running).max() > 1e-3
    assert '"picture"' in session.get_modelmeta().custom_metadata_map[METADATA_KEY]


def test_a_model_can_be_called_something_else(tmp_path: Path) -> None:
    write(tmp_path / "ba.safetensors")
    out, _ = export_command(tmp_path, tmp_path / "model.onnx", name="zebra2horse")
    metadata = onnx.load(out).metadata_props
    assert Manifest.from_json(next(p.value for p in metadata if p.key == METADATA_KEY)).name == "zebra2horse"


def test_a_work_size_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "g.safetensors", "unet_256", normalization="picture")
    out, _ = export_command(tmp_path, tmp_path / "model.onnx", work_size=320)
    metadata = onnx.load(out).metadata_props
    assert Manifest.from_json(next(p.value for p in metadata if p.key == METADATA_KEY)).work_size == 320
    write(tmp_path / "g.safetensors", task="super-resolution")
    with pytest.raises(UsageError, match="--work-size"):
        export_command(tmp_path, tmp_path / "model.onnx", work_size=320)


def test_the_command_is_found_without_pytorch() -> None:
    code = "import sys; from export import export_command, check_contract; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0
