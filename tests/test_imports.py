"""Who only converts pictures waits for no torch, and `--help` waits for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "kornia", "albumentations")
RUNTIMES = ("onnxruntime", "openvino", "gradio", "cv2", "PIL", "numpy", "onnx")


def loaded(statement: str) -> set[str]:
    """Top-level modules after a statement, in a child process."""
    tell = "sys.stdout.write('@' + ' '.join({n.partition('.')[0] for n in sys.modules}))"
    code = f"import sys\n{statement}\n{tell}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.rpartition("@")[2].split())


@pytest.mark.parametrize(
    "module",
    [
        "translate",
        "translate.batch",
        "translate.bench",
        "translate.doctor",
        "translate.images",
        "translate.inference",
        "translate.store",
        "translate.web",
        "translate.cli",
        "translate.config",
        "translate.training.config",
        "translate.recipes",
        "models",
        "export",
    ],
)
def test_no_entry_point_imports_torch(module: str) -> None:
    assert not loaded(f"import {module}") & set(HEAVY)


@pytest.mark.parametrize("name", ["translate.inference.Translator", "translate.Translator"])
def test_no_public_name_imports_torch(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert not loaded(f"from {module} import {attribute}") & set(HEAVY)


@pytest.mark.parametrize(
    "command", [[], ["run"], ["app"], ["export"], ["train"], ["models"], ["train", "srgan"], ["bench"], ["doctor"]]
)
def test_help_imports_nothing_large(command: list[str]) -> None:
    call = f"from translate.cli import main; main({[*command, '--help']})"
    assert not loaded(call) & {*HEAVY, *RUNTIMES}


def test_models_list_opens_no_runtime() -> None:
    assert not loaded("from translate.cli import main; main(['models'])") & {
        *HEAVY,
        "onnxruntime",
        "openvino",
        "gradio",
    }
