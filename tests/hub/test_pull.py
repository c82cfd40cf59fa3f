"""From the Hub: what is fetched, what is refused, and what is said without a network."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from pathlib import Path

import pytest
from fake_hub import FakeHub, fake_hub

from models.errors import BadModelFile, ConfigError, HubError, UsageError
from translate.cli import main
from translate.hub import pull
from translate.hub.config import PullConfig
from translate.store import describe_model, find_model, list_models, remove_model


def test_a_model_is_fetched_checked_and_recorded(hub: FakeHub, published: dict[str, bytes], tmp_path: Path) -> None:
    repository = hub.add("ann/twice", published)
    pulled = pull(PullConfig(repository="ann/twice"))
    folder = tmp_path / "models" / "twice"
    assert pulled.fetched
    assert pulled.path == folder / "model.onnx" == find_model("twice")
    assert {file.name for file in folder.iterdir()} == {"model.onnx", "model.json", "README.md", "sample.png"}
    assert pulled.path.read_bytes() == published["model.onnx"]
    model = describe_model("twice")
    assert (model.origin, model.source) == ("downloaded", f"ann/twice@{repository.sha(1)}")
    assert model.sha256 == pulled.sha256 == hashlib.sha256(published["model.onnx"]).hexdigest()
    assert not [line for line in hub.requests if "run.py" in line or "safetensors" in line]
    assert json.loads((folder / "model.json").read_text())["source"].endswith(repository.sha(1))


def test_a_file_that_was_changed_since_is_refused(hub: FakeHub, published: dict[str, bytes]) -> None:
    hub.add("ann/twice", published)
    path = pull(PullConfig(repository="ann/twice")).path
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BadModelFile, match="not the file that was installed"):
        find_model("twice")


def test_a_revision_stays_what_it_was(hub: FakeHub, published: dict[str, bytes]) -> None:
    repository = hub.add("ann/twice", published)
    first = repository.sha(1)
    repository.commits.append({**repository.commits[-1], "model.onnx": b"a later, broken one"})
    assert pull(PullConfig(repository=f"ann/twice@{first}", name="old")).place.revision == first
    with pytest.raises(BadModelFile, match="not an ONNX file"):
        pull(PullConfig(repository="ann/twice"))
    with pytest.raises(HubError, match="no revision 'v9'"):
        pull(PullConfig(repository="ann/twice@v9"))
    assert [model.name for model in list_models() if model.origin != "shipped"] == ["old"]


def test_what_is_here_already_is_not_fetched_again(hub: FakeHub, published: dict[str, bytes]) -> None:
    repository = hub.add("ann/twice", published)
    pull(PullConfig(repository="ann/twice"))
    hub.requests.clear()
    assert not pull(PullConfig(repository="ann/twice")).fetched
    assert not [line for line in hub.requests if "resolve" in line]
    repository.commits.append({**repository.commits[-1], "README.md": b"a newer card"})
    with pytest.raises(ConfigError, match=r"model named 'twice'.*--replace"):
        pull(PullConfig(repository="ann/twice"))
    pulled = pull(PullConfig(repository="ann/twice", replace=True))
    assert pulled.path.with_name("README.md").read_bytes() == b"a newer card"


def test_removing_takes_the_card_along(hub: FakeHub, published: dict[str, bytes], tmp_path: Path) -> None:
    hub.add("ann/twice", published)
    pull(PullConfig(repository="ann/twice"))
    remove_model("twice")
    assert not (tmp_path / "models" / "twice").exists()


@pytest.mark.parametrize("lie", ["model.onnx", "manifest.json"])
def test_another_file_than_the_hub_lists_is_not_kept(
    hub: FakeHub, published: dict[str, bytes], tmp_path: Path, lie: str
) -> None:
    data = published[lie]
    hub.add("ann/twice", published, served={lie: data[:-1] + bytes([data[-1] ^ 1])})
    with pytest.raises(HubError, match=f"{lie} is not the file that the Hub lists: its hash is"):
        pull(PullConfig(repository="ann/twice"))
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("missing", ["model.onnx", "manifest.json"])
def test_repositories_that_are_not_ours(hub: FakeHub, published: dict[str, bytes], missing: str) -> None:
    files = {name: data for name, data in published.items() if name != missing}
    hub.add("ann/other", files | {"net.pth": b"pickled"})
    with pytest.raises(HubError, match=rf"no model of this application: it lacks {missing}.*net\.pth.*models import"):
        pull(PullConfig(repository="ann/other"))
    assert not [line for line in hub.requests if "resolve" in line]


def test_a_manifest_of_another_model(hub: FakeHub, published: dict[str, bytes]) -> None:
    other = json.loads(published["manifest.json"]) | {"name": "thrice"}
    hub.add("ann/twice", published | {"manifest.json": json.dumps(other).encode()})
    with pytest.raises(HubError, match="describes another model"):
        pull(PullConfig(repository="ann/twice"))
    hub.add("ann/odd", published | {"manifest.json": b"[]"})
    with pytest.raises(HubError, match="not a JSON object"):
        pull(PullConfig(repository="ann/odd"))


@pytest.mark.parametrize(("file", "size"), [("model.onnx", 2**31), ("README.md", 2_000_000), ("sample.png", 10**9)])
def test_huge_files_are_refused_unread(hub: FakeHub, published: dict[str, bytes], file: str, size: int) -> None:
    hub.add("ann/huge", published, sizes={file: size})
    with pytest.raises(HubError, match=rf"{file} has .*B; at most .* are fetched"):
        pull(PullConfig(repository="ann/huge"))
    assert not [line for line in hub.requests if "resolve" in line]


def test_private_and_gated_ones_ask_for_a_token(
    hub: FakeHub, published: dict[str, bytes], request: pytest.FixtureRequest
) -> None:
    hub.add("ann/secret", published, private=True)
    hub.add("ann/gated", published, gated=True)
    with pytest.raises(HubError, match=r"no repository ann/secret.*hf auth login.*HF_TOKEN"):
        pull(PullConfig(repository="ann/secret"))
    with pytest.raises(HubError, match="owner grants access"):
        pull(PullConfig(repository="ann/gated"))
    request.getfixturevalue("login")
    assert pull(PullConfig(repository="ann/secret")).fetched


@pytest.mark.parametrize("text", ["twice", "https://huggingface.co/ann/twice", "a/b/c", "../x", "ann/twice@", "-a/b"])
def test_what_is_no_repository(hub: FakeHub, text: str) -> None:
    with pytest.raises(UsageError, match="no repository of the Hub: write user/repo"):
        pull(PullConfig(repository=text))
    assert not hub.requests


def test_offline_makes_no_connection(
    hub: FakeHub, published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("ann/twice", published)
    with pytest.raises(HubError, match=r"ann/twice is not here, and no connection may be made"):
        pull(PullConfig(repository="ann/twice", offline=True))
    assert not hub.requests
    pull(PullConfig(repository="ann/twice"))
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not pull(PullConfig(repository="ann/twice")).fetched
    with pytest.raises(HubError, match="is not here"):
        pull(PullConfig(repository=f"ann/twice@{'0' * 40}"))
    assert not hub.requests


def test_no_network_is_said_without_trying_again(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits to try again"))
        assert main(["models", "pull", "ann/twice"]) == 1
    told = capsys.readouterr().err
    assert "cannot be reached for ann/twice" in told
    assert "Is there a network?" in told
    assert len(told.splitlines()) == 1


def test_the_command_says_what_came_from_where(
    hub: FakeHub, published: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    repository = hub.add("ann/twice", published)
    assert main(["models", "pull", "ann/twice", "--name", "mine"]) == 0
    told = capsys.readouterr().out
    assert f"from ann/twice@{repository.sha(1)}, SHA-256 {hashlib.sha256(published['model.onnx']).hexdigest()}" in told
    assert "Terms: CC0-1.0" in told
    assert main(["models", "show", "mine"]) == 0
    assert f"ann/twice@{repository.sha(1)}" in capsys.readouterr().out


def test_the_server_ends_with_its_test() -> None:
    with fake_hub() as started:
        port = int(started.address.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
