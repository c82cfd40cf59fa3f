"""Memory: what there is of it, and that a picture keeps to its share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from export.onnx import to_onnx
from models.manifest import DECLARED, Manifest
from models.zoo import build_generator
from translate.inference.memory import MIN_MEMORY, available, temporary_folder

MEBI = 2**20

CHILD = """if True:
    import re, sys
    from pathlib import Path
    import numpy as np
    from translate import Translator

    def told(name):
        return int(re.search(rf"{name}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

    translator = Translator.open(sys.argv[1], "cpu", memory=int(sys.argv[2]))
    height, width = 900, 1200
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    translator(np.ascontiguousarray(picture[:64, :64]))  # the program and its libraries are in memory from here on
    before = told("VmRSS")
    result = translator(picture)
    print(told("VmHWM") - before, len(np.unique(result)), translator.how(height, width), sep="|")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_picture_keeps_to_its_budget(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_generator("resnet_6blocks", width=16, blocks=2)
    manifest = Manifest(
        name="bounded", task="translation", source="a", target="b", generator="resnet_6blocks",
        **{key: getattr(network, key) for key in DECLARED},
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(network, manifest).SerializeToString())

    def measured(memory: int) -> tuple[int, str]:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, str(path), str(memory)], capture_output=True, text=True, check=True
        )
        grown, colours, how = child.stdout.strip().split("|")
        assert int(colours) > 10
        return int(grown), how

    bounded, pieces = measured(100 * MEBI)
    unbounded, whole = measured(4000 * MEBI)
    assert whole == "in one piece"
    assert "pieces that share the whole picture's statistics" in pieces
    # allocators keep some of what is freed, and the runtime takes some of its own
    assert bounded < 180
    assert unbounded > 2 * bounded


def system(root: Path, *, free: int, limit: str = "max", used: int = 0, cached: int = 0) -> Path:
    for name, text in (
        ("proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:   {free // 1024} kB\n"),
        ("sys/fs/cgroup/memory.max", f"{limit}\n"),
        ("sys/fs/cgroup/memory.current", f"{used}\n"),
        ("sys/fs/cgroup/memory.stat", f"anon 5\ninactive_file {cached}\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_what_is_free_is_the_systems_within_its_group(tmp_path: Path) -> None:
    assert available(system(tmp_path, free=1000 * MEBI)) == 1000 * MEBI
    group = system(tmp_path, free=1000 * MEBI, limit=f"{500 * MEBI}", used=300 * MEBI, cached=100 * MEBI)
    assert available(group) == 300 * MEBI
    full = system(tmp_path, free=1000 * MEBI, limit=f"{500 * MEBI}", used=500 * MEBI)
    assert available(full) == MIN_MEMORY


def test_temporary_files_go_where_they_are_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "second"))
    assert temporary_folder() == tmp_path / "second"
    monkeypatch.setenv("TRANSLATE_TEMP", str(tmp_path / "first"))
    assert temporary_folder() == tmp_path / "first"
