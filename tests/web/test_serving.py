"""Who reaches the page, and with what."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import httpx
import pytest

from models.errors import ConfigError
from translate.config import AppConfig
from translate.web import server
from translate.web.access import may_manage, read_accounts
from translate.web.server import free_port, serve

PORT = 17860


@pytest.mark.parametrize("auth", [("user",), (":password",), ("user:",), ("good:one", "bad")])
def test_accounts_are_user_and_password(auth: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="is not user:password") as caught:
        serve(AppConfig(auth=auth))
    assert all(entry not in str(caught.value) for entry in ("password,", "bad"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "pc.example"])  # noqa: S104
def test_other_machines_need_an_account(host: str) -> None:
    with pytest.raises(ConfigError, match="--auth user:password"):
        serve(AppConfig(host=host))


def test_accounts_are_asked_for(addresses: list[str]) -> None:
    locked = addresses[1]
    assert httpx.get(f"{locked}config").status_code == 401
    for password, status in (("wrong", 400), ("right", 200)):
        form = {"username": "user", "password": password}
        assert httpx.post(f"{locked}login", data=form).status_code == status


def test_serving_hands_the_accounts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    launched = []

    def spy(*arguments: object) -> None:
        launched.append(arguments)
        raise InterruptedError

    monkeypatch.setattr(server, "launch", spy)
    monkeypatch.setattr(server.signal, "signal", lambda *_: None)
    with pytest.raises(InterruptedError):
        serve(AppConfig(port=PORT, auth=("user:right", "b:c:d")), app=object())
    assert launched[0][3] == [("user", "right"), ("b", "c:d")]


def test_a_taken_port_gives_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) <= port + 100


def test_others_come_in_where_that_is_spelled_out() -> None:
    assert read_accounts(AppConfig(host="0.0.0.0", no_auth=True)) is None  # noqa: S104
    with pytest.raises(ConfigError, match="choose"):
        AppConfig(no_auth=True, auth=("user:right",))


def test_accounts_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    file.write_text("# who\n\nanna:one\n ben:two:three \n")
    assert read_accounts(AppConfig(host="0.0.0.0", auth_file=file)) == [("anna", "one"), ("ben", "two:three")]  # noqa: S104
    file.write_text("anna\n")
    with pytest.raises(ConfigError, match=r"line 1 of .* is not user:password"):
        read_accounts(AppConfig(auth_file=file))
    file.write_text("# nobody\n")
    with pytest.raises(ConfigError, match="holds no account"):
        read_accounts(AppConfig(auth_file=file))
    with pytest.raises(ConfigError, match="cannot read --auth-file"):
        read_accounts(AppConfig(auth_file=tmp_path / "none"))


def test_a_space_serves_all_and_manages_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_manage(AppConfig())
    assert not may_manage(AppConfig(host="0.0.0.0"))  # noqa: S104
    monkeypatch.setenv("SPACE_ID", "someone/something")
    assert not may_manage(AppConfig())
    launched = []

    def spy(*arguments: object) -> None:
        launched.append(arguments)
        raise InterruptedError

    monkeypatch.setattr(server, "launch", spy)
    monkeypatch.setattr(server.signal, "signal", lambda *_: None)
    with pytest.raises(InterruptedError):
        serve(AppConfig(port=PORT), app=object())
    (_, config, _, accounts) = launched[0]
    assert (config.host, accounts) == ("0.0.0.0", None)  # noqa: S104


def test_health_needs_no_account(addresses: list[str]) -> None:
    for address in addresses:
        answer = httpx.get(f"{address}health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_large_requests_are_refused_before_they_are_read(address: str) -> None:
    place = f"{address}gradio_api/call/v2/translate"
    assert httpx.post(place, json={"model": "x" * 2_000_000}).status_code == 413

    def drip() -> object:
        for _ in range(50):
            yield b"x" * 100_000

    with pytest.raises(httpx.HTTPError):
        httpx.post(place, content=drip()).raise_for_status()


def test_large_uploads_are_refused(address: str) -> None:
    answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.png", b"x" * 3_000_001)})
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "..\\..\\evil.png"])
def test_names_of_uploads_lead_nowhere(address: str, files: Path, name: str) -> None:
    (place,) = httpx.post(f"{address}gradio_api/upload", files={"files": (name, b"mine")}).json()
    assert Path(place).resolve().is_relative_to(files.resolve())
    assert Path(place).read_bytes() == b"mine"


def test_spaces_installs_what_the_project_needs() -> None:
    root = Path(__file__).parents[2]
    needed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == needed, "run make requirements"
    assert "\nsdk: gradio\napp_file: app.py\n" in (root / "README.md").read_text(encoding="utf-8")
