"""The runtimes that execute a model file's bytes, and the choice among them. Nobody falls back in silence."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModelFile, ConfigError, DeviceError
from models.manifest import INPUT, OUTPUT, Manifest

# ONNX Runtime would send events to its maker, and reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

Batch = NDArray[np.float32]
"""[N, C, H, W] in [0, 1], contiguous."""

PRECISIONS = ("auto", "fp32", "fp16", "bf16")


class Backend(Protocol):
    """A model on a device. `run` may be called from several threads at once."""

    @property
    def device(self) -> str:
        """What it runs on, for people."""

    @property
    def why(self) -> str:
        """Why there: a sentence."""

    def run(self, batch: Batch) -> Batch:
        """One pass; sizes as the Manifest demands."""


class OnnxRuntime:
    """ONNX Runtime; its sessions may be shared between threads."""

    def __init__(self, session: Any, device: str, why: str) -> None:
        self.session, self.device, self.why = session, device, why

    def run(self, batch: Batch) -> Batch:
        try:
            result: Batch = self.session.run([OUTPUT], {INPUT: batch})[0]
        except Exception as error:  # the runtime's errors have no common root
            raise _failed(self.device, batch, error) from error
        return result


class OpenVino:
    """OpenVINO; each call takes a request out of a pool, since a request holds the tensors of one call."""

    def __init__(self, compiled: Any, device: str, why: str) -> None:
        self.compiled, self.device, self.why = compiled, device, why
        self.idle: list[Any] = []

    def run(self, batch: Batch) -> Batch:
        try:
            request = self.idle.pop()  # atomic, as is append
        except IndexError:
            request = self.compiled.create_infer_request()
        try:
            result: Batch = request.infer({INPUT: batch}, share_inputs=True)[OUTPUT]
        except RuntimeError as error:
            raise _failed(self.device, batch, error) from error
        self.idle.append(request)
        return result


def open_backend(model: bytes, manifest: Manifest, device: str = "auto", precision: str = "auto") -> Backend:
    """Load a model file's bytes onto a device.

    Args:
        device: auto, cpu, openvino, cuda or cuda:N.
        precision: auto, fp32, fp16 or bf16.
    Raises:
        DeviceError: what was asked for by name cannot be had, with the reason.
        BadModelFile: the runtime does not take the model; with auto, none does.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}.")
    if device == "auto":
        return _open_auto(model, manifest, precision)
    kind, colon, number = device.partition(":")
    if kind not in OPENERS or (colon and (kind != "cuda" or not number.isdecimal())):
        raise ConfigError(f"unknown device {device!r}; known are auto, cpu, openvino, cuda and cuda:N.")
    return OPENERS[kind](model, manifest, int(number or 0), precision, "asked for")


