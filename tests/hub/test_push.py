"""To the Hub: what is sent, what the card says, and that it comes back the same."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
import yaml
from fake_hub import FakeHub
from onnx_models import make_model
from safetensors import safe_open

from export.config import ExportConfig
from export.tensors import weights_of
from models.checkpoint import load_checkpoint
from models.errors import HubError, UsageError
from models.manifest import METADATA_KEY, Manifest
from translate.cli import main
from translate.exporting import export
from translate.hub import pull, push
from translate.hub.config import PullConfig, PushConfig
from translate.inference.model_file import read_manifest
from translate.store import find_model, install

pytestmark = [
    pytest.mark.usefixtures("hub"),
    pytest.mark.filterwarnings(
        "ignore:Use 'content=:DeprecationWarning"
    ),  # huggingface_hub's upload, of its own client
]


@pytest.fixture
def mine(tmp_path: Path, hub: FakeHub) -> Path:
    facts = {"license": "CC-BY-4.0", "training_data": "40 pictures | of mine", "metrics": {"psnr": 31.25}}
    model = make_model(tmp_path / "made" / "m.onnx", scale=2, name="mine", **facts)
    return install(model.read_bytes(), "mine", source="m.onnx")


def front(card: bytes) -> dict[str, object]:
    found = yaml.safe_load(card.decode().split("---\n")[1])
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("login")
def test_what_is_pushed_comes_back_the_same(hub: FakeHub, mine: Path) -> None:
    pushed = push(PushConfig(model="mine", repository="ann/mine"))
    files = hub.repositories["ann/mine"].commits[-1]
    assert set(files) - {".gitattributes"} == set(pushed.files) == {
        "model.onnx", "model.safetensors", "manifest.json", "README.md", "sample.png",
    }  # fmt: skip
    assert files["model.onnx"] == mine.read_bytes()
    assert Manifest.from_json(files["manifest.json"].decode()) == read_manifest(mine)
    assert files["sample.png"].startswith(b"\x89PNG")
    pulled = pull(PullConfig(repository=str(pushed.place), name="again"))
    assert pulled.place.revision == hub.repositories["ann/mine"].sha(1) == pushed.place.revision
    assert pulled.path.read_bytes() == mine.read_bytes()
    assert pulled.path.with_name("README.md").read_bytes() == files["README.md"]


@pytest.mark.usefixtures("login")
def test_the_card_is_made_of_the_manifest(hub: FakeHub, mine: Path) -> None:
    push(PushConfig(model="mine", repository="ann/mine"))
    card = hub.repositories["ann/mine"].commits[-1]["README.md"]
    facts = front(card)
    assert facts["pipeline_tag"] == "image-to-image"
    assert facts["license"] == "cc-by-4.0"
    assert facts["tags"] == ["translate-images", "onnx", "super-resolution", "test"]
    assert facts["metrics"] == ["psnr"]
    text = card.decode()
    for said in ("# mine", "40 pictures | of mine.", "CC-BY-4.0",
                 "| psnr | 31.25 |", "](sample.png)", "translate models pull ann/mine"):  # fmt: skip
        assert said in text


@pytest.mark.usefixtures("login")
def test_a_shipped_model_takes_its_own_card_and_weights_along(hub: FakeHub, tmp_path: Path) -> None:
    push(PushConfig(model="texture-x4", repository="ann/texture"))
    files = hub.repositories["ann/texture"].commits[-1]
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", files["README.md"].decode())
    assert shown
    assert set(shown) <= set(files)
    own = (find_model("texture-x4").parent / "README.md").read_text(encoding="utf-8")
    assert files["README.md"].decode().endswith(own)
    assert front(files["README.md"])["license"] == "gpl-3.0"
    (tmp_path / "w.safetensors").write_bytes(files["model.safetensors"])
    network, manifest = load_checkpoint(tmp_path / "w.safetensors")
    assert manifest.name == "texture-x4"
    assert sum(p.numel() for p in network.parameters()) == 621_424


def test_half_weights_keep_their_names_and_load(tmp_path: Path) -> None:
    model = find_model("horse2zebra")
    (tmp_path / "w.safetensors").write_bytes(weights_of(model.read_bytes(), read_manifest(model)))
    network, _ = load_checkpoint(tmp_path / "w.safetensors")
    assert sum(p.numel() for p in network.parameters()) == 1_966_628


def test_weights_of_other_files_keep_their_own_names(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(weights_of(mine.read_bytes(), read_manifest(mine)))
    names = {tensor.name for tensor in onnx.load(mine).graph.initializer if len(tensor.dims)}
    with safe_open(tmp_path / "w.safetensors", framework="numpy") as file:
        assert {*file.keys()} <= names
        assert file.get_tensor(max(file.keys())).size
        assert Manifest.from_json(file.metadata()[METADATA_KEY]).name == "mine"


@pytest.mark.usefixtures("login")
def test_a_readme_that_lies_beside_a_file_is_not_taken_for_its_card(hub: FakeHub, mine: Path, tmp_path: Path) -> None:
    loose = tmp_path / "project" / "net.onnx"
    loose.parent.mkdir()
    loose.write_bytes(mine.read_bytes())
    (loose.parent / "README.md").write_text("# Secret notes\n")
    push(PushConfig(model=str(loose), repository="ann/net"))
    assert b"Secret" not in hub.repositories["ann/net"].commits[-1]["README.md"]


@pytest.mark.usefixtures("login")
def test_a_card_of_an_export_says_how_to_pull(hub: FakeHub, tmp_path: Path) -> None:
    source = make_model(tmp_path / "source.onnx", scale=2, name="mine", license="MIT")
    out = tmp_path / "new" / "model.onnx"
    list(export(ExportConfig(source=str(source), out=out, card=True)))
    push(PushConfig(model=str(out), repository="ann/mine"))
    files = hub.repositories["ann/mine"].commits[-1]
    assert b"    translate models pull ann/mine\n    translate run PICTURES -m mine -o out\n" in files["README.md"]
    assert files["sample.png"] == out.with_name("sample.png").read_bytes()


@pytest.mark.usefixtures("login")
def test_other_repositories_are_left_alone(hub: FakeHub, mine: Path) -> None:
    hub.add("ann/bert", {"pytorch_model.bin": b"..."})
    with pytest.raises(HubError, match=r"holds something else \(pytorch_model\.bin\); nothing was sent"):
        push(PushConfig(model="mine", repository="ann/bert"))
    assert len(hub.repositories["ann/bert"].commits) == 2
    push(PushConfig(model="mine", repository="ann/mine"))
    push(PushConfig(model="texture-x4", repository="ann/mine"))
    assert len(hub.repositories["ann/mine"].commits) == 3


@pytest.mark.usefixtures("login")
def test_a_private_one_is_made_private(hub: FakeHub, mine: Path) -> None:
    push(PushConfig(model="mine", repository="ann/mine", private=True))
    assert hub.repositories["ann/mine"].private


def test_without_a_token_nothing_is_asked(hub: FakeHub, mine: Path) -> None:
    with pytest.raises(HubError, match=r"needs an account.*HF_TOKEN"):
        push(PushConfig(model="mine", repository="ann/mine"))
    assert not hub.requests


def test_a_token_that_is_refused(hub: FakeHub, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(HubError, match="ann/mine"):
        push(PushConfig(model="mine", repository="ann/mine"))
    assert not hub.repositories


def test_offline_only_says_what_would_be_sent(hub: FakeHub, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "push", "mine", "ann/mine", "--offline"]) == 0
    told = capsys.readouterr().out
    assert "model.safetensors" in told
    assert "would be sent to ann/mine; nothing was." in told
    assert not hub.requests


def test_only_a_repository_is_pushed_to(mine: Path) -> None:
    with pytest.raises(UsageError, match=r"write user/repo, without"):
        push(PushConfig(model="mine", repository="ann/mine@main"))
