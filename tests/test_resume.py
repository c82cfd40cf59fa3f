"""A second run does what is left to do, whatever ended the first."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from folders import config, doubling, draw, tree
from onnx_models import make_model

from models.errors import TranslateError, UsageError
from translate.batch import preview, run
from translate.config import RunConfig
from translate.folders.journal import JOURNAL, Busy, History, Journal
from translate.images import PARTIAL
from translate.report import Report


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("a.png", "sub/b.png", "sub/c.png"):
        draw(tmp_path / "in" / name)
    return tmp_path / "in"


def states(report: Report) -> dict[str, tuple[str, str]]:
    return {outcome.input.name: (outcome.status, outcome.reason) for outcome in report.outcomes}


def test_what_changed_is_made_anew_and_the_rest_is_skipped(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    first = run(config(pictures, out=out), doubling())
    assert first.count("done") == 3
    draw(pictures / "a.png", side=5)
    (out / "sub/b.png").unlink()
    os.utime(pictures / "sub/c.png")  # same content, another time
    for on_exists in ("skip", "rename", "error"):
        report = run(config(pictures, out=out, on_exists=on_exists), doubling())
        assert states(report)["c.png"] == ("skipped", "it is done already")
        changed = {"a.png": ("done", "made anew: the picture changed"), "b.png": ("done", "its result was gone")}
        skipped = dict.fromkeys(changed, ("skipped", "it is done already"))
        assert {name: state for name, state in states(report).items() if name != "c.png"} == (
            changed if on_exists == "skip" else skipped
        )
    options = run(config(pictures, out=out, strength=0.5), doubling())
    assert set(states(options).values()) == {("done", "made anew: strength was 1.0")}


def test_another_model_makes_results_anew(tmp_path: Path, pictures: Path) -> None:
    model = tmp_path / "m.onnx"
    make_model(model, scale=2, paint="identity", name="m")
    settings = RunConfig(inputs=(pictures,), model=(str(model),), out=tmp_path / "out", device="cpu")
    run(settings)
    assert run(settings).count("skipped") == 3
    make_model(model, scale=4, paint="identity", name="m")
    report = run(settings)
    assert set(states(report).values()) == {("done", "made anew: the model changed")}
    assert report.outcomes[0].size_after == (16, 16)


def test_what_others_made_or_changed_is_treated_as_asked(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    run(config(pictures, out=out), doubling())
    (out / "sub/b.png").write_bytes(b"touched up")
    report = run(config(pictures, out=out), doubling())
    assert states(report)["a.png"] == ("skipped", "it is there already")
    assert states(report)["b.png"] == ("skipped", "it was changed since it was made")
    with pytest.raises(UsageError, match="is there already; choose"):
        run(config(pictures, out=out, on_exists="error"), doubling())
    renamed = {"a.png", "a_2.png", "sub/b.png", "sub/b_2.png", "sub/c.png"}
    for done in (2, 0):
        report = run(config(pictures, out=out, on_exists="rename"), doubling())
        assert (report.count("done"), tree(out)) == (done, renamed)
        assert "it is called a_2.png" in report.outcomes[0].notices[0]
    assert (out / "a.png").read_bytes() == b"mine"
    report = run(config(pictures, out=out, on_exists="overwrite"), doubling())
    assert report.count("done") == 3
    assert (out / "a.png").read_bytes() == (out / "a_2.png").read_bytes()


def test_overwriting_goes_on_after_an_interruption_and_begins_anew_after_the_end(
    tmp_path: Path, pictures: Path
) -> None:
    settings = config(pictures, out=tmp_path / "out", on_exists="overwrite", jobs=1)
    stop = threading.Event()
    assert run(settings, doubling(at=2, then=stop.set), stop=stop).count("done") == 2
    assert [outcome.status for outcome in run(settings, doubling()).outcomes] == ["skipped", "skipped", "done"]
    assert run(settings, doubling()).count("done") == 3


def test_two_runs_in_one_folder(tmp_path: Path, pictures: Path) -> None:
    with Journal(tmp_path / "out"), pytest.raises(Busy, match="another run"):
        run(config(pictures, out=tmp_path / "out"), doubling())
    assert not (tmp_path / "out").exists()  # nothing was written there
    assert run(config(pictures, out=tmp_path / "out"), doubling()).count("done") == 3


def test_lines_that_were_cut_off_or_are_nonsense(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"
    run(config(pictures, out=out), doubling())
    lines = (out / JOURNAL).read_bytes().splitlines(keepends=True)
    (out / JOURNAL).write_bytes(b'[1]\nnull\n{"output": 3}\n\xff\n' + b"".join(lines[:3]) + lines[3][:40])
    report = run(config(pictures, out=out), doubling())
    assert sorted(outcome.reason for outcome in report.outcomes) == ["it is done already"] * 2 + ["it is there already"]
    (out / "a.png").unlink()
    run(config(pictures, out=out), doubling())
    assert "a.png" in History.read(out).last


def test_a_file_that_a_loss_of_power_emptied_is_made_anew(tmp_path: Path, pictures: Path) -> None:
    run(config(pictures, out=tmp_path / "out"), doubling())
    (tmp_path / "out/a.png").write_bytes(b"")
    assert states(run(config(pictures, out=tmp_path / "out"), doubling()))["a.png"][0] == "done"


def test_left_over_files_of_a_killed_run_are_removed(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / f"out/sub/{PARTIAL}0123456789abcdef.part").write_bytes(b"half")
    report = run(config(pictures, out=tmp_path / "out"), doubling())
    assert tree(tmp_path / "out") == {"a.png", "sub/b.png", "sub/c.png"}
    assert "1 unfinished" in report.notes[0]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_kill_and_go_on(tmp_path: Path) -> None:
    for number in range(60):
        draw(tmp_path / f"in/{number % 7}/{number:02}.png", 4 + number % 3)
    run(config(tmp_path / "in", out=tmp_path / "reference"), doubling())
    code = """if True:
        import sys, pathlib
        sys.path.insert(0, sys.argv[1])
        from folders import config, doubling
        from translate.batch import run
        run(config(pathlib.Path(sys.argv[2]), out=pathlib.Path(sys.argv[3]), jobs=2), doubling())
    """
    out = tmp_path / "out"
    for lines in (20,):
        arguments = [Path(__file__).parent, tmp_path / "in", out]
        child = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)])
        while child.poll() is None and not ((out / JOURNAL).exists() and
                                            (out / JOURNAL).read_bytes().count(b"\n") >= lines):  # fmt: skip
            time.sleep(0.001)
        child.kill()
        child.wait()
        for name in tree(out):
            if PARTIAL not in name:
                assert (out / name).read_bytes() == (tmp_path / "reference" / name).read_bytes()
    report = run(config(tmp_path / "in", out=out), doubling())
    assert report.exit_code == 0
    assert tree(out) == tree(tmp_path / "reference")
    for name in tree(out):
        assert (out / name).read_bytes() == (tmp_path / "reference" / name).read_bytes()


def test_a_full_disk_ends_the_run_early_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        draw(tmp_path / f"in/{number:02}.png")
    open_file, opened = Path.open, [0]

    def full(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name.endswith(".part"):
            opened[0] += 1
            if opened[0] > 5:
                raise OSError(errno.ENOSPC, "No space left on device")
        return open_file(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        report = run(config(tmp_path / "in", out=tmp_path / "out", jobs=1), doubling())
    assert report.exit_code == 1
    assert report.problem.startswith("stopped, for the disk is full")
    assert report.count("done") == 5
    assert (report.count("failed"), report.not_reached) == (0, 35)
    assert len(tree(tmp_path / "out")) == 5
    report = run(config(tmp_path / "in", out=tmp_path / "out"), doubling())
    assert (report.count("done"), report.count("skipped"), report.exit_code) == (35, 5, 0)


def test_room_is_checked_first(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate.folders.space.free", lambda folder: 10)
    with pytest.raises(TranslateError, match=r"results need about .* 10 bytes are free.*--no-check-space"):
        run(config(pictures, out=tmp_path / "out"), doubling())
    assert not (tmp_path / "out").exists()
    assert run(config(pictures, out=tmp_path / "out", check_space=False), doubling()).count("done") == 3


def test_a_dry_run_says_what_a_run_does_and_writes_nothing(tmp_path: Path, pictures: Path) -> None:
    model = tmp_path / "m.onnx"
    make_model(model, scale=4, paint="identity", name="m")
    settings = RunConfig(inputs=(pictures,), model=(str(model),), out=tmp_path / "out", device="cpu")
    found = preview(settings)
    assert (found.convert, found.skip, found.fail, found.exit_code) == (3, 0, 0, 0)
    assert not (tmp_path / "out").exists()
    run(settings)
    size = sum((tmp_path / "out" / name).stat().st_size for name in tree(tmp_path / "out"))
    assert size / 4 < found.result_bytes < size * 4
    draw(pictures / "a.png", side=5)
    assert sorted(what for _, _, what in preview(settings).files) == [
        "it is done already",
        "it is done already",
        "made anew: the picture changed",
    ]
    assert json.loads(preview(settings).to_json())["skip"] == 2


def test_a_picture_that_is_still_being_written_is_told(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from translate.folders import pipeline

    reading = pipeline.read_picture

    def growing(source: Any, *rest: Any) -> Any:
        picture = reading(source, *rest)
        if str(source).endswith("a.png"):
            with (pictures / "a.png").open("ab") as file:
                file.write(b"more")
        return picture

    monkeypatch.setattr(pipeline, "read_picture", growing)
    report = run(config(pictures, out=tmp_path / "out"), doubling())
    assert (report.count("done"), report.count("failed")) == (2, 1)
    assert "changed while it was read" in states(report)["a.png"][1]


def test_a_target_that_appears_meanwhile_is_kept(tmp_path: Path, pictures: Path) -> None:
    out = tmp_path / "out"

    def intrude() -> None:
        for name in ("a.png", "sub/b.png", "sub/c.png"):
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_bytes(b"mine")

    report = run(config(pictures, out=out), doubling(at=1, then=intrude))
    assert report.count("failed") == 3
    assert (out / "a.png").read_bytes() == b"mine"
    assert tree(out) == {"a.png", "sub/b.png", "sub/c.png"}
