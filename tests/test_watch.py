"""Folders in which pictures appear; pictures through pipes; pictures that are too much for the memory."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import Double, config, doubling, draw, tree
from onnx_models import make_model
from PIL import Image

from models.errors import ConfigError
from translate.batch import run
from translate.cli import main
from translate.folders.watch import watch
from translate.inference.cancel import Cancelled, cancellable
from translate.inference.chain import Chain
from translate.report import Outcome, Report


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_watching_converts_what_appears_and_changes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    stop, told, reports = threading.Event(), list[Outcome](), list[Report]()
    settings = config(tmp_path / "in", out=tmp_path / "in/out", watch=True)

    def work() -> None:
        reports.append(watch(settings, doubling(), on_progress=told.append, stop=stop, poll=0.01, settle=0.05))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        draw(tmp_path / "in/deep/er/a.png")
        until(lambda: [o.status for o in told] == ["done"])
        (tmp_path / "in/b.png").write_bytes(b"no picture")
        until(lambda: [o.status for o in told] == ["done", "failed"])
        draw(tmp_path / "in/b.png")
        until(lambda: [o.status for o in told] == ["done", "failed", "done"])
        draw(tmp_path / "in/deep/er/a.png", side=5)
        until(lambda: len(told) == 4)
    finally:
        stop.set()
        thread.join()
    assert tree(tmp_path / "in/out") == {"deep/er/a.png", "b.png"}
    assert told[3].reason == "made anew: the picture changed"
    assert (reports[0].exit_code, reports[0].count("done"), reports[0].count("failed")) == (130, 2, 0)


def test_a_file_that_grows_is_left_to_settle() -> None:
    from translate.folders.watch import Settling
    from translate.plan import Job

    now, stamps = [0.0], [(1, 1, 1)]

    class Growing(Job):
        def stamp(self) -> tuple[int, int, int]:
            return stamps[0]

    settling, job = Settling(1.0, clock=lambda: now[0]), Growing(Path("a"), Path("b"))
    assert settling.settled([job]) == []
    now[0], stamps[0] = 5.0, (2, 2, 2)
    assert settling.settled([job]) == []
    now[0] = 5.9
    assert settling.settled([job]) == []
    now[0] = 6.0
    assert settling.settled([job]) == [job]
    assert settling.settled([job]) == []


@pytest.fixture
def model(tmp_path: Path) -> str:
    make_model(tmp_path / "m.onnx", scale=2, paint="identity", name="m")
    return str(tmp_path / "m.onnx")


def test_one_picture_through_a_pipe(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name in ("a.png", "a.jpg", "a.webp"):
        file = draw(tmp_path / name, 6)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
        assert main(["run", "-", "-m", model, "-o", "-", "-d", "cpu"]) == 0
        with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image, Image.open(file) as before:
            assert (image.size, image.format) == ((12, 12), before.format)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["run", "-", "-m", model, "-o", "-", "-d", "cpu"]) == 1
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"cannot read standard input: the file is empty." in err


@pytest.mark.parametrize("options", [["-o", "out"], ["-o", "-", "--json"], ["-o", "-", "--watch"]])
def test_pipes_that_make_no_sense(options: list[str], model: str, capsys: pytest.CaptureFixture[str]) -> None:
    for inputs in (["-"], ["-", "a.png"]):
        assert main(["run", *inputs, "-m", model, *options]) == 2
        assert "-o -" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--burn"], ["--tile", "3"], ["-m", "nothing"]])
def test_wrong_usage_is_json_where_json_was_asked_for(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "a.png")
    assert main(["run", str(tmp_path / "a.png"), "-o", str(tmp_path / "o"), "-m", "gone", "--json", *options]) == 2
    content = json.loads(capsys.readouterr().out)
    assert content["error"]
    assert content["exit_code"] == 2


def test_quiet_verbose_and_a_dry_run(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in/a.png")
    command = ["run", str(tmp_path / "in"), "-m", model, "-o", str(tmp_path / "out"), "-d", "cpu"]
    assert main([*command, "--dry-run"]) == 0
    assert "1 to convert, 0 to skip" in capsys.readouterr().out
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main([*command, "--on-exists", "overwrite", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert "done, " in err
    assert "a.png" in err
    assert "megapixels" in out
    with pytest.raises(ConfigError, match="contradict"):
        config(tmp_path, out=tmp_path, quiet=True, verbose=True)


def test_too_little_memory_is_met_with_smaller_tiles(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from translate.folders import pipeline

    chain, tiles = Chain.open([model], "cpu"), list[int]()
    translating = pipeline.translate_picture

    def tight(picture: Any, chain: Any, *rest: Any) -> Any:
        tiles.append(chain.steps[0].tile)
        if chain.steps[0].tile > 128:
            raise RuntimeError("Failed to allocate memory for requested buffer")
        return translating(picture, chain, *rest)

    monkeypatch.setattr(pipeline, "translate_picture", tight)
    report = run(config(draw(tmp_path / "a.png"), out=tmp_path / "out"), chain)
    assert (report.count("done"), tiles) == (1, [512, 256, 128])

    def none(picture: Any, chain: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(pipeline, "translate_picture", none)
    report = run(config(draw(tmp_path / "b.png"), out=tmp_path / "out"), chain)
    assert report.outcomes[0].reason.startswith("not enough memory for")


def test_pictures_of_one_size_that_lie_apart_are_translated_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Double, "most", 8)
    monkeypatch.setattr("translate.folders.intake.GATHER_SECONDS", 60.0)
    for number in range(16):
        draw(tmp_path / f"in/{number:02}.png", 4 + number % 2)
    together = Double()
    assert run(config(tmp_path / "in", out=tmp_path / "out"), Chain((together,))).count("done") == 16
    assert together.batches == [8, 8]


def test_a_large_picture_is_given_up_between_tiles(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((128, 128, 3), np.uint8)
    chain, answers = Chain.open([model], "cpu", tile=32), iter([True, True, False])
    with cancellable(lambda: next(answers)), pytest.raises(Cancelled):
        chain(picture)
    monkeypatch.setattr("translate.folders.pipeline.GRACE_SECONDS", 0.0)
    stop = threading.Event()
    Image.fromarray(picture).save(tmp_path / "a.png")
    how = Chain.how
    monkeypatch.setattr(Chain, "how", lambda self, *size: (stop.set(), how(self, *size))[1])
    report = run(config(tmp_path / "a.png", out=tmp_path / "out"), chain, stop=stop)
    assert (report.interrupted, report.exit_code, report.outcomes) == (True, 130, ())
    assert not (tmp_path / "out/a.png").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_fails_alone(tmp_path: Path) -> None:
    draw(tmp_path / "in/a.png").chmod(0)
    draw(tmp_path / "in/b.png")
    report = run(config(tmp_path / "in", out=tmp_path / "out"), doubling())
    assert (report.count("done"), report.count("failed")) == (1, 1)
    assert "Permission denied" in report.outcomes[0].reason
