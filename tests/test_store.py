import hashlib
import json
from pathlib import Path

import pytest
from onnx_models import make_model

from models.errors import BadModelFile, ConfigError, UnknownModel, UsageError
from translate import store
from translate.store import describe_model, find_model, install, list_models, remove_model, shipped_folder


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
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.onnx"]


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


def test_an_installed_file_is_held_to_its_hash(shipped: Path, tmp_path: Path):
    model = make_model(tmp_path / "m.onnx").read_bytes()
    path = install(model, "mine", origin="downloaded", source="somebody/mine")
    record = json.loads((path.parent / "model.json").read_text())
    assert record == {"sha256": hashlib.sha256(model).hexdigest(), "origin": "downloaded", "source": "somebody/mine"}
    assert describe_model("mine").sha256 == record["sha256"]
    path.write_bytes(make_model(tmp_path / "other.onnx", scale=2).read_bytes())
    for given in ("mine", path, str(path)):
        with pytest.raises(BadModelFile, match=r"not the file that was installed.*model\.json.*Import it again"):
            find_model(given)
    install(model, "mine", replace=True)
    assert find_model("mine") == path
    path.write_bytes(b"changed by hand")
    (path.parent / "model.json").unlink()
    assert find_model("mine") == path


@pytest.mark.parametrize("record", [b"", b"[1]", b"{", b'{"sha256": 3}', b"\xff", b" " * 200_000])
def test_a_damaged_record_says_nothing(shipped: Path, tmp_path: Path, record: bytes):
    path = install(make_model(tmp_path / "m.onnx").read_bytes(), "mine")
    (path.parent / "model.json").write_bytes(record)
    assert find_model("mine") == path
    assert describe_model("mine").origin == "user"


def test_listing_tells_where_models_are_from(shipped: Path, tmp_path: Path):
    model = make_model(tmp_path / "m.onnx").read_bytes()
    install(model, "brought")
    install(model, "fetched", origin="downloaded")
    make_model(tmp_path / "own" / "laid" / "model.onnx")
    assert {m.name: m.origin for m in list_models()} == {
        "brought": "imported", "fetched": "downloaded", "laid": "user", "texture-x4": "shipped"
    }  # fmt: skip
    assert len({m.sha256 for m in list_models() if m.name in ("brought", "fetched", "laid")}) <= 2
    assert all(len(m.sha256) == 64 for m in list_models())


def test_own_models_are_removed(shipped: Path, tmp_path: Path):
    path = install(make_model(tmp_path / "m.onnx").read_bytes(), "mine")
    assert remove_model("mine") == path
    assert not path.parent.exists()
    with pytest.raises(UnknownModel, match=r"no model named 'mine'.*can be removed"):
        remove_model("mine")


def test_removal_leaves_what_is_not_its_own(shipped: Path, tmp_path: Path):
    path = install(make_model(tmp_path / "m.onnx").read_bytes(), "mine")
    (path.parent / "notes.txt").write_text("mine")
    remove_model("mine")
    assert [file.name for file in path.parent.iterdir()] == ["notes.txt"]
    with pytest.raises(UsageError, match="came with the application"):
        remove_model("texture-x4")
    with pytest.raises(UnknownModel):
        remove_model("../texture-x4")
    install(make_model(tmp_path / "m.onnx").read_bytes(), "texture-x4", replace=True)
    remove_model("texture-x4")  # the own one
    assert find_model("texture-x4") == shipped