def _open_auto(model: bytes, manifest: Manifest, precision: str) -> Backend:
    """CUDA where it truly loads; then OpenVINO, the fastest on x86 processors; then ONNX Runtime."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    reasons: list[str] = []
    refusal: BadModelFile | None = None
    for kind in ("cuda", "openvino", "cpu") if x86 else ("cuda", "cpu", "openvino"):
        try:
            return OPENERS[kind](model, manifest, 0, precision, "; ".join([*reasons, f"so {kind}"]))
        except (DeviceError, BadModelFile) as error:
            reasons.append(str(error).rstrip("."))
            refusal = error if isinstance(error, BadModelFile) else refusal
    if refusal:
        raise refusal
    raise DeviceError(f"no device can run this with precision {precision}: {'; '.join(reasons)}.")


def _open_cpu(model: bytes, manifest: Manifest, number: int, precision: str, why: str) -> Backend:
    if precision not in ("auto", "fp32"):
        raise DeviceError(
            f"ONNX Runtime's CPU kernels compute in fp32 only, not in {precision}; try --device openvino."
        )
    try:
        session = _session(model, ["CPUExecutionProvider"])
    except Exception as error:
        raise BadModelFile(f"ONNX Runtime does not take the model {manifest.name}: {error}") from error
    return OnnxRuntime(session, "ONNX Runtime CPU fp32", f"{why}.")


def _open_cuda(model: bytes, manifest: Manifest, number: int, precision: str, why: str) -> Backend:
    device = f"cuda:{number}"
    if precision not in ("auto", "fp32"):
        raise DeviceError(f"{device} runs models in fp32 only so far, not in {precision}.")
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        raise DeviceError(f"{device} cannot be used: this machine has no NVIDIA driver.") from None
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise DeviceError(f"{device} cannot be used: the installed onnxruntime {onnxruntime.__version__} has no CUDA.")
    complaints = io.StringIO()
    with contextlib.redirect_stdout(complaints):
        onnxruntime.preload_dlls()
    # TF32 keeps 10 bits of a product: enough for 8-bit pictures, but statistics of flat pictures amplify it
    exact = precision == "fp32" or manifest.normalization == "picture"
    options = {"device_id": number, "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0" if exact else "1"}
    try:
        session = _session(model, [("CUDAExecutionProvider", options)])
    except Exception as error:  # such as too little of its memory left
        raise DeviceError(f"{device} cannot be used for {manifest.name}: {error}") from error
    if "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(f"{device} cannot be used: {_why_no_cuda(Path(onnxruntime.__file__), complaints.getvalue())}")
    return OnnxRuntime(session, f"ONNX Runtime {device} {'fp32' if exact else 'fp32 (TF32)'}", f"{why}; CUDA loads.")


def _why_no_cuda(package: Path, complaints: str) -> str:
    """The loader's own words: ONNX Runtime only logs them and goes on without CUDA."""
    try:
        for name in ("shared", "cuda"):
            library = "onnxruntime_providers_{}.dll" if sys.platform == "win32" else "libonnxruntime_providers_{}.so"
            ctypes.CDLL(str(package.parent / "capi" / library.format(name)), ctypes.RTLD_GLOBAL)
    except OSError as error:
        reason = str(error)
    else:
        reason = complaints.strip().partition("\n")[0] or "ONNX Runtime found no such GPU, or not one that it supports"
    return f"{reason}. Missing libraries come with the extra 'cuda': pip install '.[cuda]' in the application's source"


def _session(model: bytes, providers: list[Any]) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # what matters of the log is raised as an error here
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = _cores()
    # Its own fallback would print to standard output and go on without the provider, here or in a later run.
    return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)


def _open_openvino(model: bytes, manifest: Manifest, number: int, precision: str, why: str) -> Backend:
    try:
        import openvino
    except ImportError as error:
        raise DeviceError(f"openvino cannot be used: {error}.") from None
    core = openvino.Core()
    wanted = precision
    if precision == "auto":
        wanted, reason = _openvino_precision(core, manifest)
        why = f"{why}; {wanted} as {reason}"
    hint = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}[wanted]
    # It keeps compiled code for each size of picture it has seen, by default of thousands: 90 MB per 250 sizes.
    settings = {"INFERENCE_PRECISION_HINT": hint, "CPU_RUNTIME_CACHE_CAPACITY": "16"}
    try:
        compiled = core.compile_model(core.read_model(model), "CPU", settings)
    except RuntimeError as error:
        raise BadModelFile(f"OpenVINO does not take the model {manifest.name}: {error}") from error
    given = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if given != hint:
        raise DeviceError(f"this processor computes in {given}, not in {wanted}; leave the choice to --precision auto.")
    return OpenVino(compiled, f"OpenVINO CPU {wanted}", f"{why}.")


def _openvino_precision(core: Any, manifest: Manifest) -> tuple[str, str]:
    """The fastest arithmetic that keeps 50 dB against fp32, and the reason.

    Measured on 16 convolutions of 64 channels: with AMX, fp16 is 6 to 9 times as fast as fp32 at 81 dB (bf16:
    as fast, 63 dB); with the bf16 instructions of AVX-512 but no AMX, bf16 is twice as fast at 68 dB.
    """
    if manifest.normalization == "picture":
        return "fp32", "statistics of flat pictures amplify the rounding of anything less"
    # The listed capabilities include what is only emulated; the plugin's own default never is.
    default = core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    if default == "f32":
        return "fp32", "this processor has no faster arithmetic"
    listed = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    wanted = "fp16" if "FP16" in listed else "bf16"
    return wanted, f"this processor has instructions for {wanted}"


def _cores() -> int:
    """Cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _failed(device: str, batch: Batch, error: Exception) -> DeviceError:
    height, width = batch.shape[2:]
    return DeviceError(
        f"{device} failed on {width} x {height} pixels; if memory is short, try a smaller --tile. It said: {error}"
    )


OPENERS: dict[str, Callable[[bytes, Manifest, int, str, str], Backend]] = {
    "cpu": _open_cpu,
    "openvino": _open_openvino,
    "cuda": _open_cuda,
}
