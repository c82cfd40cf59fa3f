"""What the NVIDIA driver says, asked through its own library: ONNX Runtime tells neither versions nor memory."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

from models.errors import DeviceError

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU."""

    name: str
    bytes: int
    """Its memory."""
    capability: tuple[int, int]
    """Compute capability; fp16 is fast from 7.0 on (Volta)."""
    cuda: tuple[int, int]
    """Newest version of CUDA that the driver can run."""


def find_gpu(number: int, driver: Any = None) -> Gpu:
    """The GPU of this number, in the order of CUDA_VISIBLE_DEVICES.

    Args:
        driver: the driver's library; found by itself.
    Raises:
        DeviceError: no driver, one that does not start, or no such GPU.
    """
    if driver is None:
        try:
            driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        except OSError:
            raise NoDriver(f"cuda:{number} cannot be used: this machine has no NVIDIA driver.") from None
    version, count, device, major, minor = (ctypes.c_int() for _ in range(5))
    memory, name = ctypes.c_size_t(), ctypes.create_string_buffer(256)
    code = driver.cuInit(0)
    if code:
        raise DeviceError(
            f"cuda:{number} cannot be used: the NVIDIA driver does not start (error {code}). "
            "Does nvidia-smi show a GPU? After an update of the driver, restart the machine."
        )
    driver.cuDriverGetVersion(ctypes.byref(version))
    driver.cuDeviceGetCount(ctypes.byref(count))
    if number >= count.value:
        known = ", ".join(f"cuda:{known}" for known in range(count.value)) or "no GPU"
        raise DeviceError(f"cuda:{number} cannot be used: the NVIDIA driver shows {known}.")
    driver.cuDeviceGet(ctypes.byref(device), number)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    return Gpu(
        name.value.decode(errors="replace"),
        memory.value,
        (major.value, minor.value),
        (version.value // 1000, version.value % 1000 // 10),
    )


class NoDriver(DeviceError):
    """Nothing of NVIDIA here, so nobody expects CUDA."""
