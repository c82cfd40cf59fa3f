"""The sheet of before and after."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import Double, config, doubling, draw
from PIL import Image

from models.errors import UsageError
from translate.batch import run
from translate.inference.chain import Chain


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
            run(config(*inputs, out=out, overview=overview), Chain((translator,)))
        assert translator.calls == 0
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


def test_overviews_in_the_input_folder_are_no_input(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    for name in ("one.png", "two.png", "one.png"):
        options: dict[str, Any] = {"out": tmp_path / "out", "on_exists": "overwrite", "overview": tmp_path / name}
        assert [o.input.name for o in run(config(tmp_path, **options), doubling()).outcomes] == ["a.png"]
    sheet = tmp_path / "one.png"
    with pytest.raises(UsageError, match="is also an input"):
        run(config(sheet, out=tmp_path / "out", overview=sheet), doubling())
    assert run(config(sheet, out=tmp_path / "out"), doubling()).count("done") == 1


def test_an_overview_that_fails_costs_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(tmp_path / "in/a.png")
    (tmp_path / "file").write_text("")
    report = run(config(picture, out=tmp_path / "out", overview=tmp_path / "file/sheet.png"), doubling())
    assert (report.count("done"), report.exit_code) == (1, 1)
    assert "cannot write" in report.problem
    assert "file/sheet.png" in report.problem
    assert json.loads(report.to_json())["problem"] == report.problem
    monkeypatch.setattr("translate.overview._cell", lambda *arguments: bytearray(2**62))
    options: dict[str, Any] = {"out": tmp_path / "out2", "overview": tmp_path / "sheet.png"}
    assert "MemoryError" in run(config(picture, **options), doubling()).problem
    picture.write_bytes(b"")
    options["out"] = tmp_path / "out3"
    report = run(config(picture, **options), doubling())
    assert (report.problem, report.count("failed"), report.exit_code) == ("", 1, 1)
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there alone")
def test_overview_of_relative_and_absolute_and_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "in/a.png")
    odd = draw(tmp_path / "b.png").rename(tmp_path / os.fsdecode(b"b\xff.png"))
    monkeypatch.chdir(tmp_path)
    drawn: list[str] = []
    monkeypatch.setattr("translate.overview._fitting", lambda text, width, font: drawn.append(text) or text)
    report = run(config(Path("in"), odd, out=tmp_path / "out", overview=tmp_path / "sheet.png"), doubling())
    assert (report.problem, drawn) == ("", ["in/a.png", "b\ufffd.png"])
    monkeypatch.setattr(os.path, "commonpath", lambda paths: (_ for _ in ()).throw(ValueError("other drives")))
    report = run(config(Path("in"), odd, out=tmp_path / "out2", overview=tmp_path / "sheet.png"), doubling())
    assert (report.problem, drawn[2]) == ("", "in/a.png")
    assert json.loads(report.to_json())["files"][1]["input"] == str(odd)
    report.to_json().encode("ascii")


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
    run(config(pictures, **options), doubling())
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
    run(config(pictures, **options), doubling())
    assert sheet.stat().st_mtime_ns == sheet_time  # nothing new to show
