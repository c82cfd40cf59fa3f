"""ONNX Runtime: runs on every processor, and through its providers on whatever else it was built for."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModelFile, ConfigError, DeviceError
from models.manifest import Manifest
from translate.inference.half import HEAVY, to_half
from translate.inference.protocols import Feeds, Runtime, failure

# ONNX Runtime would send events to its maker, and reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

CPU = "CPUExecutionProvider"


class OnnxRuntimeGraph:
    """A session; those may be shared between threads."""

    def __init__(self, session: Any, device: str, memory: tuple[str, int]) -> None:
        self.session, self.device, self.memory = session, device, memory
        self.outputs = [output.name for output in session.get_outputs()]

    def __call__(self, feeds: Feeds, /) -> list[NDArray[np.float32]]:
        try:
            results: list[NDArray[np.float32]] = self._bound(feeds) if self.memory[0] != "cpu" else self._plain(feeds)
        except Exception as error:  # the runtime's errors have no common root
            raise failure(self.device, feeds, error) from error
        return results

    def _plain(self, feeds: Feeds) -> list[NDArray[np.float32]]:
        results: list[NDArray[np.float32]] = self.session.run(self.outputs, dict(feeds))
        return results

    def _bound(self, feeds: Feeds) -> list[NDArray[np.float32]]:
        """Results stay where they are made until all are done, and are fetched in one go."""
        binding = self.session.io_binding()
        for name, values in feeds.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(values))
        for name in self.outputs:
            binding.bind_output(name, *self.memory)
        self.session.run_with_iobinding(binding)
        results: list[NDArray[np.float32]] = binding.copy_outputs_to_cpu()
        return results


@dataclass(frozen=True)
class OnnxRuntime:
    """One of ONNX Runtime's providers in one precision."""

    device: str
    precision: str
    note: str
    model: str
    """Name of the model, for errors."""
    provider: str = CPU
    options: dict[str, str] = field(default_factory=dict)
    memory: tuple[str, int] = ("cpu", 0)
    """Where results are made: ONNX Runtime's name of the kind of device, and its number."""
    fp32: Runtime | None = None
    """The same device in fp32, where this is not."""

    def compile(self, graph: bytes) -> OnnxRuntimeGraph:
        import_onnxruntime()
        model = to_half(graph) if self.precision == "fp16" else graph
        try:
            session = open_session(model, self.provider, self.options)
        except Exception as error:
            if self.provider == CPU:
                raise BadModelFile(f"ONNX Runtime does not take the model {self.model}: {error}") from error
            raise DeviceError(f"{self.device} cannot be used for {self.model}: {error}") from error
        check_placed(session, self.provider, self.device)
        return OnnxRuntimeGraph(session, self.device, self.memory)

    def exact(self) -> Runtime:
        return self.fp32 or self


def open_session(model: bytes, provider: str, settings: dict[str, str]) -> Any:
    """A session that complains by exceptions only, and never falls back by itself."""
    onnxruntime = import_onnxruntime()
    onnxruntime.set_default_logger_severity(4)  # what matters of the log is raised as an error here
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = cores()
    if provider != CPU:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # Its own fallback would print to standard output and go on without the provider, here or in a later run.
    return onnxruntime.InferenceSession(model, options, providers=[(provider, settings)], enable_fallback=0)


def import_onnxruntime() -> Any:
    """The library.

    Raises:
        DeviceError: it is not there, or damaged.
    """
    try:
        import onnxruntime
        from onnxruntime import InferenceSession  # noqa: F401  what two wheels in one folder leave may lack it
    except ImportError as error:
        raise DeviceError(
            f"ONNX Runtime cannot be used: {error}. Reinstall the application, or see translate doctor."
        ) from None
    return onnxruntime


def check_placed(session: Any, provider: str, device: str) -> None:
    """Refuse a session that leaves the work to the processor: some providers take only what they know.

    Sizes and other small sums are left to it on purpose, so ONNX Runtime's own check (`disable_cpu_ep_fallback`)
    would refuse good sessions.

    Raises:
        DeviceError: the provider is not there, or does not take all of the convolutions.
    """
    if provider == CPU:
        return
    if provider not in session.get_providers():
        raise DeviceError(f"{device} cannot be used: ONNX Runtime found no such device, or none that it supports.")
    heavy = [
        part.ep_name
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
        if node.op_type in HEAVY
    ]
    left = heavy.count(CPU)
    if left:
        raise DeviceError(
            f"{device} cannot be used for this model: it would leave {left} of its {len(heavy)} convolutions to "
            "the processor. Use --device auto."
        )


def cores() -> int:
    """Cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_cpu(manifest: Manifest, which: str, precision: str) -> OnnxRuntime:
    """ONNX Runtime on the processor, in fp32."""
    if precision not in ("auto", "fp32"):
        raise DeviceError(
            f"ONNX Runtime's CPU kernels compute in fp32 only, not in {precision}; try --device openvino."
        )
    return OnnxRuntime("ONNX Runtime CPU fp32", "fp32", "", manifest.name)


def open_provider(manifest: Manifest, which: str, precision: str) -> OnnxRuntime:
    """Any provider that the installed ONNX Runtime lists, by its short name: CoreML, Dml, ...

    Raises:
        ConfigError: no such provider; says which there are.
        DeviceError: it does not compute in this precision.
    """
    known = providers()
    found = {name.lower(): name for name in known}.get(ALIASES.get(which.lower(), which.lower()))
    if found is None:
        raise ConfigError(f"the installed ONNX Runtime has no provider {which!r}; it has {', '.join(known)}.")
    if precision == "bf16":
        raise DeviceError(f"onnxruntime:{found} computes in fp32 or fp16 here, not in bf16.")
    wanted = "fp32" if precision == "auto" else precision
    exact = OnnxRuntime(f"ONNX Runtime {found} fp32", "fp32", "", manifest.name, known[found])
    if wanted == "fp32":
        return exact
    return dataclasses.replace(exact, device=f"ONNX Runtime {found} fp16", precision="fp16", fp32=exact)


ALIASES = {"directml": "dml"}


def providers() -> dict[str, str]:
    """Short name -> full name of each provider on this machine, the fastest first as ONNX Runtime ranks them."""
    listed = import_onnxruntime().get_available_providers()
    return {name.removesuffix("ExecutionProvider"): name for name in listed if not name.startswith("Azure")}
