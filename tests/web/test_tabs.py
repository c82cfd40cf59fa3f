"""The tabs for models and training runs: there where they may be, and what they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from onnx_models import make_model

from models.errors import ConfigError, MissingExtra
from translate.config import AppConfig
from translate.web import server
from translate.web.runs_tab import list_runs, read_stats
from translate.web.server import serve

CHILD = """
import sys
from pathlib import Path
from models.errors import TranslateError
from translate.config import AppConfig
from translate.web import build_app

def tabs(**settings):
    blocks = build_app(AppConfig(**settings)).blocks.values()
    print([block.label for block in blocks if type(block).__name__ == "Tab"])

def press(button, *given):
    app = build_app(AppConfig())
    where = [id for id, block in app.blocks.items() if getattr(block, "value", None) == button]
    (function,) = (f.fn for f in app.fns.values() if f.targets and f.targets[0][0] in where)
    try:
        print(*function(*given)[:2])
    except Exception as error:
        print("refused:", error)
"""


def in_child(*lines: str, **environment: str) -> list[str]:
    """What pages print that are built in a process of their own: Gradio leaves things open."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([CHILD, *lines])],
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def make_run(folder: Path, lines: int = 3) -> Path:
    folder.mkdir(parents=True)
    stats = [json.dumps({"images": 10.0 * line, "steps": line, "g_gan": 1 / line}) for line in range(1, lines + 1)]
    (folder / "stats.jsonl").write_text("\n".join(stats) + '\n{"images": 4')
    return folder


def test_tabs_are_there_where_they_may_be(models: Path, tmp_path: Path) -> None:
    lines = ("tabs()", "tabs(host='0.0.0.0', no_auth=True)", f"tabs(runs=Path({str(tmp_path)!r}))")
    assert in_child(*lines, TRANSLATE_MODELS=str(models)) == [
        "['Picture', 'Folder', 'Models']",
        "['Picture', 'Folder']",
        "['Picture', 'Folder', 'Models', 'Training']",
    ]
    assert in_child("tabs()", SPACE_ID="someone/something") == ["['Picture', 'Folder']"]


def test_models_are_imported_with_the_same_refusals_and_removed(tmp_path: Path) -> None:
    file = str(make_model(tmp_path / "mine.onnx"))
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    said = in_child(
        f"press('Import', {file!r}, 'mine', 'guess', '')",
        "print('---')",
        f"press('Import', {file!r}, 'mine', 'guess', '')",
        f"press('Import', {str(bad)!r}, 'other', 'guess', '')",
        "press('Remove this model', 'mine')",
        "press('Remove this model', 'texture-x4')",
        TRANSLATE_MODELS=str(tmp_path / "models"),
    )
    assert said[0] == "Imported as mine."
    assert "<td>mine</td><td>imported</td>" in "".join(said[: said.index("---")])
    twice, damaged, removed, shipped = said[said.index("---") + 1 :]
    assert "model named 'mine' already" in twice
    assert damaged.startswith("refused: ")
    assert "bad.onnx" in damaged
    assert removed.startswith("Removed mine.")
    assert "<td>mine</td>" not in removed
    assert "came with the application" in shipped


def test_runs_are_read_while_they_are_written(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    (tmp_path / "no run").mkdir()
    assert list_runs(tmp_path) == ["a"]
    assert [line["images"] for line in read_stats(tmp_path / "a")] == [10, 20, 30]
    assert list_runs(make_run(tmp_path / "b", 3000)) == ["b"]
    assert 400 < len(read_stats(tmp_path / "b")) <= 500
    assert read_stats(tmp_path / "none") == []


def test_what_cannot_be_served_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        serve(AppConfig(runs=tmp_path / "none"))
    monkeypatch.setattr(server.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="extra 'mcp'"):
        serve(AppConfig(mcp=True))
