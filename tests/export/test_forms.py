"""The forms of export: what they hold, what was measured, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from forms import draw_pictures
from onnx_models import make_model
from PIL import Image

from export import int8
from export.config import ExportConfig
from export.forms import read_pixels
from export.trial import open_session, run_onnx
from models.checkpoint import load_checkpoint
from models.errors import BadModelFile, ConfigError, ExportError, UsageError
from translate import Translator
from translate.exporting import export
from translate.inference.model_file import check_model, read_manifest
from translate.store import find_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """x2, six convolutions, sides in multiples of 2 from 4 pixels."""
    return make_model(tmp_path / "tiny.onnx", scale=2, multiple=2, minimum=4, radius=6, name="tiny")


def make(source: Path | str, out: Path, **options: Any) -> str:
    """Export, and give back what was said of the first file."""
    return next(iter([said for _, said in export(ExportConfig(source=str(source), out=out, **options))]))


def shapes(path: Path) -> list[list[int | str]]:
    graph = onnx.load(path).graph
    sides = [value.type.tensor_type.shape.dim for value in (graph.input[0], graph.output[0])]
    return [[side.dim_value or side.dim_param for side in side_list] for side_list in sides]


def test_a_fixed_size_is_fixed_and_computes_the_same(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    assert "takes one picture of 8x12" in make(tiny, out, fixed_size="8x12")
    assert shapes(out) == [[1, 3, 8, 12], [1, 3, 16, 24]]
    picture = np.random.default_rng(0).random((1, 3, 8, 12), np.float32)
    before, after = (run_onnx(path.read_bytes(), [picture])[0] for path in (tiny, out))
    np.testing.assert_allclose(after, before, atol=1e-6)
    with pytest.raises(BadModelFile, match="fixed size; height and width must be free"):
        Translator.open(out, device="cpu")


@pytest.mark.parametrize("size", ["8", "8x", "0x8", "8*8", "x", "-8x8", "8x8x8"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(ConfigError, match="is no size: write 512x768"):
        ExportConfig(source="m", out=Path("m.onnx"), fixed_size=size)


@pytest.mark.parametrize("size", ["7x8", "8x9", "2x8"])
def test_a_size_that_the_network_does_not_take(tiny: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(ConfigError, match=rf"{size} does not suit tiny: its sides are multiples of 2 from 4"):
        make(tiny, tmp_path / "out.onnx", fixed_size=size)
    assert not (tmp_path / "out.onnx").exists()


def test_bytes_are_rounded_as_everywhere_and_the_manifest_says_so(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    make(tiny, out, uint8=True)
    assert read_pixels(out.read_bytes()).pixels == "uint8 NHWC"
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert (model.graph.node[0].op_type, model.graph.node[-1].op_type) == ("Cast", "Cast")
    picture = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8)
    given = run_onnx(out.read_bytes(), [picture])[0]
    expected = run_onnx(tiny.read_bytes(), [picture.transpose(0, 3, 1, 2) / np.float32(255)])[0]
    np.testing.assert_array_equal(given, np.rint(expected * 255).astype(np.uint8).transpose(0, 2, 3, 1))
    with pytest.raises(BadModelFile, match=r"its input is bytes \(--uint8\)"):
        Translator.open(out, device="cpu")


def test_int8_is_judged_by_other_pictures_and_runs_here(tiny: Path, tmp_path: Path) -> None:
    folder = draw_pictures(tmp_path / "pictures")
    said = make(tiny, tmp_path / "out.onnx", precision="int8", calibration=folder)
    assert "calibrated with 9 pictures; on 6 others" in said
    assert "times smaller" in said
    data = (tmp_path / "out.onnx").read_bytes()
    manifest = check_model(data, tmp_path)
    assert manifest.precisions.keys() == {"int8"}
    assert manifest.precisions["int8"] >= int8.GATE_DB
    graph = onnx.load_model_from_string(data).graph
    assert {entry.domain for entry in onnx.load_model_from_string(data).opset_import} == {""}
    assert len([node for node in graph.node if node.op_type == "QuantizeLinear"]) >= 4
    picture = np.asarray(Image.open(folder / "00.png"))
    exact, near = (Translator.open(path, device="cpu")(picture) for path in (tiny, tmp_path / "out.onnx"))
    error = np.mean((exact.astype(float) - near) ** 2)
    assert 0 < error < 255**2 / 10 ** (int8.GATE_DB / 10)


def test_int8_below_the_gate_is_not_kept(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "GATE_DB", 90.0)
    folder = draw_pictures(tmp_path / "pictures")
    with pytest.raises(ExportError, match=r"not calibrated with are \d+\.\d dB from those in fp32; at least 90"):
        make(tiny, tmp_path / "out.onnx", precision="int8", calibration=folder)
    assert not (tmp_path / "out.onnx").exists()


def test_pictures_to_calibrate_with(tiny: Path, tmp_path: Path) -> None:
    manifest = read_manifest(tiny)
    folder = draw_pictures(tmp_path / "pictures", 9)
    (folder / "broken.png").write_bytes(b"no picture")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "deep.png")
    Image.fromarray(np.zeros((3, 300, 3), np.uint8)).save(folder / "flat.png")
    found = int8.calibration_pictures(folder, manifest)
    assert sorted({picture.shape for picture in found}) == [(1, 3, 4, 128), (1, 3, 36, 40)]
    assert len(found) == 10
    for few in (tmp_path / "nowhere", draw_pictures(tmp_path / "few", 3)):
        with pytest.raises(UsageError, match=r"can be read; name a folder with 8 or more"):
            int8.calibration_pictures(few, manifest)


def test_weights_are_those_of_the_network(tmp_path: Path) -> None:
    for name, precision in (("texture-x4", "fp32"), ("horse2zebra", "fp16")):
        make(name, tmp_path / "w.safetensors", precision=precision)
        network, manifest = load_checkpoint(tmp_path / "w.safetensors")
        assert manifest.name == name
        picture = np.random.default_rng(0).random((1, 3, 32, 40), np.float32)
        with torch.no_grad():
            result = network(torch.from_numpy(picture) * 2 - 1).numpy()
        expected = run_onnx(find_model(name).read_bytes(), [picture])[0]
        np.testing.assert_allclose((result.clip(-1, 1) + 1) / 2, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "batch", "taken", "given", "kind"),
    [
        ({}, 8, [3, -1, -1], [3, -1, -1], "TYPE_FP32"),
        ({"fixed_size": "8x12"}, 0, [1, 3, 8, 12], [1, 3, 16, 24], "TYPE_FP32"),
        ({"uint8": True}, 8, [-1, -1, 3], [-1, -1, 3], "TYPE_UINT8"),
    ],
)
def test_triton_serves_the_folder(
    tiny: Path, tmp_path: Path, options: dict[str, Any], batch: int, taken: list[int], given: list[int], kind: str
) -> None:
    config = ExportConfig(source=str(tiny), triton=tmp_path / "served", **options)
    paths = [path for path, _ in export(config)]
    assert paths == [tmp_path / "served/tiny/config.pbtxt", tmp_path / "served/tiny/1/model.onnx"]
    text = paths[0].read_text()
    assert f"max_batch_size: {batch}\n" in text
    assert f'name: "image" data_type: {kind} dims: {taken}' in text
    assert f'name: "result" data_type: {kind} dims: {given}' in text
    assert ("dynamic_batching" in text) == bool(batch)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"out": Path("m.pt")}, r"ends in \.onnx, \.xml \(OpenVINO\) or \.safetensors"),
        ({"out": Path("m.onnx"), "format": "openvino"}, r"of which --format is the same"),
        ({}, "--out FILE, or --triton DIR"),
        ({"out": Path("m.onnx"), "triton": Path("t")}, "--out FILE, or --triton DIR"),
        ({"triton": Path("t"), "format": "openvino"}, "--format is the same"),
        ({"out": Path("m.onnx"), "precision": "int8"}, "--precision int8 and --calibration DIR go together"),
        ({"out": Path("m.onnx"), "calibration": Path("d")}, "go together"),
        ({"out": Path("m.safetensors"), "uint8": True}, "holds the network's weights"),
        ({"out": Path("m.xml"), "card": True}, "--card is for an .onnx file"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ExportConfig(source="m", **options)


def test_options_for_runs_do_not_suit_models(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--work-size, --checkpoint is for runs and checkpoints"):
        make(tiny, tmp_path / "out.onnx", work_size=64, checkpoint="best")
    with pytest.raises(UsageError, match=r"name a run folder, a checkpoint, an \.onnx file or"):
        make(tmp_path / "gone.onnx", tmp_path / "out.onnx")


def test_what_is_quantized_is_not_quantized_again(tiny: Path, tmp_path: Path) -> None:
    make(tiny, tmp_path / "q.onnx", precision="int8", calibration=draw_pictures(tmp_path / "pictures"))
    for out, options in (("w.safetensors", {}), ("again.onnx", {"fixed_size": "8x8"})):
        with pytest.raises(UsageError, match="quantized already"):
            make(tmp_path / "q.onnx", tmp_path / out, **options)


def test_a_model_is_exported_by_name_without_pytorch(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "models" / "mine" / "model.onnx"
    installed.parent.mkdir(parents=True)
    installed.write_bytes(tiny.read_bytes())
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "models"))
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "takes and gives bytes" in make("mine", tmp_path / "b.onnx", uint8=True, fixed_size="8x8")
    assert shapes(tmp_path / "b.onnx") == [[1, 8, 8, 3], [1, 16, 16, 3]]
    assert open_session((tmp_path / "b.onnx").read_bytes()).get_inputs()[0].type == "tensor(uint8)"


def test_the_best_checkpoint_of_a_run(tmp_path: Path) -> None:
    from export.command import find_checkpoint

    run = tmp_path / "run"
    for images in (1000, 2000):
        folder = run / "checkpoints" / f"{images:09d}"
        folder.mkdir(parents=True)
        (folder / "g.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match=r"no best checkpoint \(no best\.json\)"):
        find_checkpoint(run, best=True)
    (run / "best.json").write_text(json.dumps({"images": 1000, "measure": "validation_psnr", "value": 30.5}))
    assert find_checkpoint(run, best=True) == run / "checkpoints" / "000001000" / "g.safetensors"
    assert find_checkpoint(run) == run / "checkpoints" / "000002000" / "g.safetensors"
    with pytest.raises(UsageError, match="one checkpoint: the best of a run"):
        find_checkpoint(run / "checkpoints" / "000001000" / "g.safetensors", best=True)
    (run / "best.json").write_text(json.dumps({"images": 500}))
    with pytest.raises(UsageError, match="is gone"):
        find_checkpoint(run, best=True)
    (run / "best.json").write_text("[]")
    with pytest.raises(UsageError, match="is damaged"):
        find_checkpoint(run, best=True)
