import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from onnx_models import make_model

from models.errors import DeviceError
from models.manifest import Manifest, Normalization
from translate import Translator
from translate.inference import openvino_backend
from translate.inference.backends import open_backend
from translate.inference.cache import prune
from translate.inference.model_file import load_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", scale=1)


def describe(**fields: Any) -> Manifest:
    known = {"name": "tiny", "task": "translation", "source": "a", "target": "b", "generator": "none"}
    return Manifest(**known | fields)


@pytest.mark.parametrize("unit", ["GPU", "NPU", "GPU.1", "nonsense"])
def test_openvino_units_that_are_not_there_are_errors(tiny: Path, monkeypatch: pytest.MonkeyPatch, unit: str):
    monkeypatch.setattr(openvino.Core, "available_devices", ["CPU", "GPU.0"])
    if unit == "GPU":
        assert openvino_backend.open_openvino(load_model(tiny)[1], unit, "fp32").unit == "GPU"
        return
    with pytest.raises(DeviceError, match=rf"openvino:{unit} cannot be used: OpenVINO sees CPU, GPU.0\. .*driver"):
        Translator.open(tiny, f"openvino:{unit}")


class Plugin:
    """OpenVINO on a processor of our choice."""

    def __init__(self, default: str, listed: list[str]) -> None:
        self.answers = {
            "INFERENCE_PRECISION_HINT": getattr(openvino.Type, default),
            "OPTIMIZATION_CAPABILITIES": listed,
        }

    def get_property(self, device: str, name: str) -> object:
        return self.answers[name]


@pytest.mark.parametrize(
    ("default", "listed", "measured", "expected"),
    [
        ("bf16", ["FP32", "BF16", "FP16", "INT8"], {"fp16": 81.0, "bf16": 63.0}, "fp16"),  # AMX
        ("bf16", ["FP32", "BF16", "FP16", "INT8"], {"fp16": 0.0, "bf16": 63.0}, "bf16"),
        ("bf16", ["FP32", "BF16", "FP16", "INT8"], {"fp16": 49.9, "bf16": 44.0}, "fp32"),
        ("bf16", ["FP32", "BF16", "FP16", "INT8"], {}, "fp32"),  # nobody knows
        ("bf16", ["FP32", "BF16", "INT8"], {"fp16": 81.0, "bf16": 50.0}, "bf16"),  # AVX-512 with bf16
        ("f32", ["FP32", "BF16", "INT8"], {"bf16": 63.0}, "fp32"),  # bf16 emulated only
    ],
)
@pytest.mark.parametrize("normalization", ["none", "picture"])
def test_precision_follows_the_processor_and_what_was_measured(
    default: str, listed: list[str], measured: dict[str, float], expected: str, normalization: Normalization
):
    manifest = describe(precisions=measured, normalization=normalization)
    precision, note = openvino_backend.choose_precision(Plugin(default, listed), "CPU", manifest)
    assert precision == expected
    assert note == (f"{expected} keeps {measured[expected]:.0f} dB of fp32" if expected != "fp32" else note)


def test_openvino_keeps_few_sizes_of_picture(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    """What is asked for: a compiled model does not tell. OpenVINO raises an error if it does not know the name."""
    asked = []
    compile_model = openvino.Core.compile_model

    def spy(core: openvino.Core, model: object, device: str, settings: dict[str, str]) -> object:
        asked.append(settings["CPU_RUNTIME_CACHE_CAPACITY"])
        return compile_model(core, model, device, settings)

    monkeypatch.setattr(openvino.Core, "compile_model", spy)
    open_backend(*load_model(tiny), "openvino")
    assert asked == ["16"]


def test_a_precision_that_openvino_does_not_give_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    compile_model = openvino.Core.compile_model
    monkeypatch.setattr(
        openvino.Core,
        "compile_model",
        lambda core, model, device, settings: compile_model(
            core, model, device, settings | {"INFERENCE_PRECISION_HINT": "f32"}
        ),
    )
    with pytest.raises(DeviceError, match="computes in f32 here, not in fp16"):
        Translator.open(tiny, "openvino", precision="fp16")


def test_compiled_models_are_kept_on_disk(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    batch = np.random.default_rng(0).random((1, 3, 9, 9), np.float32)
    fresh = open_backend(*load_model(tiny), "openvino").run(batch)
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "cache"))
    first, second = (open_backend(*load_model(tiny), "openvino") for _ in range(2))
    assert len(list((tmp_path / "cache/openvino").glob("*.blob"))) == 1
    assert second.runtime.compile(load_model(tiny)[0]).compiled.get_property("LOADED_FROM_CACHE")
    for backend in (first, second):
        np.testing.assert_array_equal(backend.run(batch), fresh)


def test_a_cache_that_cannot_be_written_is_done_without(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path / "file"))
    assert open_backend(*load_model(tiny), "openvino").device.startswith("OpenVINO CPU")


def test_a_cache_loses_what_was_used_longest_ago(tmp_path: Path):
    for age, name in enumerate(["new", "older", "oldest"]):
        (tmp_path / "sub").mkdir(exist_ok=True)
        file = tmp_path / "sub" / name
        file.write_bytes(b"x" * 100)
        os.utime(file, (1_000_000_000 - age, 1_000_000_000 - age))
    prune(tmp_path, 250)
    assert {file.name for file in (tmp_path / "sub").iterdir()} == {"new", "older"}
    prune(tmp_path, 0)
    assert not list((tmp_path / "sub").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_after_models_came_and_went(tmp_path: Path) -> None:
    """OpenVINO's own stack for signals must not be freed while it is in place."""
    code = """if True:
        import signal, sys
        from translate import Translator
        told = []
        signal.signal(signal.SIGINT, lambda *_: told.append(1))
        first = Translator.open(sys.argv[1], "openvino")
        second = Translator.open(sys.argv[1], "openvino")
        del first
        del second
        signal.raise_signal(signal.SIGINT)
        print(told)
    """
    model = make_model(tmp_path / "model.onnx")
    child = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True)
    assert (child.returncode, child.stdout) == (0, "[1]\n"), child.stderr
