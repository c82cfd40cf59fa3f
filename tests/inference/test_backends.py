import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import make_model

from models.errors import BadModelFile, ConfigError, DeviceError
from translate import Translator
from translate.inference import backends, nvidia, onnxruntime_backend, openvino_backend
from translate.inference.backends import open_backend
from translate.inference.model_file import load_model

NEAR = {"fp16": 99.0, "bf16": 99.0}
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

    monkeypatch.setattr(nvidia.ctypes, "CDLL", refuse)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((one - other) ** 2) + 1e-12))


def test_devices_say_what_they_are(tiny: Path):
    assert Translator.open(tiny, "cpu").device == "ONNX Runtime CPU fp32"
    assert Translator.open(tiny, "cpu").why == "asked for."
    assert Translator.open(tiny, "openvino", precision="fp32").device == "OpenVINO CPU fp32"


@pytest.mark.parametrize("device", ["nonsense", "cuda:x", "cuda:", "tensorrt:x", "cpu:1", "CPU", "openvino:", ""])
def test_unknown_devices_answer_with_the_known(tiny: Path, device: str):
    with pytest.raises(ConfigError, match=r"known are auto, cpu, openvino, .*cuda:N, tensorrt, .*onnxruntime:PROVIDER"):
        Translator.open(tiny, device)


def test_unknown_precision(tiny: Path):
    with pytest.raises(ConfigError, match="known are auto, fp32, fp16, bf16"):
        Translator.open(tiny, precision="int8")


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt", "onnxruntime:CUDA"])
def test_cuda_without_a_driver_is_an_error_with_the_reason(tiny: Path, device: str):
    with pytest.raises(DeviceError, match=r"cuda:\d cannot be used: this machine has no NVIDIA driver"):
        Translator.open(tiny, device)


