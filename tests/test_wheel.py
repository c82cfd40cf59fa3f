"""The wheel, in an empty environment far from the clone: it converts pictures and serves the page."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(path.name for path in (ROOT / "models" / "pretrained").iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`translate` of an environment with the wheel and nothing else of ours.

    The libraries are those of this environment, seen through a .pth file: the test needs no network. The clone itself
    is not on that path (its editable install is a .pth file too, and those are not followed from here).
    """
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    ours, theirs = (
        Path(subprocess.run([str(p), "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
        for p in (sys.executable, python)
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(theirs)  # a pure wheel is installed by unpacking it
    (theirs / "libraries.pth").write_text(f"{ours}\n")
    return [str(python), "-m", "translate.cli"]


def test_the_wheel_holds_models_and_no_rubbish(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in SHIPPED:
        assert f"models/pretrained/{name}/model.onnx" in names
        assert f"models/pretrained/{name}/README.md" in names
    assert "export/photograph.jpg" in names
    assert "translate/recipes/texture-x4.toml" in names
    assert not [name for name in names if name.split("/")[0] not in ("models", "export", "translate")
                and ".dist-info/" not in name]  # fmt: skip


def test_the_wheel_converts_with_its_own_models(command: list[str], tmp_path: Path) -> None:
    assert SHIPPED
    for model in SHIPPED:
        run = [*command, "run", str(ROOT / "examples" / "sprites"), "-m", model, "-o", str(tmp_path / model), "--json"]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        assert {file["status"] for file in report["files"]} == {"done"}
        assert len(list((tmp_path / model).iterdir())) == len(list((ROOT / "examples" / "sprites").iterdir()))
    where = [*command[:1], "-c", "import models, translate; print(models.__file__, translate.__file__)"]
    places = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(ROOT) not in places


def test_the_wheel_serves_the_page(command: list[str], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [*command, "app", "--port", str(port)], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            config = wait_for(f"http://127.0.0.1:{port}/config", server)
        finally:
            server.terminate()
    for model in SHIPPED:
        assert model in config


def wait_for(url: str, server: subprocess.Popen[bytes]) -> str:
    """The page, once it answers; fails when the server ends first, or after two minutes."""
    end = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url) as answer:  # noqa: S310  our own server
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}; exit code {server.poll()}")
