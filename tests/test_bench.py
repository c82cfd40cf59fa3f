"""`translate bench` with a tiny model."""

import json
import pickle
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from onnx_models import make_model

from models.errors import DeviceError, TranslateError
from translate import bench as module
from translate.bench import Row, bench, measure
from translate.cli import main

NEAR = {"fp16": 99.0, "bf16": 99.0}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny.onnx", precisions=NEAR)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """No child processes; what was measured."""
    seen: list[tuple[str, str]] = []

    def child(path: Path, device: str, precision: str, size: int, seconds: float) -> Row | TranslateError:
        seen.append((device, precision))
        try:
            return measure(path, device, precision, size, 0.0)
        except TranslateError as error:
            return error

    monkeypatch.setattr(module, "_in_child", child)
    return seen


def test_one_device_in_processes_of_their_own(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny), "--size", "24", "--device", "cpu", "--seconds", "0.01", "--json"]) == 0
    shown, errors = capsys.readouterr()
    found = json.loads(shown)
    assert errors == ""
    (row,) = found["rows"]
    assert (row["device"], row["precision"], row["runs_on"]) == ("cpu", "fp32", "ONNX Runtime CPU fp32")
    assert row["megapixels_per_second"] == pytest.approx(24 * 24 / row["milliseconds"] / 1e3, rel=0.2, abs=2e-3)
    assert 20 < row["peak_megabytes"] < 2000
    assert row["first_milliseconds"] > 0
    assert row["open_seconds"] > 0


def test_all_devices_and_the_one_that_auto_takes(
    tiny: Path, here: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "find_devices", lambda: ["cpu", "openvino", "openvino:GPU"])
    steps: list[tuple[str, int, int]] = []
    found = bench(str(tiny), 24, on_progress=lambda *step: steps.append(step))
    assert [row.runs_on for row in found.rows if row.recommended] == [measure(tiny, "auto", "auto", 8, 0.0).runs_on]
    assert {"ONNX Runtime CPU fp32", "OpenVINO CPU fp32"} <= {row.runs_on for row in found.rows}
    assert found.refusals == ()  # nobody asked for the GPU
    assert found.exit_code == 0
    assert [step[0] for step in steps][:3] == ["auto", "cpu fp32", "cpu fp16"]
    assert {step[2] for step in steps} == {10}
    assert here[0] == ("auto", "auto")
    assert main(["bench", str(tiny), "--size", "24"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("tiny, one picture of 24 x 24 pixels:")
    assert shown.count("auto") == 1


@pytest.mark.usefixtures("here")
def test_a_named_device_that_does_not_work_is_a_failure(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny), "--size", "8", "--device", "openvino:NPU", "--device", "cpu"]) == 1
    shown, errors = capsys.readouterr()
    assert "ONNX Runtime CPU fp32" in shown
    assert errors.startswith("translate: openvino:NPU cannot be used: OpenVINO sees CPU")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "no model named 'nonsense'"),
        (["texture-x4", "--device", "nonsense"], "unknown device"),
        (["texture-x4", "--size", "0"], "--size 0 must be"),
        (["texture-x4", "--seconds", "0"], "--seconds 0.0 must be"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_a_runtime_that_ends_its_process_is_a_row_less(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def submit(self, *_: object) -> Any:
            raise BrokenProcessPool

    monkeypatch.setattr(module, "ProcessPoolExecutor", Pool)
    with pytest.raises(DeviceError, match="auto in auto ended its process"):
        bench(str(tiny))


def test_what_a_child_may_raise_comes_back(tiny: Path) -> None:
    """An exception that cannot be taken apart and put together again would end the pool."""
    with pytest.raises(DeviceError) as caught:
        measure(tiny, "openvino:NPU", "auto", 8, 0.0)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  our own
