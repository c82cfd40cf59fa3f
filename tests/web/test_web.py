"""The page as a program uses it: a started server, gradio_client, and the files that come back."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from onnx_models import make_model
from PIL import Image
from web_pictures import make_picture

from translate.batch import run
from translate.config import RunConfig
from translate.images import read_picture
from translate.store import list_models
from translate.web.work import new_place

ROOT = Path(__file__).parents[2]
PORT = 17860


def shape(path: str | Path) -> tuple[str, tuple[int, int]]:
    with Image.open(path) as image:
        return image.mode, image.size


@pytest.mark.parametrize(
    "name", ["sprite with ümlaut.png", "deep.png", "grey with alpha.png", "dot.png", "wall.tga", "photo.jpg"]
)
@pytest.mark.parametrize("model", ["twice", "negative"])
def test_the_download_is_the_file_that_the_engine_wrote(
    client: Client, here: None, tmp_path: Path, name: str, model: str
) -> None:
    source = make_picture(tmp_path / name)
    slider, download, summary = client.predict(model, handle_file(source), api_name="/translate")

    report = run(RunConfig(inputs=(source,), model=(model,), out=tmp_path / "out", device="cpu", format="png"))
    (outcome,) = report.outcomes
    assert Path(download).read_bytes() == outcome.output.read_bytes()
    assert Path(download).name == f"{source.stem}_{model}.png"

    picture, result = read_picture(source), read_picture(Path(download))
    assert result.color.dtype == picture.color.dtype
    assert (result.alpha is None) == (picture.alpha is None)
    assert result.dpi == picture.dpi
    width, height = picture.size
    assert f"{width} × {height} → {result.size[0]} × {result.size[1]} pixels" in summary
    assert summary.startswith(f"{model} on {report.device}")
    assert outcome.how in summary
    modes = [("L" if p.color.ndim == 2 else "RGB") + ("A" if p.alpha is not None else "") for p in (picture, result)]
    assert [shape(side) for side in slider] == [(mode, result.size) for mode in modes]


def test_a_large_result_is_shrunk_for_the_slider_only(client: Client, tmp_path: Path) -> None:
    source = tmp_path / "long.png"
    Image.new("RGB", (1500, 20), "red").save(source)
    slider, download, summary = client.predict("twice", handle_file(source), api_name="/translate")
    assert shape(download) == ("RGB", (3000, 40))
    assert [shape(side) for side in slider] == [("RGB", (2048, 27))] * 2
    assert "The slider shows 2048 × 27" in summary


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.png", b"no picture at all", "cannot read notes.png: not a picture"),
        (
            "drawing.svg",
            b"<svg width='9' height='9'/>",
            "cannot read drawing.svg: not a picture",
        ),
        ("empty.png", b"", "cannot read empty.png: the file is empty"),
    ],
)
def test_a_bad_file_gets_the_sentence(
    client: Client, files: Path, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(AppError) as caught:
        client.predict("twice", handle_file(source), api_name="/translate")
    assert caught.value.message.startswith(words)
    assert str(files) not in caught.value.message
    assert "Traceback" not in caught.value.message


def test_pixel_limits_hold_for_picture_and_result(client: Client, tmp_path: Path) -> None:
    for size in ((501, 500), (400, 400)):
        source = tmp_path / "large.png"
        Image.new("L", size).save(source)
        with pytest.raises(AppError, match=r"250,000; that is this server's limit\.$") as caught:
            client.predict("twice", handle_file(source), api_name="/translate")
        assert "--max-pixels" not in caught.value.message


def test_no_picture_gets_a_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="drop a picture first"):
        client.predict("twice", None, api_name="/translate")


def test_visitors_name_models_not_files(client: Client, models: Path, tmp_path: Path) -> None:
    source = make_picture(tmp_path / "a.png")
    for model in (str(models / "twice" / "model.onnx"), "../twice", "broken"):
        with pytest.raises(AppError, match=f"^no model named '{re.escape(model)}'"):
            client.predict(model, handle_file(source), api_name="/translate")


@pytest.mark.parametrize("place", ["model", "picture"])
@pytest.mark.parametrize("given", ["http://example.invalid/a.png", "https://example.invalid/a.png"])
def test_addresses_are_not_fetched(address: str, place: str, given: str) -> None:
    file = {"path": given, "url": given, "meta": {"_type": "gradio.FileData"}}
    data = {"model": file, "picture": None} if place == "model" else {"model": "twice", "picture": file}
    event = httpx.post(f"{address}gradio_api/call/v2/translate", json=data).json()["event_id"]
    answer = httpx.get(f"{address}gradio_api/call/translate/{event}", timeout=60).text
    assert "upload the file itself" in answer
    assert httpx.get(f"{address}gradio_api/file={given}").text == "web addresses are not opened."


def test_files_of_the_machine_are_out_of_reach(address: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    upload = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.txt", b"mine")}).json()[0]
    assert httpx.get(f"{address}gradio_api/file={upload}").text == "mine"
    for path in (secret, ROOT / "pyproject.toml", f"{Path(upload).parent}/../../../../../etc/passwd"):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code == 403


def test_the_page_asks_nothing_of_other_machines(address: str) -> None:
    page = httpx.get(address).text
    config = httpx.get(f"{address}config").json()
    assert "fonts.googleapis" not in page
    assert config["stylesheets"] == []
    assert config["analytics_enabled"] is False
    assert httpx.get(f"{address}monitoring").status_code in (403, 404)


def test_the_api_has_documented_actions(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/translate", "/models", "/convert", "/cancel"}
    for action in endpoints.values():
        assert len(action["description"]) > 10
    options = [p["parameter_name"] for p in endpoints["/translate"]["parameters"] if p["parameter_has_default"]]
    assert {"strength", "size", "scale", "alpha", "seamless", "normal_map", "format", "quality"} < set(options)


def test_models_are_listed_anew(client: Client, models: Path) -> None:
    shipped = [model.name for model in list_models() if model.origin == "shipped"]
    listed = [model["name"] for model in client.predict(api_name="/models")]
    assert listed == sorted(["negative", "slow", "twice", *shipped])
    make_model(models / "late" / "model.onnx", scale=1, name="late")
    try:
        assert "late" in [model["name"] for model in client.predict(api_name="/models")]
    finally:
        shutil.rmtree(models / "late")


def test_folders_that_are_long_empty_are_removed() -> None:
    empty, full, fresh = (new_place("result.png") for _ in range(3))
    full.write_bytes(b"picture")
    for place in (empty, full):
        os.utime(place.parent, (0, 0))
    new_place("another.png")
    assert [place.parent.is_dir() for place in (empty, full, fresh)] == [False, True, True]
    assert full.read_bytes() == b"picture"


def test_a_failure_leaves_no_earlier_result(address: str) -> None:
    """Whatever shows a result is filled anew when the action that would have replaced it fails."""
    config = httpx.get(f"{address}config").json()
    (slider,) = (part["id"] for part in config["components"] if part["type"] == "imageslider")
    actions = config["dependencies"]
    shows = [action for action in actions if slider in action["outputs"] and action["trigger_after"] is None]
    shows = [action for action in shows if len(action["outputs"]) > 1]  # one only moves the line
    assert len(shows) == 2
    for action in shows:
        after = [a for a in actions if a["trigger_after"] == action["id"] and a["trigger_only_on_failure"]]
        assert [a["outputs"] for a in after] == [action["outputs"]]


def test_app_py_is_a_few_lines() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 15
