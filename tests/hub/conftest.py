"""A Hub on this machine, and a user's folder with one model in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import TOKEN, FakeHub, fake_hub
from onnx_models import make_model

from translate.inference.model_file import read_manifest


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Asked without a token, unless a test logs in."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the fake speaks plain HTTP
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "models"))
    with fake_hub() as started:
        monkeypatch.setenv("HF_ENDPOINT", started.address)
        yield started


@pytest.fixture
def login(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def published(tmp_path: Path) -> dict[str, bytes]:
    """The files of a repository of ours."""
    model = make_model(tmp_path / "source" / "model.onnx", scale=2, name="twice")
    return {
        "model.onnx": model.read_bytes(),
        "manifest.json": read_manifest(model).to_json().encode(),
        "README.md": b"---\npipeline_tag: image-to-image\n---\n# twice\n",
        "sample.png": b"a picture",
        "model.safetensors": b"weights, which are not fetched",
        "run.py": b"raise SystemExit('code, which is not fetched')",
    }
