"""NVIDIA GPUs through ONNX Runtime: CUDA, and TensorRT, which builds an engine for one model and GPU."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import hashlib
import io
import logging
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from models.errors import DeviceError
from models.manifest import INPUT, Manifest
from translate.inference.cache import cache_folder
from translate.inference.nvidia import Gpu, find_gpu
from translate.inference.onnxruntime_backend import OnnxRuntime, OnnxRuntimeGraph, import_onnxruntime
from translate.inference.precision import ENOUGH_DB, good_enough, how_near
from translate.inference.protocols import Runtime

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
SHARE = 0.8
"""Most of a GPU's memory that one session may take; the rest is for its desktop and for other programs."""
LARGEST = (4, 1024)
"""Most pictures at a time, and most pixels of a side, that a TensorRT engine is built for; beyond, it builds anew."""

log = logging.getLogger(__name__)


def open_cuda(manifest: Manifest, which: str, precision: str) -> OnnxRuntime:
    """CUDA on one GPU.

    Raises:
        DeviceError: no such GPU, it does not load, or it does not compute in this precision; says why.
    """
    number = int(which or 0)
    device = f"cuda:{number}"
    if precision == "bf16":
        raise DeviceError(f"{device} computes in fp32 or fp16 here, not in bf16; --device tensorrt has bf16.")
    gpu = find_gpu(number)
    check_loads(CUDA, device, gpu)
    options = cuda_options(number, gpu)
    exact = OnnxRuntime(
        f"ONNX Runtime {device} fp32", "fp32", "", manifest.name, CUDA, options | {"use_tf32": "0"}, ("cuda", number)
    )
    if precision == "fp16" or (precision == "auto" and good_enough(manifest, "fp16") and gpu.capability >= (7, 0)):
        note = "" if precision == "fp16" else how_near(manifest, "fp16")
        return dataclasses.replace(exact, device=f"ONNX Runtime {device} fp16", precision="fp16", note=note, fp32=exact)
    # TF32 has the range of bf16, and three more bits of each number.
    if precision == "auto" and good_enough(manifest, "bf16") and gpu.capability >= (8, 0):
        return dataclasses.replace(
            exact,
            device=f"ONNX Runtime {device} fp32 (TF32)",
            note=how_near(manifest, "bf16") + ", TF32 more",
            options=options | {"use_tf32": "1"},
            fp32=exact,
        )
    return exact


def cuda_options(number: int, gpu: Gpu) -> dict[str, str]:
    """What CUDA is asked for: no second-long search for each new size, and no more memory than it needs."""
    return {
        "device_id": f"{number}",
        "cudnn_conv_algo_search": "HEURISTIC",
        "gpu_mem_limit": f"{int(SHARE * gpu.bytes)}",
        "arena_extend_strategy": "kSameAsRequested",
    }


@dataclass(frozen=True)
class TensorRt:
    """TensorRT on one GPU, in a lower precision."""

    device: str
    precision: str
    note: str
    manifest: Manifest
    number: int
    cuda: OnnxRuntime
    """CUDA on the same GPU, for what is not worth an engine."""

    def compile(self, graph: bytes) -> OnnxRuntimeGraph:
        """Build an engine, or load the one that an earlier start kept; pieces of a model get CUDA.

        An engine for each of a model's pieces would take minutes each, and they are not of one size.
        """
        if not takes_pictures(graph):
            return self.cuda.compile(graph)
        options = tensorrt_options(self.manifest, self.number, self.precision)
        # ONNX Runtime tells models apart by their graphs, not by their weights.
        root = cache_folder("tensorrt")
        if root:
            folder = root / hashlib.sha256(graph).hexdigest()[:32]
            folder.mkdir(exist_ok=True)
            place = str(folder)
            options |= {
                "trt_engine_cache_enable": "1",
                "trt_engine_cache_path": place,
                "trt_timing_cache_enable": "1",
                "trt_timing_cache_path": place,
            }
        if not root or not any(folder.glob("*.engine")):
            log.warning(
                "TensorRT builds an engine for %s on cuda:%d. This takes minutes%s.",
                self.manifest.name,
                self.number,
                "; it is kept for the next start" if root else "",
            )
        runtime = dataclasses.replace(
            self.cuda, device=self.device, precision="fp32", provider=TENSORRT, options=options
        )
        return runtime.compile(graph)

    def exact(self) -> Runtime:
        """CUDA's: TensorRT rounds fp32 to TF32."""
        return self.cuda.exact()


