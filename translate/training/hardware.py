"""What a run computes with: device, precision, compiled networks."""

from __future__ import annotations

import shutil
from typing import Any

import torch
from torch.utils._triton import has_triton

from models.errors import ConfigError, DeviceError, TrainingError
from translate.training import processes
from translate.training.config import TrainingConfig
from translate.training.method import Method
from translate.training.winograd import use_winograd

LONG = 3000
"""Updates from which compiling the networks pays for itself."""


def choose_device(name: str) -> torch.device:
    """auto: the first CUDA device if there is one, else the CPU.

    Raises:
        ConfigError: a name that is no device.
        DeviceError: CUDA was asked for and cannot be had.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        processes.say(f"training on {name} (--device auto)")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"no device named {name!r}: use auto, cpu, cuda or cuda:N.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda: PyTorch finds no CUDA device. Check the driver (nvidia-smi), or use --device cpu."
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise DeviceError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """auto: bfloat16 where the device computes it natively, else float32 (on a CPU, PyTorch 2.11 cannot tell)."""
    if name == "auto":
        return torch.bfloat16 if native_bfloat16(device) else torch.float32
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[name]


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.11
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def compiles(config: TrainingConfig, device: torch.device) -> bool:
    """Whether the networks are to be compiled.

    Raises:
        TrainingError: asked for, without what it needs.
    """
    on_gpu = device.type != "cpu"
    ready = has_triton() if on_gpu else any(shutil.which(name) for name in ("g++", "clang++", "cl"))
    if config.compile == "on" and not ready:
        needs = "Triton on a GPU" if on_gpu else "a C++ compiler on the CPU (g++ or clang++)"
        raise TrainingError(f"--compile on needs {needs}, and there is none.")
    pays = config.images >= LONG * config.batch and (on_gpu or not config.generator.startswith("unet"))
    return config.compile == "on" or (config.compile == "auto" and ready and pays)


def compile_networks(method: Method, device: torch.device, precision: torch.dtype) -> None:
    """torch.compile in place each network that a step calls, its wide convolutions by Winograd where that is faster."""
    for network in method.forwards():
        if device.type == "cpu" and precision == torch.float32:
            use_winograd(network)
        network.compile()