@pytest.mark.usefixtures("no_driver")
def test_auto_says_what_it_chose_and_why(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    chosen = Translator.open(tiny, precision="fp32")
    assert chosen.device == "OpenVINO CPU fp32"
    assert chosen.why == "the fastest that works here."
    monkeypatch.setattr(backends.platform, "machine", lambda: "arm64")
    assert Translator.open(tiny).device == "ONNX Runtime CPU fp32"


def not_installed() -> None:
    raise ImportError("No module named 'openvino'")


@pytest.mark.usefixtures("no_driver")
def test_auto_goes_on_where_openvino_is_not_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(openvino_backend, "openvino_core", not_installed)
    chosen = Translator.open(tiny)
    assert chosen.device == "ONNX Runtime CPU fp32"
    assert chosen.why == "the fastest that works here (openvino does not: see translate doctor)."
    with pytest.raises(DeviceError, match="openvino cannot be used"):
        Translator.open(tiny, "openvino")


def test_precisions_that_the_device_lacks_are_errors(tiny: Path):
    with pytest.raises(DeviceError, match="fp32 only, not in bf16"):
        Translator.open(tiny, "cpu", precision="bf16")


@pytest.mark.usefixtures("no_driver")
def test_a_precision_that_no_device_has(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openvino_backend, "openvino_core", not_installed)
    with pytest.raises(DeviceError, match=r"no device can run tiny with precision fp16\. .*no NVIDIA.*fp32 only"):
        Translator.open(tiny, precision="fp16")


@pytest.mark.parametrize(("name", "device"), [("CPU", "CPU fp32"), ("cpu", "CPU fp32"), ("coreml", "CoreML fp16")])
def test_providers_are_known_by_their_short_names(tiny: Path, monkeypatch: pytest.MonkeyPatch, name: str, device: str):
    listed = ["CoreMLExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: listed)
    _, manifest = load_model(tiny)
    ((kind, which),) = backends.find_candidates(f"onnxruntime:{name}")
    precision = "fp16" if device.endswith("fp16") else "fp32"
    runtime = backends.OPENERS[kind](manifest, which, precision)
    assert runtime.device == f"ONNX Runtime {device}"
    assert runtime.exact().device == f"ONNX Runtime {device.partition(' ')[0]} fp32"
    with pytest.raises(ConfigError, match=r"no provider 'Azure'; it has CoreML, CPU\."):
        Translator.open(tiny, "onnxruntime:Azure")
    with pytest.raises(DeviceError, match="fp32 or fp16 here, not in bf16"):
        Translator.open(tiny, "onnxruntime:CoreML", precision="bf16")


@pytest.mark.usefixtures("no_driver")
def test_onnxruntime_alone_takes_the_best_of_its_providers(tiny: Path):
    chosen = Translator.open(tiny, "onnxruntime")
    assert chosen.device == "ONNX Runtime CPU fp32"
    assert chosen.why == "the fastest that works here."


def test_a_provider_that_leaves_convolutions_to_the_processor_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    """A real session of ONNX Runtime's, all of it on the processor, asked about as if another had been wanted."""
    data, _ = load_model(tiny)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="found no such device"):
        onnxruntime_backend.check_placed(session, "DmlExecutionProvider", "a GPU")
    monkeypatch.setattr(session, "get_providers", lambda: ["DmlExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="would leave 2 of its 2 convolutions to the processor"):
        onnxruntime_backend.check_placed(session, "DmlExecutionProvider", "a GPU")


def test_pictures_of_more_than_8_bits_have_an_exact_backend(tmp_path: Path):
    data, manifest = load_model(make_model(tmp_path / "m.onnx", radius=8, width=32, precisions=NEAR))
    fast = open_backend(data, manifest, "openvino")
    if fast.device == "OpenVINO CPU fp32":
        pytest.skip("this processor has no arithmetic faster than fp32")
    assert fast.device in ("OpenVINO CPU fp16", "OpenVINO CPU bf16")
    assert fast.why.startswith(f"asked for; {fast.device[-4:]} keeps 99 dB")
    assert fast.exact.device == "OpenVINO CPU fp32"
    assert fast.exact is fast.exact
    assert fast.exact.exact is fast.exact
    batch = np.random.default_rng(0).random((1, 3, 40, 40)).astype(np.float32)
    reference = open_backend(data, manifest, "cpu")
    assert reference.exact is reference
    np.testing.assert_allclose(fast.exact.run(batch), reference.run(batch), atol=1e-5)
    assert psnr(fast.run(batch), reference.run(batch)) >= 50
    assert not np.array_equal(fast.run(batch), fast.exact.run(batch))


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_other_graphs_run_on_the_same_device(tiny: Path, device: str):
    """Two inputs and three outputs, in the graph's order whatever their names; another shape each time."""
    backend = open_backend(*load_model(tiny), device)
    compiled = backend.compile(arithmetic())
    for shape in ((2, 3, 4, 5), (1, 3, 1, 1)):
        a, b = np.random.default_rng(0).random((2, *shape), np.float32)
        results = compiled({"b": b, "a": a})
        for result, expected in zip(results, (a - b, a + b, -a), strict=True):
            np.testing.assert_array_equal(result, expected)
    with pytest.raises(BadModelFile, match="does not take the model tiny"):
        backend.compile(b"\x08\x0a")
    with pytest.raises(DeviceError, match="failed on 5 x 4 pixels"):
        compiled({"a": np.zeros((1, 3, 4, 5), np.float32), "b": np.zeros((1, 3, 3, 2), np.float32)})


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_results_of_eight_threads_never_mix(tiny: Path, device: str):
    backend = open_backend(*load_model(tiny), device)
    graph = backend.compile(arithmetic())
    batches = [np.random.default_rng(seed).random((1, 3, 20 + seed % 3, 20), np.float32) for seed in range(48)]
    expected = [backend.run(batch) for batch in batches]

    def work(number: int) -> bool:
        batch = batches[number]
        result, (_, total, _) = backend.run(batch), graph({"a": batch, "b": batch})
        return np.array_equal(result, expected[number]) and np.array_equal(total, 2 * batch)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, [*range(48)] * 4))


def arithmetic() -> bytes:
    def values(*names: str) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", "h", "w"]) for name in names]

    nodes = [("Add", "ab", "sum"), ("Neg", "a", "minus"), ("Sub", "ab", "z")]
    graph = helper.make_graph(
        [helper.make_node(kind, [*inputs], [output]) for kind, inputs, output in nodes],
        "arithmetic",
        values("a", "b"),
        values("z", "sum", "minus"),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return model.SerializeToString()


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
    assert chosen.why == "the fastest that works here (openvino does not: see translate doctor)."


@pytest.mark.usefixtures("no_driver")
def test_auto_says_that_no_runtime_takes_the_model(tiny: Path):
    _, manifest = load_model(tiny)
    with pytest.raises(BadModelFile, match="does not take the model tiny"):
        open_backend(b"\x08\x0a", manifest)


def test_onnx_runtime_does_not_fall_back_by_itself(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Its default is to print "EP Error ... Falling back" and to go on without the provider."""
    data, _ = load_model(tiny)
    failing = onnxruntime.InferenceSession._create_inference_session

    def fail(self: object, providers: list, *arguments: object) -> None:
        if providers[0][0] == "XExecutionProvider":
            raise RuntimeError("out of memory")
        failing(self, providers, *arguments)

    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        onnxruntime_backend.open_session(data, "XExecutionProvider", {})
    assert not onnxruntime_backend.open_session(
        data, "CPUExecutionProvider", {}
    )._enable_fallback  # what `run` looks at
    assert capfd.readouterr().out == ""


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
