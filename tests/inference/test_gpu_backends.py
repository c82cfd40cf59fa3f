"""CUDA and TensorRT where there is neither: what they are asked for, and each reason they are refused for."""

import ctypes
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx_models import make_model

from models.errors import DeviceError
from models.manifest import Manifest
from translate.inference import backends, nvidia, onnxruntime_backend, onnxruntime_gpu
from translate.inference.backends import open_backend
from translate.inference.model_file import load_model
from translate.inference.nvidia import Gpu, find_gpu
from translate.inference.onnxruntime_gpu import check_loads, cuda_options, takes_pictures, tensorrt_options

HOPPER = Gpu("a GPU", 80 * 2**30, (9, 0), (13, 0))
PASCAL = Gpu("an old GPU", 8 * 2**30, (6, 1), (13, 0))
NEAR = {"fp16": 81.0, "bf16": 63.0}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", scale=1, precisions=NEAR)


class Driver:
    """NVIDIA's library, with GPUs of our choice."""

    def __init__(self, gpus: int = 2, code: int = 0, version: int = 13020) -> None:
        self.gpus, self.code, self.version = gpus, code, version

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self.code

    def cuDriverGetVersion(self, version: Any) -> None:  # noqa: N802
        version._obj.value = self.version

    def cuDeviceGetCount(self, count: Any) -> None:  # noqa: N802
        count._obj.value = self.gpus

    def cuDeviceGet(self, device: Any, number: int) -> None:  # noqa: N802
        device._obj.value = 70 + number

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> None:  # noqa: N802
        name.value = f"GPU {device.value}".encode()[: length - 1]

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> None:  # noqa: N802
        memory._obj.value = 80 * 2**30

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> None:  # noqa: N802
        value._obj.value = {75: 8, 76: 6}[attribute]


