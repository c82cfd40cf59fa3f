"""`translate doctor`: what this machine has, what of it loads, and what to do about the rest."""

from __future__ import annotations

import contextlib
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from models.errors import DeviceError, TranslateError
from models.manifest import INPUT, OUTPUT, Manifest
from translate.inference.backends import find_candidates, open_backend
from translate.inference.memory import available
from translate.inference.nvidia import NoDriver, find_gpu
from translate.inference.onnxruntime_backend import cores, providers
from translate.inference.onnxruntime_gpu import both_wheels, onnxruntime_wheels
from translate.inference.openvino_backend import openvino_core
from translate.version import VERSION

PACKAGES = ("numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "gradio", "pillow", "torch")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_fp16", "asimd", "bf16")
"""Names in /proc/cpuinfo of what decides how fast a network runs on a processor."""


@dataclass(frozen=True)
class Device:
    """One device, tried with a tiny model."""

    name: str
    """As `--device` takes it."""
    state: Literal["works", "absent", "broken"]
    precisions: tuple[str, ...] = ()
    """Those that it computes in."""
    detail: str = ""
    """What it is, or why it does not work and what to do."""


@dataclass(frozen=True)
class Diagnosis:
    """What `translate doctor` found."""

    versions: dict[str, str]
    machine: dict[str, str]
    devices: tuple[Device, ...]
    chosen: str
    """What `--device auto` would take, for people."""
    problems: tuple[str, ...] = field(default=())
    """What is wrong with what was asked for, or with what every user needs."""

    @property
    def exit_code(self) -> int:
        return 1 if self.problems else 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def examine(device: str = "") -> Diagnosis:
    """Try every device of this machine, or one.

    Args:
        device: as `--device` takes it; all that there are if empty.
    Raises:
        ConfigError: no such name.
    """
    if device:
        find_candidates(device)
    names = [device] if device else [*dict.fromkeys(find_devices())]
    devices = tuple(try_device(name) for name in names)
    wheels = onnxruntime_wheels()
    problems = [both_wheels(wheels)] if len(wheels) > 1 else []
    needed = {device} if device else {"cpu", "openvino"}
    problems += [each.detail for each in devices if each.name in needed and each.state != "works"]
    try:
        chosen = open_backend(tiny_model(), TINY).device
    except TranslateError as error:
        chosen = "nothing"
        problems.append(str(error))
    return Diagnosis(_versions(), _machine(), devices, chosen, tuple(dict.fromkeys(problems)))


def find_devices() -> Iterator[str]:
    """Every device of this machine that `--device` takes; the usual ones in any case."""
    yield from ("cpu", "openvino")
    with contextlib.suppress(ImportError):
        yield from (f"openvino:{unit}" for unit in openvino_core().available_devices if unit != "CPU")
    try:
        for number in range(64):
            find_gpu(number)
            yield from (f"cuda:{number}", f"tensorrt:{number}")
    except DeviceError as error:
        if number == 0:
            yield from ("cuda",) if isinstance(error, NoDriver) else ("cuda", "tensorrt")
    with contextlib.suppress(DeviceError):
        yield from (f"onnxruntime:{name}" for name in providers() if name not in ("CPU", "CUDA", "Tensorrt"))


def try_device(name: str) -> Device:
    """Run a tiny model on a device, in each precision, and look at what comes out."""
    picture = np.linspace(0, 1, 3 * 16 * 16, dtype=np.float32).reshape(1, 3, 16, 16)
    works: list[str] = []
    refusals: list[TranslateError] = []
    detail = ""
    for precision in ("fp32", "fp16", "bf16"):
        try:
            backend = open_backend(tiny_model(), TINY, name, precision)
            off = float(np.abs(backend.run(picture) - (1 - picture)).max())
            if not off < 0.02:  # not a number, too
                raise DeviceError(f"{name} computes wrongly in {precision}: it is {off:.3f} off. Update its driver.")
        except (TranslateError, OSError) as error:
            refusals.append(error if isinstance(error, TranslateError) else DeviceError(f"{name}: {error}."))
        else:
            works.append(precision)
            detail = detail or backend.device.removesuffix(f" {precision}")
    if works:
        return Device(name, "works", tuple(works), detail)
    return Device(name, "absent" if isinstance(refusals[0], NoDriver) else "broken", (), str(refusals[0]))


TINY = Manifest(
    name="a test",
    task="translation",
    source="pictures",
    target="their negatives",
    generator="none",
    radius=1,
    precisions={"fp16": 99.0, "bf16": 99.0},
)


def tiny_model() -> bytes:
    """One convolution that turns a picture into its negative."""
    from onnx import TensorProto, helper, numpy_helper

    weight = np.zeros((3, 3, 3, 3), np.float32)
    weight[range(3), range(3), 1, 1] = -1
    graph = helper.make_graph(
        [helper.make_node("Conv", [INPUT, "weight", "bias"], [OUTPUT], pads=[1, 1, 1, 1])],
        "negative",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.ones(3, np.float32), "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _versions() -> dict[str, str]:
    found = {"translate-images": VERSION, "python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _machine() -> dict[str, str]:
    facts = {"system": platform.platform(), "processor": platform.processor() or platform.machine()}
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
        flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
        facts["processor"] = model[1] if model else facts["processor"]
        has = set(flags[1].split()) if flags else set()
        facts["instructions"] = " ".join(name for name in INSTRUCTIONS if name in has)
    return facts | {"cores": f"{cores()}", "free memory": f"{available() / 1e9:.1f} GB"}
