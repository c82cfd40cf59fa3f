"""The tabs for models and training runs: there where they may be, and what they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from onnx_models import make_model

from models.errors import ConfigError, MissingExtra, UnknownModel, UsageError
from translate.config import AppConfig
from translate.store import list_models, remove_model
from translate.web import build_app, server
from translate.web.runs_tab import list_runs, read_stats
from translate.web.server import serve


def tabs(config: AppConfig) -> list[str]:
    return [block.label for block in build_app(config).blocks.values() if type(block).__name__ == "Tab"]


def act(config: AppConfig, button: str, *given: Any) -> Any:
    """Do what a button of the page does."""
    app = build_app(config)
    (function,) = (
        f.fn for f in app.fns.values() if any(getattr(app.blocks.get(t[0]), "value", None) == button for t in f.targets)
    )
    return function(*given)


def make_run(folder: Path, lines: int = 3) -> Path:
    folder.mkdir(parents=True)
    stats = [json.dumps({"images": 10.0 * line, "steps": line, "g_gan": 1 / line}) for line in range(1, lines + 1)]
    (folder / "stats.jsonl").write_text("\n".join(stats) + '\n{"images": 4')
    return folder


def test_tabs_are_there_where_they_may_be(here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tabs(AppConfig()) == ["Picture", "Folder", "Models"]
    assert tabs(AppConfig(host="0.0.0.0", no_auth=True)) == ["Picture", "Folder"]  # noqa: S104
    assert tabs(AppConfig(runs=tmp_path)) == ["Picture", "Folder", "Models", "Training"]
    monkeypatch.setenv("SPACE_ID", "someone/something")
    assert tabs(AppConfig()) == ["Picture", "Folder"]


def test_models_are_imported_with_the_same_refusals_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "models"))
    file = make_model(tmp_path / "mine.onnx")
    said, table, _ = act(AppConfig(), "Import", str(file), "mine", "guess", "")
    assert said.startswith("Imported as mine.")
    assert "<td>mine</td><td>user</td>" in table
    with pytest.raises(Exception, match="there is a user model named 'mine' already"):
        act(AppConfig(), "Import", str(file), "mine", "guess", "")
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    with pytest.raises(Exception, match="cannot import"):
        act(AppConfig(), "Import", str(bad), "other", "guess", "")
    assert act(AppConfig(), "Remove this model", "mine")[0] == "Removed mine."
    assert "mine" not in [model.name for model in list_models()]
    with pytest.raises(Exception, match="came with the application"):
        act(AppConfig(), "Remove this model", "texture-x4")


def test_only_own_models_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path))
    make_model(tmp_path / "mine" / "model.onnx")
    with pytest.raises(UnknownModel):
        remove_model("../mine")
    with pytest.raises(UsageError, match="came with the application"):
        remove_model("texture-x4")
    remove_model("mine")
    assert not (tmp_path / "mine").exists()


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
