"""Folders in, folders out; whatever is wrong with one file, the others are done."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import make_model
from PIL import Image

from models.errors import BadPicture, UnknownModel, UsageError
from models.manifest import Manifest
from translate.batch import AHEAD, run
from translate.config import RunConfig
from translate.images import PARTIAL
from translate.plan import plan
from translate.report import Outcome

RANDOM = np.random.default_rng(0)


class Double:
    """A translator that repeats pixels and fails where it is told to."""

    manifest = Manifest(name="double", task="super-resolution", source="a", target="b", generator="none", scale=2)
    device = "test"

    def __init__(self, fails: BaseException | None = None, at: int = 0, then: Any = None) -> None:
        self.fails, self.at, self.then, self.calls = fails, at, then, 0

    def __call__(self, picture: Any, /) -> Any:
        self.calls += 1
        if self.calls == self.at:
            if self.then:
                self.then()
            if self.fails:
                raise self.fails
        return picture.repeat(2, 0).repeat(2, 1)


def draw(path: Path, side: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return path


def config(*inputs: Path, out: Path, **options: Any) -> RunConfig:
    return RunConfig(inputs=inputs, model="double", out=out, **options)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_tree_is_mirrored_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.png", "B c/d.JPG", "B c/ü/e.webp", "B c/ü/f.tga", "日本/g.bmp"):
        draw(pictures / name)
    (pictures / "readme.txt").write_text("no picture")
    draw(pictures / ".hidden.png")
    draw(pictures / ".git/h.png")
    draw(tmp_path / "elsewhere/i.png")
    (pictures / "link.png").symlink_to(tmp_path / "elsewhere/i.png")
    (pictures / "folder").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    told: list[Outcome] = []
    report = run(config(pictures, out=out), Double(), on_progress=told.append)
    assert tree(out) == {"a.png", "B c/d.JPG", "B c/ü/e.webp", "B c/ü/f.tga", "日本/g.bmp"}
    assert (report.exit_code, report.count("done"), report.device) == (0, 5, "test")
    assert {outcome.input for outcome in told} == {outcome.input for outcome in report.outcomes}
    assert [o.input for o in report.outcomes] == [job.source for job in plan(config(pictures, out=out))]
    for outcome in report.outcomes:
        assert (outcome.size_before, outcome.size_after, outcome.model) == ((4, 4), (8, 8), "double")
        with Image.open(outcome.output) as image:
            assert image.size == (8, 8)
    assert not any(PARTIAL in name for name in tree(tmp_path))


def test_a_single_file_goes_to_out_under_its_name_whatever_its_extension(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/x.png").rename(tmp_path / "in/x.texture")
    run(config(picture, out=tmp_path / "out"), Double())
    assert tree(tmp_path / "out") == {"x.texture"}


def test_out_inside_the_input_is_not_read_again(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    out = tmp_path / "sub/out"
    options = {"out": out, "on_exists": "overwrite", "overview": tmp_path / "sheet.png"}
    for _ in range(2):
        report = run(config(tmp_path, **options), Double())
        assert [outcome.input.name for outcome in report.outcomes] == ["a.png"]
    assert tree(out) == {"a.png"}


def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    one, two = draw(tmp_path / "one/a.png"), draw(tmp_path / "two/a.png")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    (tmp_path / "taken").write_text("")
    for inputs, options, reason in (
        ([one, two], {}, r"one/a.png and .*two/a.png would both become .*out/a.png"),
        ([one.parent, two], {}, "would both become"),
        ([tmp_path / "missing"], {}, "no such file or folder: .*missing"),
        ([tmp_path / "empty"], {}, "no pictures in .*empty; looked for .png"),
        ([one], {"out": one.parent}, "would replace its input"),
        ([one.parent], {"out": one.parent}, "would replace its input"),
        ([one], {"out": tmp_path / "taken"}, "taken is a file"),
        ([one], {"out": tmp_path / "taken/deep/er"}, "taken is a file"),
        ([two], {"out": one.parent, "on_exists": "error"}, "is there already"),
    ):
        translator = Double()
        with pytest.raises(UsageError, match=reason):
            run(config(*inputs, **({"out": out} | options)), translator)
        assert translator.calls == 0
        assert not out.exists()
    assert len(plan(config(one, one, out=out))) == 1


def test_an_overview_replaces_nothing_but_an_overview(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    picture, other = draw(pictures / "a.png"), draw(pictures / "b.png")
    os.link(picture, tmp_path / "linked.png")
    draw(tmp_path / "elsewhere.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    for inputs, overview in (
        ([picture], picture),
        ([picture], tmp_path / "linked.png"),
        ([pictures], other),
        ([pictures], pictures / "../in/b.png"),
        ([pictures], out / "b.png"),
        ([pictures], tmp_path / "elsewhere.png"),
        ([pictures], Path(os.path.relpath(other))),
    ):
        translator = Double()
        with pytest.raises(UsageError, match=r"overview .*(give it another|name another)|is no overview"):
            run(config(*inputs, out=out, overview=overview), translator)
        assert translator.calls == 0
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


def test_overviews_in_the_input_folder_are_no_input(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    for name in ("one.png", "two.png", "one.png"):
        options: dict[str, Any] = {"out": tmp_path / "out", "on_exists": "overwrite", "overview": tmp_path / name}
        assert [o.input.name for o in run(config(tmp_path, **options), Double()).outcomes] == ["a.png"]
    sheet = tmp_path / "one.png"
    with pytest.raises(UsageError, match="is also an input"):
        run(config(sheet, out=tmp_path / "out", overview=sheet), Double())
    assert run(config(sheet, out=tmp_path / "out"), Double()).count("done") == 1


def test_an_overview_that_fails_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(tmp_path / "in/a.png")
    (tmp_path / "file").write_text("")
    report = run(config(picture, out=tmp_path / "out", overview=tmp_path / "file/sheet.png"), Double())
    assert (report.count("done"), report.exit_code) == (1, 1)
    assert "cannot write" in report.problem
    assert "file/sheet.png" in report.problem
    assert json.loads(report.to_json())["problem"] == report.problem
    monkeypatch.setattr("translate.overview._cell", lambda *arguments: bytearray(2**62))
    options: dict[str, Any] = {"out": tmp_path / "out2", "overview": tmp_path / "sheet.png"}
    assert "MemoryError" in run(config(picture, **options), Double()).problem
    picture.write_bytes(b"")
    options["out"] = tmp_path / "out3"
    report = run(config(picture, **options), Double())
    assert (report.problem, report.count("failed"), report.exit_code) == ("", 1, 1)
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there alone")
def test_overview_of_relative_and_absolute_and_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "in/a.png")
    odd = draw(tmp_path / "b.png").rename(tmp_path / os.fsdecode(b"b\xff.png"))
    monkeypatch.chdir(tmp_path)
    drawn: list[str] = []
    monkeypatch.setattr("translate.overview._fitting", lambda text, width, font: drawn.append(text) or text)
    report = run(config(Path("in"), odd, out=tmp_path / "out", overview=tmp_path / "sheet.png"), Double())
    assert (report.problem, drawn) == ("", ["in/a.png", "b\ufffd.png"])
    monkeypatch.setattr(os.path, "commonpath", lambda paths: (_ for _ in ()).throw(ValueError("other drives")))
    report = run(config(Path("in"), odd, out=tmp_path / "out2", overview=tmp_path / "sheet.png"), Double())
    assert (report.problem, drawn[2]) == ("", "in/a.png")
    assert json.loads(report.to_json())["files"][1]["input"] == str(odd)
    report.to_json().encode("ascii")


def test_names_that_differ_in_case_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = draw(tmp_path / "one/Ü.png"), draw(tmp_path / "two/u\u0308.png")
    out = tmp_path / "out"
    assert len(plan(config(one, two, out=out))) == 2
    with monkeypatch.context() as patch:
        patch.setattr("sys.platform", "darwin")
        with pytest.raises(UsageError, match="would both become"):
            plan(config(one, two, out=out))
    stat = Path.stat
    lower = str(tmp_path / "one")

    def forgiving(self: Path, **options: Any) -> Any:
        return stat(Path(str(self).replace(str(tmp_path / "ONE"), lower)), **options)

    monkeypatch.setattr(Path, "stat", forgiving)
    with pytest.raises(UsageError, match="would replace its input"):
        plan(config(one, out=tmp_path / "ONE"))


def test_one_input_with_two_results_is_told_twice(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/sub/a.png")
    out = tmp_path / "out"
    report = run(config(tmp_path / "in", picture.parent, out=out), Double(RuntimeError("first"), at=1))
    assert [(o.status, o.output) for o in report.outcomes] == [("failed", out / "sub/a.png"), ("done", out / "a.png")]
    assert report.exit_code == 1


def test_what_exists_is_skipped_or_replaced(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    draw(pictures / "a.png")
    draw(pictures / "b.png")
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    opened: list[int] = []
    report = run(config(pictures, out=out), Double(), on_open=lambda translator, files: opened.append(files))
    assert [outcome.status for outcome in report.outcomes] == ["skipped", "done"]
    assert (out / "a.png").read_bytes() == b"mine"
    assert opened == [1]
    run(config(pictures, out=out, on_exists="overwrite"), Double())
    assert (out / "a.png").read_bytes() != b"mine"


def test_nothing_is_opened_if_all_is_done(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/a.png")
    run(config(picture, out=tmp_path / "out"), Double())
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
    report = run(config(pictures, out=out), Double(fails, at=3))
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
    report = run(config(pictures, out=out), Double())
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
    report = run(config(tmp_path / "in", out=tmp_path / "out"), Double())
    assert [outcome.status for outcome in report.outcomes] == ["done", "failed"]
    assert report.outcomes[1].reason == f"cannot list {closed}: Permission denied."


def test_stop_finishes_what_is_in_hand(tmp_path: Path) -> None:
    pictures, out = tmp_path / "in", tmp_path / "out"
    for number in range(20):
        draw(pictures / f"{number:02}.png")
    stop = threading.Event()
    report = run(config(pictures, out=out), Double(at=5, then=stop.set), stop=stop)
    assert (report.count("done"), report.interrupted, report.exit_code) == (5, True, 130)
    assert tree(out) == {f"{number:02}.png" for number in range(5)}
    assert run(config(pictures, out=out), Double()).count("done") == 15


def test_only_a_few_pictures_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tmp_path / "in"
    for number in range(30):
        draw(pictures / f"{number:02}.png")
    from translate import batch

    read, written, most = [0], [0], [0]
    reading, writing = batch.read_picture, batch.write_picture

    def count_read(*arguments: Any) -> Any:
        read[0] += 1
        most[0] = max(most[0], read[0] - written[0])
        return reading(*arguments)

    def count_written(*arguments: Any) -> Any:
        picture = writing(*arguments)
        written[0] += 1
        return picture

    monkeypatch.setattr(batch, "read_picture", count_read)
    monkeypatch.setattr(batch, "write_picture", count_written)
    run(config(pictures, out=tmp_path / "out"), Double())
    assert written[0] == 30
    assert most[0] <= 2 * AHEAD + 1


def test_large_pictures_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate import batch

    pictures = tmp_path / "in"
    for number in range(12):
        draw(pictures / f"{number:02}.png")
    monkeypatch.setattr(batch, "AHEAD_PIXELS", 4 * 4)
    piled: list[int] = []
    translated, written = [0], [0]
    translating, writing = batch.translate_picture, batch.write_picture

    def count_translated(*arguments: Any) -> Any:
        piled.append(translated[0] - written[0])
        translated[0] += 1
        return translating(*arguments)

    def count_written(*arguments: Any) -> Any:
        picture = writing(*arguments)
        written[0] += 1
        return picture

    monkeypatch.setattr(batch, "translate_picture", count_translated)
    monkeypatch.setattr(batch, "write_picture", count_written)
    assert run(config(pictures, out=tmp_path / "out"), Double()).count("done") == 12
    assert piled == [0] * 12


def test_the_report_as_json(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/é.png")
    empty = tmp_path / "in/z.png"
    empty.write_bytes(b"")
    content = json.loads(run(config(picture, empty, out=tmp_path / "out"), Double()).to_json())
    assert (content["done"], content["failed"], content["skipped"]) == (1, 1, 0)
    done, failed = content["files"]
    assert done["input"] == str(picture)
    assert done["output"] == str(tmp_path / "out/é.png")
    assert (done["size_before"], done["size_after"], done["status"]) == ([4, 4], [8, 8], "done")
    assert "empty" in failed["reason"]


def test_overview_shows_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate.overview.MOST", 7)
    pictures, out, sheet = tmp_path / "in", tmp_path / "out", tmp_path / "out/overview.png"
    for number in range(12):
        draw(
            pictures / f"deep/folder with a long name that does not fit anywhere/{number}.png",
            300 if number == 3 else 1 + number % 7,
        )
    grey = np.full((8, 8, 4), 255, np.uint8)
    grey[:4, :, 3] = 0
    Image.fromarray(grey).save(pictures / "alpha.png")
    options: dict[str, Any] = {"out": out, "overview": sheet}
    run(config(pictures, **options), Double())
    with Image.open(sheet) as image:
        width, height = image.size
        pixels = np.asarray(image)
    assert (width, height) == (3 * 536 + 12, 3 * 290 + 12)  # 7 pairs in 3 rows
    # the first pair is alpha.png: checks above, white below, before and after alike
    before, after = pixels[12:268, 12:268], pixels[12:268, 274:530]
    np.testing.assert_array_equal(before, after)
    assert (before[128:] == 255).all()
    assert set(np.unique(before[:128])) == {104, 152}
    sheet_time = sheet.stat().st_mtime_ns
    run(config(pictures, **options), Double())
    assert sheet.stat().st_mtime_ns == sheet_time  # nothing new to show


def test_with_a_real_model(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m.onnx", scale=4, paint="identity", name="times4")
    picture = draw(tmp_path / "in/a.png", 6)
    rgba = np.dstack([np.full((5, 3, 3), 200, np.uint8), np.full((5, 3), 128, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "in/b.png")
    settings = RunConfig(inputs=(tmp_path / "in",), model=str(model), out=tmp_path / "out", device="cpu")
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
