"""A model file's bytes onto a device, and the choice among devices. Nobody falls back in silence."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable

import numpy as np

from models.errors import BadModelFile, ConfigError, DeviceError, TranslateError
from models.manifest import INPUT, Manifest
from translate.inference.nvidia import NoDriver
from translate.inference.onnxruntime_backend import open_cpu, open_provider, providers
from translate.inference.onnxruntime_gpu import open_cuda, open_tensorrt
from translate.inference.openvino_backend import open_openvino
from translate.inference.protocols import PRECISIONS, Backend, Batch, Compiled, Feeds, Runtime
from translate.inference.tiles import round_up

__all__ = ["PRECISIONS", "Backend", "Batch", "Compiled", "Feeds", "Loaded", "open_backend"]


class Loaded:
    """A model, compiled by a runtime: the one `Backend`."""

    def __init__(self, runtime: Runtime, model: bytes, why: str) -> None:
        self.runtime, self.why = runtime, why
        self._model = model
        self._compiled = runtime.compile(model)
        self._exact: Backend | None = None
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        return self.runtime.device

    @property
    def exact(self) -> Backend:
        with self._lock:
            if self._exact is None:
                runtime = self.runtime.exact()
                self._exact = self if runtime is self.runtime else Loaded(runtime, self._model, self.why)
            return self._exact

    def run(self, batch: Batch) -> Batch:
        return self._compiled({INPUT: batch})[0]

    def compile(self, graph: bytes) -> Compiled:
        return self.runtime.compile(graph)


def open_backend(model: bytes, manifest: Manifest, device: str = "auto", precision: str = "auto") -> Backend:
    """Load a model file's bytes onto a device.

    Args:
        device: auto; cpu; openvino, openvino:GPU or openvino:NPU; cuda, tensorrt, or one of a number, as cuda:1;
            onnxruntime (the fastest that it has) or onnxruntime:PROVIDER.
        precision: auto, fp32, fp16 or bf16.
    Raises:
        ConfigError: no such device or precision.
        DeviceError: what was asked for by name cannot be had, with the reason.
        BadModelFile: the runtime does not take the model; with auto, none does.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}.")
    candidates = find_candidates(device)
    if len(candidates) == 1:
        return _load(model, manifest, candidates[0], precision, "asked for")
    failures: dict[str, TranslateError] = {}
    for candidate in candidates:
        broken = ", ".join(kind for kind, error in failures.items() if not isinstance(error, NoDriver))
        why = "the fastest that works here" + (f" ({broken} does not: see translate doctor)" if broken else "")
        try:
            return _load(model, manifest, candidate, precision, why)
        except (DeviceError, BadModelFile) as error:
            failures[":".join(filter(None, candidate))] = error
    for refusal in failures.values():
        if isinstance(refusal, BadModelFile):
            raise refusal
    reasons = " ".join(f"{error}" for error in failures.values())
    raise DeviceError(f"no device can run {manifest.name} with precision {precision}. {reasons}")


def find_candidates(device: str) -> list[tuple[str, str]]:
    """Kind and unit of what a device's name stands for, the fastest first; none of them has been tried.

    Raises:
        ConfigError: no such name.
    """
    if device == "auto":
        # On other processors OpenVINO is not known to be the faster one.
        x86 = platform.machine().lower() in ("x86_64", "amd64")
        return [(kind, "") for kind in (("cuda", "openvino", "cpu") if x86 else ("cuda", "cpu", "openvino"))]
    kind, colon, which = device.partition(":")
    numbered = kind in ("cuda", "tensorrt")
    if (
        kind not in OPENERS
        or (colon and (not which or kind == "cpu"))
        or (numbered and which and not which.isdecimal())
    ):
        raise ConfigError(f"unknown device {device!r}; known are {', '.join(DEVICES)}.")
    if kind == "onnxruntime":
        own = {"cpu": "cpu", "cuda": "cuda", "tensorrt": "tensorrt"}
        # TensorRT works for minutes before its first picture: it must be asked for.
        names = [which] if which else [name for name in providers() if name != "Tensorrt"]
        return [(own[name.lower()], "") if name.lower() in own else (kind, name) for name in names]
    return [(kind, which)]


def _load(model: bytes, manifest: Manifest, candidate: tuple[str, str], precision: str, why: str) -> Loaded:
    kind, which = candidate
    runtime = OPENERS[kind](manifest, which, precision)
    loaded = Loaded(runtime, model, f"{why}; {runtime.note}." if runtime.note else f"{why}.")
    if kind not in ("cpu", "openvino"):  # a GPU that loads may still lack code for its model, or memory
        side = round_up(manifest.minimum, manifest.multiple)
        loaded.run(np.zeros((1, manifest.channels, side, side), np.float32))
    return loaded


OPENERS: dict[str, Callable[[Manifest, str, str], Runtime]] = {
    "cpu": open_cpu,
    "openvino": open_openvino,
    "cuda": open_cuda,
    "tensorrt": open_tensorrt,
    "onnxruntime": open_provider,
}
DEVICES = (
    *("auto", "cpu", "openvino", "openvino:GPU", "openvino:NPU", "cuda", "cuda:N", "tensorrt", "tensorrt:N"),
    *("onnxruntime", "onnxruntime:PROVIDER"),
)
