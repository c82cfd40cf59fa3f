import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
from onnx_models import make_model

from models.errors import BadModelFile, ConfigError, DeviceError
from translate import Translator
from translate.inference import backends
from translate.inference.backends import open_backend
from translate.inference.model_file import load_model

RUN_IN_EXPORT = "import export.verify as v; v.onnxruntime.InferenceSession({!r}, providers=['CPUExecutionProvider'])"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", scale=1)


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an NVIDIA driver, whatever this one has."""
    load = ctypes.CDLL

    def refuse(name: str, *arguments: object) -> ctypes.CDLL:
        if name in ("libcuda.so.1", "nvcuda.dll"):
            raise OSError
        return load(name, *arguments)

    monkeypatch.setattr(backends.ctypes, "CDLL", refuse)


def test_devices_say_what_they_are(tiny: Path):
    assert Translator.open(tiny, "cpu").device == "ONNX Runtime CPU fp32"
    assert Translator.open(tiny, "cpu").why == "asked for."
    assert Translator.open(tiny, "openvino", precision="fp32").device == "OpenVINO CPU fp32"


@pytest.mark.parametrize("device", ["nonsense", "cuda:x", "cuda:", "cpu:1", "CPU", ""])
def test_unknown_devices_answer_with_the_known(tiny: Path, device: str):
    with pytest.raises(ConfigError, match="known are auto, cpu, openvino, cuda and cuda:N"):
        Translator.open(tiny, device)


def test_unknown_precision(tiny: Path):
    with pytest.raises(ConfigError, match="known are auto, fp32, fp16, bf16"):
        Translator.open(tiny, precision="int8")


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_driver_is_an_error_with_the_reason(tiny: Path, device: str):
    with pytest.raises(DeviceError, match=r"cuda:\d cannot be used: this machine has no NVIDIA driver"):
        Translator.open(tiny, device)


class CpuSession:
    """What ONNX Runtime gives where CUDA does not load: a session on the CPU, and no error."""

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_a_cuda_session_that_landed_on_the_cpu_is_an_error(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(backends.ctypes, "CDLL", lambda *_: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write("libcudnn.so.9 is missing\nsee there\n"))
    monkeypatch.setattr(backends, "_session", lambda *_: CpuSession())
    with pytest.raises(DeviceError, match=r"libcudnn.so.9 is missing\. .*\.\[cuda\]"):
        Translator.open(tiny, "cuda")


@pytest.mark.usefixtures("no_driver")
def test_auto_says_what_it_chose_and_why(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    chosen = Translator.open(tiny, precision="fp32")
    assert chosen.device == "OpenVINO CPU fp32"
    assert "no NVIDIA driver" in chosen.why
    monkeypatch.setattr(backends.platform, "machine", lambda: "arm64")
    assert Translator.open(tiny).device == "ONNX Runtime CPU fp32"


@pytest.mark.usefixtures("no_driver")
def test_auto_goes_on_where_openvino_is_not_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(sys.modules, "openvino", None)
    chosen = Translator.open(tiny)
    assert chosen.device == "ONNX Runtime CPU fp32"
    assert "openvino cannot be used" in chosen.why
    with pytest.raises(DeviceError, match="openvino cannot be used"):
        Translator.open(tiny, "openvino")


def test_precisions_that_the_device_lacks_are_errors(tiny: Path):
    with pytest.raises(DeviceError, match="fp32 only, not in bf16"):
        Translator.open(tiny, "cpu", precision="bf16")
    with pytest.raises(DeviceError, match="fp32 only"):
        Translator.open(tiny, "cuda", precision="fp16")


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
    ("default", "listed", "normalization", "expected"),
    [
        ("bf16", ["FP32", "BF16", "FP16", "INT8"], "none", "fp16"),  # AMX
        ("bf16", ["FP32", "BF16", "INT8"], "fixed", "bf16"),  # AVX-512 with bf16
        ("f32", ["FP32", "BF16", "INT8"], "none", "fp32"),  # bf16 emulated only
        ("f32", ["FP32", "INT8"], "none", "fp32"),
        ("bf16", ["FP32", "BF16", "FP16"], "picture", "fp32"),
    ],
)
def test_precision_follows_the_processor_and_the_model(
    tmp_path: Path, default: str, listed: list[str], normalization: str, expected: str
):
    _, manifest = load_model(make_model(tmp_path / "m.onnx", normalization=normalization))
    precision, reason = backends._openvino_precision(Plugin(default, listed), manifest)
    assert precision == expected
    assert reason


def test_automatic_precision_keeps_50_db(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx", radius=8, width=32, scale=2)
    picture = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)
    exact, fast = (Translator.open(path, "openvino", precision=p) for p in ("fp32", "auto"))
    if fast.device == exact.device:
        pytest.skip("this processor has no arithmetic faster than fp32")
    assert fast.device in ("OpenVINO CPU fp16", "OpenVINO CPU bf16")
    exact, fast = exact(picture), fast(picture)
    assert not np.array_equal(exact, fast)
    assert -10 * np.log10(np.mean((exact - fast) ** 2) + 1e-12) >= 50


def test_runtimes_agree(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx", radius=4, normalization="picture")
    batch = np.random.default_rng(0).random((2, 3, 17, 23)).astype(np.float32)
    data, manifest = load_model(path)
    first, second = (open_backend(data, manifest, device, "fp32").run(batch) for device in ("cpu", "openvino"))
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_model_that_the_runtime_does_not_take(tiny: Path, device: str):
    _, manifest = load_model(tiny)
    with pytest.raises(BadModelFile, match="does not take the model tiny"):
        open_backend(b"\x08\x0a", manifest, device)


@pytest.mark.usefixtures("no_driver")
def test_auto_goes_on_where_a_runtime_does_not_take_the_model(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise BadModelFile("OpenVINO does not take the model tiny: an operator.")

    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    monkeypatch.setitem(backends.OPENERS, "openvino", refuse)
    chosen = Translator.open(tiny)
    assert chosen.device == "ONNX Runtime CPU fp32"
    assert "OpenVINO does not take the model tiny: an operator; so cpu" in chosen.why


@pytest.mark.usefixtures("no_driver")
def test_auto_says_that_no_runtime_takes_the_model(tiny: Path):
    _, manifest = load_model(tiny)
    with pytest.raises(BadModelFile, match="does not take the model tiny"):
        open_backend(b"\x08\x0a", manifest)


def test_onnx_runtime_does_not_fall_back_by_itself(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Its default is to print "EP Error ... Falling back" and to go on without the provider."""
    onnxruntime = pytest.importorskip("onnxruntime")
    data, _ = load_model(tiny)
    failing = onnxruntime.InferenceSession._create_inference_session

    def fail(self: object, providers: list, *arguments: object) -> None:
        if providers == ["XExecutionProvider"]:
            raise RuntimeError("out of memory")
        failing(self, providers, *arguments)

    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        backends._session(data, ["XExecutionProvider"])
    assert not backends._session(data, ["CPUExecutionProvider"])._enable_fallback  # what `run` looks at
    assert capfd.readouterr().out == ""


