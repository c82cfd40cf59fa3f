"""Folders in, folders out; whatever is wrong with one file, the others are done."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import Double, config, doubling, draw, tree
from onnx_models import make_model
from PIL import Image

from models.errors import BadPicture, UnknownModel
from translate.batch import run
from translate.config import RunConfig
from translate.folders import intake, pipeline
from translate.inference.chain import Chain


def test_what_exists_is_skipped_or_replaced(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    draw(pictures / "a.png")
    draw(pictures / "b.png")
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    opened: list[int] = []
    report = run(config(pictures, out=out), doubling(), on_open=lambda chain, files: opened.append(files))
    assert [outcome.status for outcome in report.outcomes] == ["skipped", "done"]
    assert (out / "a.png").read_bytes() == b"mine"
    assert opened == [1]
    run(config(pictures, out=out, on_exists="overwrite"), doubling())
    assert (out / "a.png").read_bytes() != b"mine"


def test_nothing_is_opened_if_all_is_done(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/a.png")
    run(config(picture, out=tmp_path / "out"), doubling())
    report = run(config(picture, out=tmp_path / "out"))  # opening 'double' by name would fail
    assert (report.count("skipped"), report.device, report.exit_code) == (1, "", 0)


@pytest.mark.parametrize(
    "fails", [BadPicture("no"), MemoryError(), OSError(28, "No space left"), RuntimeError("from a runtime")]
)
def test_a_file_that_fails_is_reported_and_the_others_are_done(tmp_path: Path, fails: Exception) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    for name in "abcdefghijkl":
        draw(pictures / f"{name}.png")
    (pictures / "b.png").write_bytes(b"")
    report = run(config(pictures, out=out, jobs=1), doubling(fails, at=3))
    assert (report.count("done"), report.count("failed"), report.exit_code) == (10, 2, 1)
    assert report.outcomes[1].reason == f"cannot read {pictures / 'b.png'}: the file is empty."
    assert str(pictures / "d.png") in report.outcomes[3].reason
    assert report.outcomes[3].size_after is None
    assert tree(out) == {f"{name}.png" for name in "acefghijkl"}


def test_results_that_cannot_be_written_are_reported(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    draw(pictures / "sub/a.png")
    draw(pictures / "b.png")
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    report = run(config(pictures, out=out), doubling())
    failed = [outcome for outcome in report.outcomes if outcome.status == "failed"]
    assert [outcome.input.name for outcome in failed] == ["a.png"]
    assert "cannot write" in failed[0].reason
    assert tree(out) == {"b.png", "sub"}


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "in/a.png")
    closed = draw(tmp_path / "in/closed/b.png").parent
    scan = os.scandir

    def refuse(place: Any) -> Any:
        if Path(place) == closed:
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    report = run(config(tmp_path / "in", out=tmp_path / "out"), doubling())
    assert [outcome.status for outcome in report.outcomes] == ["done", "failed"]
    assert report.outcomes[1].reason == f"cannot list {closed}: Permission denied."


def test_stop_finishes_what_is_in_hand(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    for number in range(20):
        draw(pictures / f"{number:02}.png")
    stop = threading.Event()
    report = run(config(pictures, out=out, jobs=1), doubling(at=5, then=stop.set), stop=stop)
    assert (report.count("done"), report.interrupted, report.exit_code) == (5, True, 130)
    assert tree(out) == {f"{number:02}.png" for number in range(5)}
    assert run(config(pictures, out=out), doubling()).count("done") == 15


def test_only_a_few_pictures_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tmp_path / "in"
    for number in range(30):
        draw(pictures / f"{number:02}.png")
    monkeypatch.setattr(intake, "AHEAD", 4)
    read, written, most = [0], [0], [0]
    reading, writing = pipeline.read_picture, pipeline.write_picture

    def count_read(*arguments: Any) -> Any:
        read[0] += 1
        most[0] = max(most[0], read[0] - written[0])
        return reading(*arguments)

    def count_written(*arguments: Any) -> Any:
        picture = writing(*arguments)
        written[0] += 1
        return picture

    monkeypatch.setattr(pipeline, "read_picture", count_read)
    monkeypatch.setattr(pipeline, "write_picture", count_written)
    run(config(pictures, out=tmp_path / "out", jobs=2), doubling())
    assert written[0] == 30
    waiting_to_be_read, being_written_with_two_workers = 4, 2 * 2
    assert most[0] <= waiting_to_be_read + 1 + being_written_with_two_workers + 1


def test_large_pictures_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tmp_path / "in"
    for number in range(12):
        draw(pictures / f"{number:02}.png")
    monkeypatch.setattr(pipeline, "room_for_results", lambda memory: 4 * 4)
    piled: list[int] = []
    translated, written = [0], [0]
    translating, writing = pipeline.translate_picture, pipeline.write_picture

    def count_translated(*arguments: Any) -> Any:
        piled.append(translated[0] - written[0])
        translated[0] += 1
        return translating(*arguments)

    def count_written(*arguments: Any) -> Any:
        picture = writing(*arguments)
        written[0] += 1
        return picture

    monkeypatch.setattr(pipeline, "translate_picture", count_translated)
    monkeypatch.setattr(pipeline, "write_picture", count_written)
    assert run(config(pictures, out=tmp_path / "out"), doubling()).count("done") == 12
    assert piled == [0] * 12


def test_the_report_as_json(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/é.png")
    empty = tmp_path / "in/z.png"
    empty.write_bytes(b"")
    content = json.loads(run(config(picture, empty, out=tmp_path / "out"), doubling()).to_json())
    assert (content["done"], content["failed"], content["skipped"]) == (1, 1, 0)
    done, failed = content["files"]
    assert done["input"] == str(picture)
    assert done["output"] == str(tmp_path / "out/é.png")
    assert (done["size_before"], done["size_after"], done["status"]) == ([4, 4], [8, 8], "done")
    assert "empty" in failed["reason"]


def test_with_a_real_model(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m.onnx", scale=4, paint="identity", name="times4")
    picture = draw(tmp_path / "in/a.png", 6)
    rgba = np.dstack([np.full((5, 3, 3), 200, np.uint8), np.full((5, 3), 128, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "in/b.png")
    settings = RunConfig(inputs=(tmp_path / "in",), model=(str(model),), out=tmp_path / "out", device="cpu")
    report = run(settings)
    assert [(o.status, o.size_after, o.model) for o in report.outcomes] == [
        ("done", (24, 24), "times4"),
        ("done", (12, 20), "times4"),
    ]
    with Image.open(picture) as before, Image.open(tmp_path / "out/a.png") as after:
        np.testing.assert_array_equal(np.asarray(before).repeat(4, 0).repeat(4, 1), np.asarray(after))
    with Image.open(tmp_path / "out/b.png") as after:
        assert set(map(tuple, np.asarray(after).reshape(-1, 4))) == {(200, 200, 200, 128)}


def test_an_unknown_model_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="double"):
        run(config(draw(tmp_path / "in/a.png"), out=tmp_path / "out"))


def test_small_pictures_of_one_size_are_translated_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tmp_path / "in"
    for number in range(10):
        draw(pictures / f"{number:02}.png")
    draw(pictures / "10.png", side=6)
    (pictures / "11.png").write_text("no picture")
    for number in range(12, 15):
        Image.fromarray(np.full((4, 4, 4), 10 * number, np.uint8)).save(pictures / f"{number}.png")
    monkeypatch.setattr(Double, "most", 4)
    monkeypatch.setattr(intake, "GATHER_SECONDS", 60.0)
    alone, together = doubling(), Double()
    report = run(config(pictures, out=tmp_path / "out"), Chain((together,)))
    assert report.count("done") == 14
    assert sorted(together.batches) == [1, 2, 3, 4, 4]
    assert all(outcome.how == "in one piece" for outcome in report.outcomes if outcome.status == "done")
    monkeypatch.setattr(Double, "most", 1)
    run(config(pictures, out=tmp_path / "alone"), alone)
    for file in sorted((tmp_path / "out").glob("*.png")):
        assert file.read_bytes() == (tmp_path / "alone" / file.name).read_bytes()


def test_one_that_fails_among_many_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Choosy(Double):
        most = 8

        def translated(self, picture: Any) -> Any:
            if (picture == 40).all():
                raise RuntimeError("not this one")
            return super().translated(picture)

    pictures = tmp_path / "in"
    pictures.mkdir()
    for number in range(8):
        Image.fromarray(np.full((4, 4, 3), 10 * number, np.uint8)).save(pictures / f"{number}.png")
    report = run(config(pictures, out=tmp_path / "out"), Chain((Choosy(),)))
    assert [(outcome.input.name, outcome.status) for outcome in report.outcomes if outcome.status != "done"] == [
        ("4.png", "failed")
    ]
    assert "not this one" in report.outcomes[4].reason
