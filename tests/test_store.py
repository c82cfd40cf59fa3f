from pathlib import Path

import pytest
from onnx_models import make_model

from models.errors import BadModelFile, ConfigError, UnknownModel, UsageError
from translate import store
from translate.store import find_model, install, list_models, shipped_folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path / "shipped")
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "own"))
    return make_model(tmp_path / "shipped" / "texture-x4" / "model.onnx", name="texture-x4")


def test_names_are_found(shipped: Path, tmp_path: Path):
    own = make_model(tmp_path / "own" / "v0.2" / "model.onnx")
    assert find_model("texture-x4") == shipped
    assert find_model("v0.2") == own


def test_paths_are_taken_as_they_are(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert find_model(str(shipped)) == shipped
    monkeypatch.chdir(shipped.parent)
    assert find_model("model.onnx") == Path("model.onnx")
    assert find_model(Path("model.onnx")) == Path("model.onnx")


def test_an_installed_name_beats_a_file_of_that_name(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texture-x4").write_bytes(b"")
    assert find_model("texture-x4") == shipped


def test_unknown_names_answer_with_the_known(shipped: Path):
    with pytest.raises(UnknownModel, match=r"Did you mean 'texture-x4'.*Known: texture-x4.*path of an .onnx file"):
        find_model("textur-x4")


@pytest.mark.parametrize("given", ["gone.onnx", "folder/gone", Path("gone")])
def test_paths_without_a_file(shipped: Path, given: str | Path):
    with pytest.raises(UsageError, match=r"no model file at .*gone"):
        find_model(given)


def test_a_name_cannot_leave_the_folders(shipped: Path, tmp_path: Path):
    make_model(tmp_path / "secret" / "model.onnx")
    with pytest.raises(UsageError, match="no model file"):
        find_model("../secret")


def test_listing_names_origin_and_manifest(shipped: Path, tmp_path: Path):
    make_model(tmp_path / "own" / "mine" / "model.onnx", name="mine", scale=2)
    mine, texture = list_models()
    assert (mine.name, mine.origin, mine.manifest.scale) == ("mine", "user", 2)
    assert (texture.name, texture.origin, texture.path) == ("texture-x4", "shipped", shipped)


def test_an_own_model_hides_a_shipped_one(shipped: Path, tmp_path: Path):
    own = make_model(tmp_path / "own" / "texture-x4" / "model.onnx")
    assert [(m.origin, m.path) for m in list_models()] == [("user", own)]
    assert find_model("texture-x4") == own


@pytest.mark.parametrize("name", ["a", "7", "Night.v0-2_b", "x" * 100, "console", "nul0"])
def test_installed_models_are_found(shipped: Path, tmp_path: Path, name: str):
    model = make_model(tmp_path / "m.onnx").read_bytes()
    path = install(model, name)
    assert path == find_model(name) == tmp_path / "own" / name / "model.onnx"
    assert path.read_bytes() == model
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "end.", "a/b", "a\\b", "../up", "a b", "-m", "ä", "a\n", "x" * 101, "a:b",
     "con", "NUL", "aux.txt", "Com1", "lpt9.v2"],
)  # fmt: skip
def test_names_that_some_system_cannot_hold_are_refused(shipped: Path, tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match="model"):
        install(make_model(tmp_path / "m.onnx").read_bytes(), name)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize("name", ["texture-x4", "Texture-X4"])
def test_taken_names_are_refused_unless_replaced(shipped: Path, tmp_path: Path, name: str):
    model = make_model(tmp_path / "m.onnx", scale=2).read_bytes()
    with pytest.raises(ConfigError, match=r"shipped model named.*--replace"):
        install(model, name)
    install(model, name, replace=True)
    assert find_model(name).read_bytes() == model
    assert shipped.read_bytes() != model


def test_a_bad_file_replaces_nothing(shipped: Path, tmp_path: Path):
    good = install(make_model(tmp_path / "m.onnx").read_bytes(), "mine")
    before = good.read_bytes()
    with pytest.raises(BadModelFile, match="not an ONNX file"):
        install(b"nonsense", "mine", replace=True)
    assert good.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told(shipped: Path, tmp_path: Path):
    (tmp_path / "own").write_bytes(b"a file where the folder should be")
    with pytest.raises(BadModelFile, match=r"cannot write .*model\.onnx"):
        install(make_model(tmp_path / "m.onnx").read_bytes(), "mine")


def test_a_broken_model_is_listed_as_broken(shipped: Path, tmp_path: Path):
    broken = tmp_path / "own" / "broken" / "model.onnx"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"nonsense")
    first, second = list_models()
    assert (first.name, first.manifest) == ("broken", None)
    assert "not an ONNX file" in first.problem
    assert second.manifest is not None
    assert second.problem == ""


def test_without_any_folder_nothing_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path / "none")
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "nothing"))
    assert list_models() == []
    with pytest.raises(UnknownModel, match="Known: none"):
        find_model("x")


def test_the_shipped_folder_is_part_of_the_package():
    assert shipped_folder().name == "pretrained"
    assert shipped_folder().parent.name == "models"
