"""OpenVINO: the fastest on x86 processors, and the only one that reaches Intel's graphics and neural units."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModelFile, DeviceError
from models.manifest import Manifest
from translate.inference.cache import cache_folder
from translate.inference.precision import good_enough, how_near
from translate.inference.protocols import Feeds, Runtime, failure

HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}
"""Our names of precisions -> OpenVINO's."""
CACHE_BYTES = 500_000_000
"""Most that compiled models take on disk."""
CACHED_BYTES = 16_000_000
"""Largest model whose compiled form is kept for the processor. It halves the compilation of `texture-x4` (0.10 to
0.05 s); of a ResNet-9 of 45 MB it saves a tenth (0.22 to 0.19 s), which is not worth the disk."""


class OpenVinoGraph:
    """A compiled graph; each call takes a request out of a pool, since a request holds the tensors of one call."""

    def __init__(self, compiled: Any, device: str) -> None:
        self.compiled, self.device = compiled, device
        self.idle: list[Any] = []

    def __call__(self, feeds: Feeds, /) -> list[NDArray[np.float32]]:
        try:
            request = self.idle.pop()  # atomic, as is append
        except IndexError:
            request = self.compiled.create_infer_request()
        try:
            results = request.infer(dict(feeds), share_inputs=True)
        except RuntimeError as error:
            raise failure(self.device, feeds, error) from error
        self.idle.append(request)
        return [results[output] for output in self.compiled.outputs]


@dataclass(frozen=True)
class OpenVino:
    """One of OpenVINO's devices in one precision."""

    core: Any
    unit: str
    """As OpenVINO calls it: CPU, GPU, GPU.1, NPU."""
    precision: str
    note: str
    model: str
    """Name of the model, for errors."""

    @property
    def device(self) -> str:
        return f"OpenVINO {self.unit} {self.precision}"

    def compile(self, graph: bytes) -> OpenVinoGraph:
        hint = HINTS[self.precision]
        settings = {"INFERENCE_PRECISION_HINT": hint}
        if self.unit == "CPU":
            # It keeps compiled code for each size of picture it has seen, by default of thousands: 90 MB per 250 sizes.
            settings["CPU_RUNTIME_CACHE_CAPACITY"] = "16"
        if self.unit != "CPU" or len(graph) <= CACHED_BYTES:
            folder = cache_folder("openvino", CACHE_BYTES)
            if folder:
                settings["CACHE_DIR"] = str(folder)
        try:
            compiled = self.core.compile_model(self.core.read_model(graph), self.unit, settings)
        except RuntimeError as error:
            raise BadModelFile(f"OpenVINO does not take the model {self.model}: {error}") from error
        given = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if given != hint:
            raise DeviceError(
                f"OpenVINO's {self.unit} computes in {given} here, not in {self.precision}; "
                "leave the choice to --precision auto."
            )
        return OpenVinoGraph(compiled, self.device)

    def exact(self) -> Runtime:
        if self.precision == "fp32":
            return self
        return dataclasses.replace(self, precision="fp32", note="")


@cache
def openvino_core() -> Any:
    """OpenVINO, loaded once and kept.

    Its processor plugin gives the thread that loads it a stack for signals, and frees it when the last model goes,
    even if a later one has set its own meanwhile: the next Ctrl-C then ends the process with a segmentation fault.

    Raises:
        ImportError: it is not installed, or does not load.
    """
    import openvino

    return openvino.Core()


def open_openvino(manifest: Manifest, which: str, precision: str) -> OpenVino:
    """One of OpenVINO's devices; the processor unless another is named.

    Raises:
        DeviceError: OpenVINO does not load, or sees no such device; says which it sees.
    """
    try:
        core = openvino_core()
    except ImportError as error:
        raise DeviceError(
            f"openvino cannot be used: {error}. Reinstall it: pip install --force-reinstall openvino."
        ) from None
    unit = (which or "CPU").upper()
    seen = core.available_devices
    if unit not in seen and not any(name.startswith(f"{unit}.") for name in seen):  # GPU stands for GPU.0
        raise DeviceError(
            f"openvino:{which} cannot be used: OpenVINO sees {', '.join(seen) or 'no device'}. "
            "Graphics and neural units are Intel's, and need Intel's driver."
        )
    wanted, note = precision, ""
    if precision == "auto":
        wanted, note = choose_precision(core, unit, manifest)
    return OpenVino(core, unit, wanted, note, manifest.name)


def choose_precision(core: Any, unit: str, manifest: Manifest) -> tuple[str, str]:
    """The fastest arithmetic that the device has and the model allows, and why: a phrase.

    Measured on 16 convolutions of 64 channels: with AMX, fp16 is 6 to 9 times as fast as fp32 at 81 dB (bf16:
    as fast, 63 dB); with the bf16 instructions of AVX-512 but no AMX, bf16 is twice as fast at 68 dB.
    """
    # The listed capabilities include what is only emulated; the plugin's own default never is.
    if core.get_property(unit, "INFERENCE_PRECISION_HINT").to_string() == "f32":
        return "fp32", ""
    listed = core.get_property(unit, "OPTIMIZATION_CAPABILITIES")
    for lower in ("fp16", "bf16"):
        if lower.upper() in listed and good_enough(manifest, lower):
            return lower, how_near(manifest, lower)
    return "fp32", "no faster precision is known to be near enough to fp32 with this model"
