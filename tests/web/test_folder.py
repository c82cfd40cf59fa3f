"""The folder tab as a program uses it, and what it refuses."""

from __future__ import annotations

import json
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from web_pictures import make_picture

from models.errors import TooLarge, TranslateError
from translate.batch import run
from translate.config import AppConfig, RunConfig
from translate.web import many, unpack
from translate.web.engine import Engine
from translate.web.many import Progress, convert_many
from translate.web.options import Options
from translate.web.turns import Job, Stopped, Turns


def test_a_folder_job_with_one_bad_file(client: Client, here: None, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    note = tmp_path / "note.txt"
    note.write_text("x")
    good = make_picture(tmp_path / "good.png")
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(good, "walls/old/brick.png")
        packed.write(make_picture(tmp_path / "deep.png"), "deep.png")
        packed.write(note, "readme.md")
    files = [handle_file(file) for file in (archive, bad, good, note)]
    status, gallery, download, report = client.predict("twice", files, api_name="/convert")
    assert "3 done, 1 failed" in status
    assert "- cannot read bad.png: not a picture" in report
    assert "- readme.md: left out" in report
    assert "- note.txt: left out" in report
    assert [shown["caption"] for shown in gallery] == ["deep.png", "good.png", "walls/old/brick.png"]
    run(RunConfig(inputs=(good,), model=("twice",), out=tmp_path / "out", device="cpu"))
    with zipfile.ZipFile(download) as packed:
        assert set(packed.namelist()) == {"deep.png", "good.png", "walls/old/brick.png", "report.json"}
        assert packed.read("good.png") == packed.read("walls/old/brick.png") == (tmp_path / "out/good.png").read_bytes()
        told = json.loads(packed.read("report.json"))
    assert {file["input"]: file["status"] for file in told["files"]} == {
        "bad.png": "failed",
        "deep.png": "done",
        "good.png": "done",
        "walls/old/brick.png": "done",
    }


def test_no_files_and_no_job_get_sentences(client: Client) -> None:
    with pytest.raises(AppError, match="drop pictures or a zip first"):
        client.predict("twice", None, api_name="/convert")
    assert client.predict(api_name="/cancel") == "Nothing is being converted."


def make_zip(path: Path, name: str, content: bytes = b"x", mode: int = 0o100644) -> Path:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png", "..\\a.png", "C:\\a.png"])
def test_zips_write_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(TranslateError, match="outside of its folder"):
        unpack.gather([make_zip(tmp_path / "a.zip", name)], tmp_path / "in", 10)


def test_zips_hold_no_links_and_no_bombs(tmp_path: Path) -> None:
    link = make_zip(tmp_path / "link.zip", "a.png", b"/etc/passwd", 0o120777)
    with pytest.raises(TranslateError, match="symbolic link"):
        unpack.gather([link], tmp_path / "in", 10)
    bomb = make_zip(tmp_path / "bomb.zip", "a.bmp", bytes(unpack.FREE_BYTES + 1))
    with pytest.raises(TooLarge, match="times its size; that is this server's limit"):
        unpack.gather([bomb], tmp_path / "in", 10)
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(TranslateError, match=r"cannot open damaged\.zip"):
        unpack.gather([damaged], tmp_path / "in", 10)
    with zipfile.ZipFile(tmp_path / "full.zip", "w") as packed:
        for number in range(11):
            packed.writestr(f"{number}.txt", b"")
    with pytest.raises(TooLarge, match="holds 11 files"):
        unpack.gather([tmp_path / "full.zip"], tmp_path / "in", 10)
    assert not (tmp_path / "in").exists()


def test_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_text(folder)
    into = tmp_path / "in"
    into.mkdir()
    unpack.gather([tmp_path / "one/a.png", tmp_path / "two/a.png"], into, 2)
    assert {file.name: file.read_text() for file in into.iterdir()} == {"a.png": "one", "a (2).png": "two"}
    with pytest.raises(TooLarge, match="more than 1 files"):
        unpack.gather([tmp_path / "one/a.png", tmp_path / "two/a.png"], tmp_path / "in", 1)


def pictures(folder: Path, count: int) -> list[Path]:
    for number in range(count):  # of sizes of their own, so that none are computed together
        Image.fromarray(np.zeros((8 + number, 9, 3), np.uint8)).save(folder / f"{number:02}.png")
    return sorted(folder.glob("*.png"))


def test_stopping_keeps_what_is_done(here: None, tmp_path: Path) -> None:
    engine = Engine(AppConfig(device="cpu"))
    job = engine.job()

    def advanced(progress: Progress) -> None:
        if progress.done == 2:
            job.end("it was stopped.")

    results = convert_many(engine, Options("twice"), pictures(tmp_path, 30), job, advanced)
    assert results.stopped == "it was stopped."
    assert 2 <= results.report.count("done") < 30
    assert results.report.count("failed") == 0
    assert results.archive
    with zipfile.ZipFile(results.archive) as packed:
        assert len(packed.namelist()) == results.report.count("done") + 1


def test_a_full_disk_and_a_long_time_end_the_job(here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = pictures(tmp_path, 12)
    engine = Engine(AppConfig(device="cpu"))
    late = convert_many(engine, Options("twice"), files, Job(seconds=0.0), lambda _: None)
    assert late.stopped.startswith("it took longer than 0 seconds")
    assert (late.report.count("done"), late.archive) == (0, None)
    monkeypatch.setattr(many, "DISK_LEFT", 2**80)
    full = convert_many(engine, Options("twice"), files, engine.job(), lambda _: None)
    assert full.stopped == "the server's disk is full."


def test_a_picture_that_takes_too_long_is_refused(here: None, tmp_path: Path) -> None:
    engine = Engine(AppConfig(device="cpu", job_seconds=1e-9))
    with pytest.raises(Stopped, match="it took longer than"):
        engine.translate(Options("twice"), make_picture(tmp_path / "a.png"), engine.job())


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, order = Turns(), list[int]()
    with turns.mine():
        waiting = []
        for number in range(5):

            def take(number: int = number) -> None:
                with turns.mine():
                    order.append(number)

            thread = threading.Thread(target=take)
            thread.start()
            waiting.append(thread)
            while turns.waiting < number + 2:
                pass
    for thread in waiting:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
