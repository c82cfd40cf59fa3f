"""The wheel, in an empty environment far from the clone: it converts pictures and serves the page."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(path.name for path in (ROOT / "models" / "pretrained").iterdir() if path.is_dir())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = ("models", "export", "translate")
TRAINING = {"albumentations", "torch", "torchvision"}
"""Modules that only the extra 'train' brings."""
BY_OTHERS = {"onnxscript", "tensorboard", "torch-fidelity"}
"""Declared, but imported by torch.onnx and torch.utils.tensorboard only."""
BLOCK = """
import sys

class Absent:
    names = {names!r}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`translate` of an environment with the wheel and what it asks for, and nothing else of ours.

    The libraries are those of this environment, seen through a .pth file: the test needs no network. The clone itself
    is not on that path (its editable install is a .pth file too, and those are not followed from here). What pip would
    not install, because nothing in the base asks for it, cannot be imported.
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
    allowed = installed_with(PROJECT["dependencies"])
    absent = {module for module, owners in packages_distributions().items() if not allowed & set(map(plain, owners))}
    assert absent >= TRAINING | {"pytest"}
    (theirs / "absent.py").write_text(BLOCK.format(names=absent))
    (theirs / "libraries.pth").write_text(f"{ours}\nimport absent\n")
    return [str(python), "-m", "translate.cli"]


def plain(distribution: str) -> str:
    """One spelling of a name; the two ONNX Runtimes are one."""
    name = re.sub(r"[-_.]+", "-", distribution).lower()
    return "onnxruntime" if name == "onnxruntime-gpu" else name


def installed_with(requirements: Iterable[str]) -> set[str]:
    """Distributions that these bring, as far as they are installed here."""
    found: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        key = (wanted.name, frozenset(wanted.extras))
        if key in seen or not (wanted.marker is None or wanted.marker.evaluate()):
            continue
        seen.add(key)
        try:
            theirs = [Requirement(text) for text in requires(wanted.name) or []]
        except PackageNotFoundError:
            continue
        found.add(plain(wanted.name))
        for extra in (*wanted.extras, ""):
            for needed in theirs:
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    needed.marker = None
                    waiting.append(needed)
    return found


def declared(requirements: Iterable[str]) -> set[str]:
    return {plain(Requirement(text).name) for text in requirements}


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Dotted names that these statements import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    """Base: whatever modules import, anywhere, that can themselves be imported without the extra 'train'."""
    at_once, ever = {}, {}
    for file in (path for package in OURS for path in (ROOT / package).rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(file.read_text())
        at_once[name], ever[name] = imports(tree.body), imports(ast.walk(tree))

    def reached(name: str, seen: set[str]) -> set[str]:
        if name in at_once and name not in seen:
            seen.add(name)
            for further in at_once[name]:
                reached(further, seen)
        return seen

    def libraries(modules: Iterable[str]) -> set[str]:
        tops = {found.partition(".")[0] for module in modules for found in ever[module]}
        owners = packages_distributions()
        return {plain(owners[top][0]) for top in tops - sys.stdlib_module_names - {*OURS}}

    def needs_training(name: str) -> bool:
        return any(found.partition(".")[0] in TRAINING for module in reached(name, set()) for found in at_once[module])

    base = declared(PROJECT["dependencies"])
    train, textures, heic = (declared(PROJECT["optional-dependencies"][name]) for name in ("train", "textures", "heic"))
    assert {"translate.cli", "translate.batch", "translate.web.page"} <= {n for n in ever if not needs_training(n)}
    assert libraries(n for n in ever if not needs_training(n)) - train - textures - heic == base
    published = declared(PROJECT["optional-dependencies"]["published"])
    assert libraries(ever) == (base | train | textures | heic | published) - BY_OTHERS


def test_the_wheel_carries_the_terms_that_it_names(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.partition("/licenses/")[2]: archive.read(name).decode()
            for name in archive.namelist()
            if "/licenses/" in name
        }
    assert "Apache License" in texts["LICENSE"]
    assert "GNU GENERAL PUBLIC LICENSE" in texts["LICENSES/GPL-3.0-or-later.txt"]
    for term in re.split(" AND ", PROJECT["license"]):
        assert term == "Apache-2.0" or f"LICENSES/{term}.txt" in texts


def test_the_environment_has_nothing_of_the_extras(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run([*command, "models", "zoo"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install '.[train]'" in done.stderr


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
        assert len(list((tmp_path / model).glob("[!.]*"))) == len(list((ROOT / "examples" / "sprites").iterdir()))
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


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
        ("win32", "ARM64", "onnxruntime"),
    ],
)
def test_each_platform_gets_one_onnx_runtime(system: str, machine: str, expected: str) -> None:
    """Both wheels unpack into one folder, and whoever has both has a broken one."""
    place = {"sys_platform": system, "platform_machine": machine}
    for wanted in (PROJECT["dependencies"], PROJECT["dependencies"] + PROJECT["optional-dependencies"]["cuda"]):
        taken = {r.name for r in map(Requirement, wanted) if r.marker is None or r.marker.evaluate(place)}
        assert {name for name in taken if name.startswith("onnxruntime")} == {expected}