def test_cuda_that_fails_on_the_model_is_an_error_of_the_device(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    onnxruntime = pytest.importorskip("onnxruntime")

    def full(*_: object) -> None:
        raise RuntimeError("CUDA failure 2: out of memory")

    monkeypatch.setattr(backends.ctypes, "CDLL", lambda *_: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(backends, "_session", full)
    with pytest.raises(DeviceError, match="cuda:0 cannot be used for tiny: CUDA failure 2: out of memory"):
        Translator.open(tiny, "cuda")


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
    monkeypatch.setattr(backends, "_openvino_precision", lambda *_: ("fp16", "a mistake"))
    compile_model = openvino.Core.compile_model
    monkeypatch.setattr(
        openvino.Core,
        "compile_model",
        lambda core, model, device, settings: compile_model(
            core, model, device, settings | {"INFERENCE_PRECISION_HINT": "f32"}
        ),
    )
    with pytest.raises(DeviceError, match="computes in f32, not in fp16"):
        Translator.open(tiny, "openvino")


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_failure_while_running_names_device_and_size(tmp_path: Path, device: str):
    data, manifest = load_model(make_model(tmp_path / "m.onnx", scale=1, multiple=4))
    backend = open_backend(data, manifest, device)
    with pytest.raises(DeviceError, match=r"failed on 6 x 5 pixels; .*--tile"):
        backend.run(np.zeros((1, 3, 5, 6), np.float32))
    assert backend.run(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("program", ["from translate import Translator; Translator.open({!r}, 'cpu')", RUN_IN_EXPORT])
def test_onnx_runtime_reports_to_nobody(tiny: Path, tmp_path: Path, program: str):
    """Unless told not to, it leaves an identifier in these folders and sends events to its maker."""
    places = dict.fromkeys(("TMPDIR", "HOME", "XDG_CACHE_HOME"), str(tmp_path))
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"} | places
    subprocess.run([sys.executable, "-c", program.format(str(tiny))], check=True, env=environment)
    assert list(tmp_path.rglob("*")) == []


def test_imports_wait_until_they_are_needed(tiny: Path):
    """Importing brings no runtime, running brings no torch, and neither writes a line."""
    program = (
        "import sys; from translate import Translator; "
        "assert not {'onnx', 'onnxruntime', 'openvino', 'torch'} & sys.modules.keys(); import numpy; "
        f"[Translator.open({str(tiny)!r}, d)(numpy.zeros((5, 5, 3), 'uint8')) for d in ('auto', 'cpu')]; "
        "assert 'torch' not in sys.modules; print('done')"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert (seen.stdout, seen.stderr) == ("done\n", "")
