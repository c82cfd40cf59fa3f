"""A started server with two models, shared by the tests of the page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from onnx_models import make_model

ROOT = Path(__file__).parents[2]
LIMIT = 250_000
PORT = 17860


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "twice" / "model.onnx", scale=2, name="twice")
    make_model(folder / "negative" / "model.onnx", scale=1, paint="invert", name="negative")
    make_model(folder / "slow" / "model.onnx", scale=1, radius=8, width=64, name="slow")
    (folder / "broken").mkdir()
    (folder / "broken" / "model.onnx").write_bytes(b"not a model")
    return folder


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def addresses(models: Path, files: Path) -> Iterator[list[str]]:
    """The page as its users start it, and one with an account, in a process whose temporary files go to `files`.

    In the end Ctrl-C stops it, and nothing of the visitors' is left.
    """
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored, if these tests run in the background
        "from translate.config import AppConfig\n"
        "from translate.web import build_app, serve\n"
        "from translate.web.server import free_port, launch\n"
        "config = AppConfig(device='cpu')\n"
        "locked = build_app(config)\n"
        f"launch(locked, config, free_port('127.0.0.1', {PORT + 200}), [('user', 'right')])\n"
        "print(locked.local_url, file=sys.stderr)\n"
        f"serve(AppConfig(port={PORT}, device='cpu', max_pixels={LIMIT}, max_upload=3_000_000, max_files=40))\n"
        "locked.close(verbose=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = os.environ | {"TRANSLATE_MODELS": str(models), "TMPDIR": str(files), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            locked = process.stderr.readline().strip()
            line = process.stderr.readline()
            assert line.startswith("The page is at http://127.0.0.1:"), locked + line
            yield [line.split()[4], locked]
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=60)[1]
            assert process.returncode == 0, rest
            assert rest.endswith("\nStopped.\n")
            assert list(files.iterdir()) == []
        finally:
            process.kill()


@pytest.fixture(scope="session")
def address(addresses: list[str]) -> str:
    return addresses[0]


@pytest.fixture(scope="session")
def client(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    downloads = tmp_path_factory.mktemp("downloads")
    client = Client(address, verbose=False, download_files=downloads, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture
def here(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process knows the server's models, too."""
    monkeypatch.setenv("TRANSLATE_MODELS", str(models))