def open_tensorrt(manifest: Manifest, which: str, precision: str) -> TensorRt:
    """TensorRT on one GPU.

    Raises:
        DeviceError: no such GPU, it does not load, or it does not compute in this precision; says why.
    """
    number = int(which or 0)
    device = f"tensorrt:{number}"
    check_loads(TENSORRT, device, find_gpu(number))
    if precision == "fp32":
        raise DeviceError(f"{device} rounds fp32 to TF32; for exact fp32 use --device cuda:{number}.")
    wanted, note = precision, ""
    if precision == "auto":
        wanted = next((lower for lower in ("fp16", "bf16") if good_enough(manifest, lower)), "")
        # It is free to take statistics in fp16, which flat pictures amplify; CUDA is told not to.
        if not wanted or manifest.normalization == "picture":
            raise DeviceError(
                f"{device} is not for {manifest.name}: no lower precision is known to keep {ENOUGH_DB:.0f} dB "
                f"there. Use --device cuda:{number}, or name a precision with --precision."
            )
        note = how_near(manifest, wanted)
    cuda = open_cuda(manifest, which, "fp16" if wanted == "fp16" else "fp32")
    return TensorRt(f"TensorRT cuda:{number} {wanted}", wanted, note, manifest, number, cuda)


def tensorrt_options(manifest: Manifest, number: int, precision: str) -> dict[str, str]:
    """One engine for all sizes up to LARGEST, so that none is built while pictures wait."""
    count, side = LARGEST
    largest = side // manifest.multiple * manifest.multiple
    least = -(-manifest.minimum // manifest.multiple) * manifest.multiple
    usual = max(least, min(512, largest) // manifest.multiple * manifest.multiple)
    shapes = {
        "min": (1, least),
        "opt": (1, usual),
        "max": (count, max(least, largest)),
    }
    return {
        "device_id": f"{number}",
        f"trt_{precision}_enable": "1",
        **{
            f"trt_profile_{name}_shapes": f"{INPUT}:{n}x{manifest.channels}x{pixels}x{pixels}"
            for name, (n, pixels) in shapes.items()
        },
    }


def takes_pictures(graph: bytes) -> bool:
    """Whether a graph has the model's one input."""
    import onnx

    model = onnx.load_model_from_string(graph)
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value.name for value in model.graph.input if value.name not in weights] == [INPUT]


def check_loads(provider: str, device: str, gpu: Gpu) -> None:
    """Load a provider's libraries: ONNX Runtime itself only logs that it cannot, and goes on without.

    Raises:
        DeviceError: they do not load; says which library or version is missing, and where to get it.
    """
    onnxruntime = import_onnxruntime()
    version, wheels = onnxruntime.__version__, onnxruntime_wheels()
    if len(wheels) > 1:
        raise DeviceError(f"{device} cannot be used: {both_wheels(wheels)}")
    if provider not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"{device} cannot be used: the installed {' '.join(wheels) or 'onnxruntime'} {version} is built without "
            "it. Uninstall it and install onnxruntime-gpu in its place."
        )
    built_for = onnxruntime.cuda_version.partition(".")[0]
    if built_for and gpu.cuda[0] < int(built_for):
        raise DeviceError(
            f"{device} cannot be used: onnxruntime-gpu {version} needs CUDA {built_for}, and the driver of this "
            f"{gpu.name} runs CUDA up to {gpu.cuda[0]}.{gpu.cuda[1]}. Update the NVIDIA driver."
        )
    complaints = io.StringIO()
    with contextlib.redirect_stdout(complaints):
        onnxruntime.preload_dlls()
    library = "onnxruntime_providers_{}.dll" if sys.platform == "win32" else "libonnxruntime_providers_{}.so"
    try:
        for name in ("shared", "cuda" if provider == CUDA else "tensorrt"):
            path = Path(onnxruntime.__file__).parent / "capi" / library.format(name)
            ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    except OSError as error:
        reason = complaints.getvalue().strip().partition("\n")[0]
        fix = (
            "Missing libraries come with the extra 'cuda': pip install '.[cuda]' in the application's source."
            if provider == CUDA
            else "TensorRT comes with pip install tensorrt-cu13 (the number is CUDA's), "
            "its folder in LD_LIBRARY_PATH; or use --device cuda."
        )
        raise DeviceError(f"{device} cannot be used: {error}{f' ({reason})' if reason else ''}. {fix}") from None


def onnxruntime_wheels() -> list[str]:
    """The installed wheels of ONNX Runtime, of those that bring the same folder."""
    installed = []
    for variant in ("", "-gpu", "-directml", "-openvino", "-qnn", "-rocm", "-migraphx"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            metadata.version(f"onnxruntime{variant}")
            installed.append(f"onnxruntime{variant}")
    return installed


def both_wheels(wheels: list[str]) -> str:
    """What is wrong with more than one, and the fix."""
    return (
        f"{' and '.join(wheels)} are installed together; they share one folder, and parts of one overwrite the "
        f"other. Run pip uninstall -y {' '.join(wheels)}, then pip install {wheels[-1]}."
    )
