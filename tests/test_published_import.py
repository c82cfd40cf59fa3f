"""`translate models import` of published weights: what it finds, what it says, what it keeps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from publishers import leftthomas, mmagic_unet
from publishing import BASICSR_MSRRESNET, LEFTTHOMAS, MMAGIC_UNET, weights_of
from torch import Tensor

from models.checkpoint import save_checkpoint
from models.errors import BadModelFile, ConfigError, ExportError, MissingExtra, UnknownGenerator
from models.published.families import UnknownNetwork
from models.published.others import other
from translate.cli import main
from translate.config import ImportConfig
from translate.foreign import Imported, import_model
from translate.foreign.network import photograph
from translate.inference.model_file import load_model
from translate.inference.translator import Translator
from translate.store import find_model

Weights = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "own"))


def bring(weights: Any, path: Path, **said: Any) -> Imported:
    torch.save(weights, path)
    return import_model(ImportConfig(**{"file": path, "name": "mine"} | said))


def found(imported: Imported) -> dict[str, str]:
    return {fact.name: fact.value for fact in imported.facts}


def painter(scale: float = 1.0) -> Weights:
    """leftthomas' layout with weights that give (a quarter of) the picture back: tanh(2 x - 1), enlarged."""
    weights = weights_of(LEFTTHOMAS, 8)
    for key, value in weights.items():
        if value.ndim == 4 or key.endswith("bias"):
            value.zero_()
    weights["block1.1.weight"] = torch.tensor([1.0])
    for name in ("block8.0.prelu.weight", "block8.1.prelu.weight"):
        weights[name] = torch.tensor([1.0])
    for colour in range(3):
        weights["block1.0.weight"][colour, colour, 4, 4] = 2 * scale
        weights["block1.0.bias"][colour] = -1
        for place in range(4):
            for up in ("block8.0.conv", "block8.1.conv"):
                weights[f"{up}.weight"][4 * colour + place, colour, 1, 1] = 1
        weights["block8.2.weight"][colour, colour, 4, 4] = 1
    return weights


def test_the_end_of_an_srgan_is_found_by_trying(tmp_path: Path) -> None:
    weights = painter()
    imported = bring(weights, tmp_path / "g.pth", license="MIT")
    manifest = imported.manifest
    facts = {fact.name: fact for fact in imported.facts}
    assert (manifest.generator, manifest.scale, manifest.normalization) == ("srresnet_x4", 4, "fixed")
    assert (manifest.input_range, manifest.output_range) == ((0, 1), (-1, 1))
    assert "output linear" in facts["network"].reason
    assert "linear output" in facts["family"].reason
    assert (manifest.license, manifest.task, imported.warnings) == ("MIT", "super-resolution", ())
    assert load_model(find_model("mine"))[1] == manifest
    picture = photograph(3, 40, 48)
    with torch.no_grad():
        # what the painter's weights give before the tanh of its authors
        expected = torch.atanh(leftthomas(weights, torch.from_numpy(picture)))[0] / 2 + 0.5
    result = Translator.open("mine", "cpu")(np.ascontiguousarray(picture[0].transpose(1, 2, 0)))
    inner = slice(40, -40)
    np.testing.assert_allclose(
        result[inner, inner], expected.numpy().transpose(1, 2, 0).clip(0, 1)[inner, inner], atol=1e-3
    )


def test_a_translator_of_bgr_with_statistics_of_the_picture(tmp_path: Path) -> None:
    weights = weights_of(MMAGIC_UNET, 8)
    content = {"state_dict": {f"generators.photo.{key}": value for key, value in weights.items()}}
    imported = bring(content, tmp_path / "g.pth", source="mask", target="photo")
    manifest, facts = imported.manifest, found(imported)
    assert (facts["channels"], facts["statistics"], facts["sees"]) == ("bgr", "picture", "the whole picture")
    assert (manifest.source, manifest.target, manifest.work_size) == ("mask", "photo", 256)
    assert (manifest.normalization, manifest.multiple, manifest.license) == ("picture", 16, "not stated")
    picture = photograph(3, 64, 80)
    with torch.no_grad():
        expected = mmagic_unet(weights, torch.from_numpy(picture) * 2 - 1).numpy() / 2 + 0.5
    result = Translator.open("mine", "cpu")(np.ascontiguousarray(picture[0].transpose(1, 2, 0)))
    np.testing.assert_allclose(result, expected[0].transpose(1, 2, 0), atol=2e-3)


