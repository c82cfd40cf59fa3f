"""Which files are converted, and where each result goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from folders import Double, config, doubling, draw, tree
from PIL import Image

from models.errors import UsageError
from translate.batch import run
from translate.images import PARTIAL
from translate.inference.chain import Chain
from translate.plan import plan
from translate.report import Outcome


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
    report = run(config(pictures, out=out), doubling(), on_progress=told.append)
    assert tree(out) == {"a.png", "B c/d.JPG", "B c/ü/e.webp", "B c/ü/f.tga", "日本/g.bmp"}
    assert (report.exit_code, report.count("done"), report.device) == (0, 5, "test")
    assert {outcome.input for outcome in told} == {outcome.input for outcome in report.outcomes}
    assert [o.input for o in report.outcomes] == [job.source for job in plan(config(pictures, out=out)).jobs]
    for outcome in report.outcomes:
        assert (outcome.size_before, outcome.size_after, outcome.model) == ((4, 4), (8, 8), "double")
        with Image.open(outcome.output) as image:
            assert image.size == (8, 8)
    assert not any(PARTIAL in name for name in tree(tmp_path))


def test_a_single_file_goes_to_out_under_its_name_whatever_its_extension(tmp_path: Path) -> None:
    picture = draw(tmp_path / "in/x.png").rename(tmp_path / "in/x.texture")
    run(config(picture, out=tmp_path / "out"), doubling())
    assert tree(tmp_path / "out") == {"x.texture"}


def test_out_inside_the_input_is_not_read_again(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    out = tmp_path / "sub/out"
    options = {"out": out, "on_exists": "overwrite", "overview": tmp_path / "sheet.png"}
    for _ in range(2):
        report = run(config(tmp_path, **options), doubling())
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
            run(config(*inputs, **({"out": out} | options)), Chain((translator,)))
        assert translator.calls == 0
        assert not out.exists()
    assert len(plan(config(one, one, out=out)).jobs) == 1


def test_names_that_differ_in_case_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = draw(tmp_path / "one/Ü.png"), draw(tmp_path / "two/u\u0308.png")
    out = tmp_path / "out"
    assert len(plan(config(one, two, out=out)).jobs) == 2
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
    report = run(config(tmp_path / "in", picture.parent, out=out, jobs=1), doubling(RuntimeError("first"), at=1))
    assert [(o.status, o.output) for o in report.outcomes] == [("failed", out / "sub/a.png"), ("done", out / "a.png")]
    assert report.exit_code == 1
