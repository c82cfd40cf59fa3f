"""`translate doctor` on machines of our choice."""

import ctypes
import json

import numpy as np
import pytest

from models.errors import ConfigError, DeviceError
from translate import doctor
from translate.cli import main
from translate.inference import nvidia, onnxruntime_gpu, openvino_backend
from translate.inference.nvidia import Gpu


@pytest.fixture(autouse=True)
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    load = ctypes.CDLL

    def refuse(name: str, *arguments: object) -> ctypes.CDLL:
        if name in ("libcuda.so.1", "nvcuda.dll"):
            raise OSError
        return load(name, *arguments)

    monkeypatch.setattr(nvidia.ctypes, "CDLL", refuse)


def test_a_healthy_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    shown, errors = capsys.readouterr()
    found = json.loads(shown)
    assert errors == ""
    assert {"python", "translate-images", "openvino", "onnx", "gradio"} <= found["versions"].keys()
    assert any(name.startswith("onnxruntime") for name in found["versions"])
    assert int(found["machine"]["cores"]) >= 1
    devices = {device["name"]: device for device in found["devices"]}
    assert devices["cpu"] == {
        "name": "cpu",
        "state": "works",
        "precisions": ["fp32"],
        "detail": "ONNX Runtime CPU",
    }
    assert devices["openvino"]["state"] == "works"
    assert devices["openvino"]["precisions"][0] == "fp32"
    assert devices["cuda"]["state"] == "absent"
    assert "no NVIDIA driver" in devices["cuda"]["detail"]
    assert found["chosen"].startswith(("OpenVINO CPU", "ONNX Runtime CPU"))
    assert found["problems"] == []


def test_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for line in ("--device auto takes: ", "python: ", "openvino  works   fp32", "cuda      absent"):
        assert line in shown


@pytest.mark.parametrize("device", ["cuda", "cuda:2", "openvino:NPU"])
def test_what_was_asked_for_and_does_not_work_is_a_failure(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--device", device]) == 1
    shown, errors = capsys.readouterr()
    assert "absent" in shown or "broken" in shown
    assert errors.startswith(f"translate: {device if ':' in device else 'cuda:0'} cannot be used: ")
    assert main(["doctor", "--device", "cpu"]) == 0


def test_an_unknown_device_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--device", "nonsense"]) == ConfigError.exit_code == 2
    assert "unknown device 'nonsense'" in capsys.readouterr().err


def test_two_wheels_of_onnx_runtime_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "onnxruntime_wheels", lambda: ["onnxruntime", "onnxruntime-gpu"])
    assert main(["doctor", "--device", "cpu"]) == 1
    assert "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu" in capsys.readouterr().err


def test_a_gpu_whose_libraries_are_missing_is_broken_but_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(number: int) -> Gpu:
        if number:
            raise DeviceError("no more")
        return Gpu("a GPU", 1, (9, 0), (12, 4))

    monkeypatch.setattr(doctor, "find_gpu", one)
    monkeypatch.setattr(onnxruntime_gpu, "find_gpu", one)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("onnxruntime.cuda_version", "13.0", raising=False)
    found = doctor.examine()
    cuda = next(device for device in found.devices if device.name == "cuda:0")
    assert cuda.state == "broken"
    assert "Update the NVIDIA driver" in cuda.detail
    assert any(device.name == "tensorrt:0" for device in found.devices)
    assert found.exit_code == 0
    assert doctor.examine("cuda:0").exit_code == 1


def test_a_device_that_computes_wrongly_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        device = "a driver with a fault"

        def run(self, batch: np.ndarray) -> np.ndarray:
            return batch * np.float32("nan")

    monkeypatch.setattr(doctor, "open_backend", lambda *_: Wrong())
    tried = doctor.try_device("openvino:GPU")
    assert tried.state == "broken"
    assert "computes wrongly in fp32" in tried.detail


def test_a_missing_runtime_is_a_problem_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("No module named 'openvino'")

    for module in (doctor, openvino_backend):
        monkeypatch.setattr(module, "openvino_core", missing)
    found = doctor.examine()
    assert found.exit_code == 1
    assert any("Reinstall it" in problem for problem in found.problems)
    assert found.chosen == "ONNX Runtime CPU fp32"