def test_garbage_is_told(tmp_path: Path) -> None:
    torch.manual_seed(1)
    weights = painter()
    weights["block8.2.weight"][:3] = torch.randn(3, 8, 9, 9)
    imported = bring(weights, tmp_path / "g.pth", range="0..1")
    assert any("does not look like" in warning or "noise" in warning for warning in imported.warnings)
    weights = painter()
    weights["block8.2.weight"][[0, 2]] = weights["block8.2.weight"][[2, 0]]
    said = {"input_range": "0..1", "output_range": "-1..1", "channel_order": "rgb", "replace": True}
    assert "red and blue look swapped" in " ".join(bring(weights, tmp_path / "g.pth", **said).warnings)


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        ({"scale": 2}, ConfigError, "4 times as large as its pictures, not 2 times"),
        ({"name": "a/b"}, ConfigError, "cannot be named"),
        ({"generator": "zebra"}, UnknownGenerator, "no generator named 'zebra'"),
    ],
)
def test_what_is_said_must_fit(tmp_path: Path, said: dict[str, Any], error: type[Exception], reason: str) -> None:
    content = {"generators.horse." + key: value for key, value in painter().items()}
    with pytest.raises(error, match=reason):
        bring(content, tmp_path / "g.pth", **said)
    assert not (tmp_path / "own").exists()


def test_unknown_and_unsafe_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownNetwork, match=r"cannot import .*u\.pth: It holds .*fea_conv.*RRDBNet.*spandrel"):
        bring({"fea_conv.weight": torch.zeros(50, 3, 3, 3), "c.weight": torch.zeros(3, 50, 3, 3)}, tmp_path / "u.pth")
    torch.save(torch.nn.Conv2d(3, 3, 1), tmp_path / "p.pth")
    assert main(["models", "import", str(tmp_path / "p.pth"), "--name", "mine"]) == 1
    error = capsys.readouterr().err
    assert f"cannot import {tmp_path / 'p.pth'}: it is a pickled program" in error
    assert "Traceback" not in error
    assert not (tmp_path / "own").exists()


def test_checkpoints_of_our_own_are_for_export(tmp_path: Path) -> None:
    from exporting import describe, small_generator

    network, arguments = small_generator("compact_x4")
    path = tmp_path / "g.safetensors"
    save_checkpoint(path, network, describe(network, generator="compact_x4", arguments=arguments))
    with pytest.raises(ConfigError, match=r"checkpoint of `translate train`: translate export .*g\.safetensors"):
        import_model(ImportConfig(file=path, name="mine"))


def test_options_of_weights_are_refused_for_onnx_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--generator, --statistics is for files of weights"):
        import_model(ImportConfig(file=tmp_path / "m.onnx", name="m", generator="ab", statistics="picture"))
    with pytest.raises(ConfigError, match="is for networks with BatchNorm"):
        bring(weights_of(BASICSR_MSRRESNET, 16), tmp_path / "b.pth", statistics="picture")


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "translate.foreign.weights", None)
    with pytest.raises(MissingExtra, match=r"\.\[train\]"):
        import_model(ImportConfig(file=tmp_path / "w.pth", name="mine"))


def test_networks_of_spandrel(tmp_path: Path) -> None:
    spandrel = pytest.importorskip("spandrel")
    torch.manual_seed(0)
    network = spandrel.architectures.DnCNN.DnCNN(in_nc=3, out_nc=3, nc=8, nb=9, act_mode="R").eval()
    imported = bring(network.state_dict(), tmp_path / "dncnn.pth")
    manifest, facts = imported.manifest, found(imported)
    assert facts["family"] == "DnCNN, by spandrel"
    assert (manifest.generator, manifest.scale, manifest.radius, manifest.normalization) == ("DnCNN", 1, 9, "none")
    assert (facts["work size"], manifest.input_range) == ("any", (0, 1))
    picture = photograph(3, 40, 48)
    with torch.no_grad():
        expected = network(torch.from_numpy(picture))[0].numpy().transpose(1, 2, 0).clip(0, 1)
    result = Translator.open("mine", "cpu")(np.ascontiguousarray(picture[0].transpose(1, 2, 0)))
    inner = slice(12, -12)
    np.testing.assert_allclose(result[inner, inner], expected[inner, inner], atol=1e-4)


def test_networks_that_fold_themselves_fold_once() -> None:
    spandrel = pytest.importorskip("spandrel")
    torch.manual_seed(0)
    network = spandrel.architectures.SPAN.SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2).eval()
    span = other(network.state_dict())
    assert span is not None
    picture = torch.from_numpy(photograph(3, 24, 32))
    with torch.no_grad():
        before = {key: value.clone() for key, value in span.state_dict().items()}
        torch.testing.assert_close(span(picture), network(picture), atol=1e-4, rtol=1e-4)
        assert all(value.equal(span.state_dict()[key]) for key, value in before.items())
    assert (span.name, span.scale, span.multiple) == ("SPAN", 2, 1)


def test_without_spandrel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(UnknownNetwork, match=r"pip install '\.\[published\]'"):
        bring({"fea_conv.weight": torch.zeros(50, 3, 3, 3), "c.weight": torch.zeros(3, 50, 3, 3)}, tmp_path / "u.pth")


def test_what_has_no_onnx_form_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ExportError("model.onnx was not written: no such operator")

    monkeypatch.setattr("translate.foreign.weights.export_onnx", fail)
    with pytest.raises(ExportError, match=r"cannot import .*g\.pth: .*no such operator"):
        bring(painter(), tmp_path / "g.pth")
    assert not (tmp_path / "own").exists()
    assert issubclass(UnknownNetwork, BadModelFile)