def test_the_driver_tells_what_a_gpu_is() -> None:
    assert find_gpu(1, Driver()) == Gpu("GPU 71", 80 * 2**30, (8, 6), (13, 2))


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (Driver(gpus=1), r"cuda:1 cannot be used: the NVIDIA driver shows cuda:0\."),
        (Driver(gpus=0), "shows no GPU"),
        (Driver(code=999), r"does not start \(error 999\)"),
    ],
)
def test_each_way_that_a_gpu_is_missing(driver: Driver, reason: str) -> None:
    with pytest.raises(DeviceError, match=reason):
        find_gpu(1, driver)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries of CUDA, cuDNN and TensorRT that load."""
    monkeypatch.setattr(onnxruntime_gpu.ctypes, "CDLL", lambda *_: None)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    listed = [onnxruntime_gpu.TENSORRT, onnxruntime_gpu.CUDA]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    monkeypatch.setattr(onnxruntime, "cuda_version", "13.0", raising=False)
    monkeypatch.setattr(onnxruntime_gpu, "onnxruntime_wheels", lambda: ["onnxruntime-gpu"])


@pytest.mark.usefixtures("loads")
def test_each_reason_that_libraries_do_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = onnxruntime_gpu.CUDA
    check_loads(provider, "cuda:0", HOPPER)
    old = Gpu("a GPU", 1, (9, 0), (12, 4))
    with pytest.raises(DeviceError, match=r"needs CUDA 13, and the driver of this a GPU runs CUDA up to 12\.4"):
        check_loads(provider, "cuda:0", old)

    def missing(name: str, *_: object) -> None:
        if "shared" not in name:
            raise OSError("libcudnn.so.9: cannot open shared object file")

    monkeypatch.setattr(onnxruntime_gpu.ctypes, "CDLL", missing)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write("no cuDNN in nvidia\nsee there\n"))
    with pytest.raises(DeviceError, match=r"libcudnn.so.9: .*\(no cuDNN in nvidia\)\. .*\.\[cuda\]"):
        check_loads(provider, "cuda:0", HOPPER)
    with pytest.raises(DeviceError, match=r"TensorRT comes with .*or use --device cuda"):
        check_loads(onnxruntime_gpu.TENSORRT, "tensorrt:0", HOPPER)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"built without it\. Uninstall it and install onnxruntime-gpu"):
        check_loads(provider, "cuda:0", HOPPER)
    monkeypatch.setattr(onnxruntime_gpu, "onnxruntime_wheels", lambda: ["onnxruntime", "onnxruntime-gpu"])
    with pytest.raises(DeviceError, match=r"installed together.*pip uninstall -y onnxruntime onnxruntime-gpu, then"):
        check_loads(provider, "cuda:0", HOPPER)


def test_the_installed_wheels_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(onnxruntime_gpu.onnxruntime_wheels()) == 1
    monkeypatch.setattr(onnxruntime_gpu.metadata, "version", lambda name: "1.0")
    assert {"onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"} <= set(onnxruntime_gpu.onnxruntime_wheels())


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, loads: None) -> None:
    """A GPU that CUDA and TensorRT load on; it cannot run anything."""
    monkeypatch.setattr(onnxruntime_gpu, "find_gpu", lambda number: HOPPER)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("measured", "gpu_is", "asked", "device", "tf32"),
    [
        (NEAR, HOPPER, "auto", "fp16", "0"),
        (NEAR, HOPPER, "fp32", "fp32", "0"),
        (NEAR, PASCAL, "auto", "fp32", "0"),
        ({}, HOPPER, "auto", "fp32", "0"),
        ({}, HOPPER, "fp16", "fp16", "0"),
        ({"fp16": 0.0, "bf16": 63.0}, HOPPER, "auto", "fp32 (TF32)", "1"),
        ({"fp16": 0.0, "bf16": 44.0}, HOPPER, "auto", "fp32", "0"),
    ],
)
def test_cuda_computes_in_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, measured: dict[str, float], gpu_is: Gpu, asked: str, device: str, tf32: str
) -> None:
    monkeypatch.setattr(onnxruntime_gpu, "find_gpu", lambda number: gpu_is)
    runtime = onnxruntime_gpu.open_cuda(describe(precisions=measured), "1", asked)
    assert runtime.device == f"ONNX Runtime cuda:1 {device}"
    assert runtime.options["use_tf32"] == tf32
    exact = runtime.exact()
    assert (exact.device, exact.options["use_tf32"]) == ("ONNX Runtime cuda:1 fp32", "0")
    assert exact.exact() is exact


def describe(**fields: Any) -> Manifest:
    return Manifest(name="tiny", task="translation", source="a", target="b", generator="none", **fields)


def test_cuda_is_asked_for_bounded_memory_and_no_search() -> None:
    assert cuda_options(1, HOPPER) == {
        "device_id": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
        "gpu_mem_limit": str(64 * 2**30),
        "arena_extend_strategy": "kSameAsRequested",
    }


@pytest.mark.usefixtures("gpu")
def test_precisions_that_a_gpu_lacks(tiny: Path) -> None:
    for device, precision, reason in (
        ("cuda", "bf16", "not in bf16; --device tensorrt has bf16"),
        ("tensorrt:1", "fp32", "rounds fp32 to TF32; for exact fp32 use --device cuda:1"),
    ):
        with pytest.raises(DeviceError, match=reason):
            open_backend(*load_model(tiny), device, precision)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("fields", "fits"), [({}, False), ({"precisions": NEAR, "normalization": "picture"}, False),
                                              ({"precisions": NEAR}, True)])  # fmt: skip
def test_tensorrt_takes_by_itself_only_what_was_measured(fields: dict[str, Any], fits: bool) -> None:
    if fits:
        runtime = onnxruntime_gpu.open_tensorrt(describe(**fields), "", "auto")
        assert (runtime.device, runtime.exact().device) == ("TensorRT cuda:0 fp16", "ONNX Runtime cuda:0 fp32")
        return
    with pytest.raises(DeviceError, match=r"tensorrt:0 is not for tiny: .*50 dB there\. Use --device cuda:0"):
        onnxruntime_gpu.open_tensorrt(describe(**fields), "", "auto")


@pytest.mark.parametrize(
    ("multiple", "minimum", "sides"), [(1, 1, (1, 512, 1024)), (256, 256, (256, 512, 1024)), (48, 2000, (2016,) * 3)]
)
def test_one_tensorrt_engine_serves_all_sizes(multiple: int, minimum: int, sides: tuple[int, int, int]) -> None:
    options = tensorrt_options(describe(multiple=multiple, minimum=minimum), 0, "bf16")
    assert options["trt_bf16_enable"] == "1"
    for (name, count), side in zip((("min", 1), ("opt", 1), ("max", 4)), sides, strict=True):
        assert options[f"trt_profile_{name}_shapes"] == f"image:{count}x3x{side}x{side}"


class Session:
    """What ONNX Runtime gives where the GPU loads."""

    def get_outputs(self) -> list[Any]:
        return []


@pytest.mark.usefixtures("gpu")
def test_tensorrt_engines_are_kept_by_their_weights_and_announced(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setenv("TRANSLATE_CACHE", str(tmp_path))
    monkeypatch.setattr(
        onnxruntime_backend, "open_session", lambda graph, *provider: asked.append(provider) or Session()
    )
    monkeypatch.setattr(onnxruntime_backend, "check_placed", lambda *_: None)
    data, manifest = load_model(tiny)
    other, _ = load_model(make_model(tmp_path / "other.onnx", scale=1, seed=1, precisions=NEAR))
    runtime = onnxruntime_gpu.open_tensorrt(manifest, "", "auto")
    with caplog.at_level(logging.WARNING):
        for graph in (data, other):
            runtime.compile(graph)
    assert caplog.text.count("TensorRT builds an engine for tiny on cuda:0. This takes minutes; it is kept") == 2
    (one, first), (_, second) = asked
    assert one == onnxruntime_gpu.TENSORRT
    assert first["trt_engine_cache_path"] != second["trt_engine_cache_path"]
    assert first["trt_timing_cache_path"].startswith(str(tmp_path))
    (Path(first["trt_engine_cache_path"]) / "x.engine").write_bytes(b"")
    caplog.clear()
    runtime.compile(data)
    assert caplog.text == ""


def test_pieces_of_a_model_get_cuda(tiny: Path) -> None:
    data, _ = load_model(tiny)
    assert takes_pictures(data)
    assert not takes_pictures(data.replace(b"image", b"piece"))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("error", ["CUDA failure 2: out of memory", "no kernel image"])
def test_what_fails_on_the_model_is_an_error_of_the_device(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(onnxruntime_backend, "open_session", fail)
    with pytest.raises(DeviceError, match=f"cuda:0 fp16 cannot be used for tiny: {error}"):
        open_backend(*load_model(tiny), "cuda")


@pytest.mark.usefixtures("gpu")
def test_auto_goes_on_where_a_gpu_fails_at_its_first_picture(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, and has no code for this GPU: only running tells."""

    class Fails:
        def __call__(self, feeds: Any) -> Any:
            raise DeviceError("no kernel image")

    compile_graph = onnxruntime_backend.OnnxRuntime.compile
    monkeypatch.setattr(
        onnxruntime_backend.OnnxRuntime,
        "compile",
        lambda runtime, graph: Fails() if "cuda" in runtime.device else compile_graph(runtime, graph),
    )
    monkeypatch.setattr(backends.platform, "machine", lambda: "arm64")
    chosen = open_backend(*load_model(tiny))
    assert chosen.device == "ONNX Runtime CPU fp32"
    assert chosen.why == "the fastest that works here (cuda does not: see translate doctor)."
    with pytest.raises(DeviceError, match="no kernel image"):
        open_backend(*load_model(tiny), "cuda")


def test_bound_results_are_those_of_a_plain_run(tiny: Path) -> None:
    """The way that GPUs take, on the processor."""
    data, _ = load_model(tiny)
    session = onnxruntime_backend.open_session(data, "CPUExecutionProvider", {})
    batch = np.random.default_rng(0).random((2, 3, 9, 8), np.float32)
    plain = onnxruntime_backend.OnnxRuntimeGraph(session, "here", ("cpu", 0))({"image": batch})
    bound = onnxruntime_backend.OnnxRuntimeGraph(session, "here", ("cpu", 0))._bound({"image": batch})
    np.testing.assert_array_equal(plain[0], bound[0])


def test_this_machine_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> ctypes.CDLL:
        raise OSError

    monkeypatch.setattr(nvidia.ctypes, "CDLL", refuse)
    with pytest.raises(nvidia.NoDriver, match="cuda:3 cannot be used: this machine has no NVIDIA driver"):
        find_gpu(3)
