"""translate data check: a set with one of each fault, and a set without."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from translate.cli import main
from translate.training.check import look_at


def scene(seed: int, side: int = 80) -> Image.Image:
    """A picture with large forms, as photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    for pile, first in (("trainA", 0), ("trainB", 20), ("testA", 40), ("testB", 60)):
        (tmp_path / pile).mkdir()
        for seed in range(first, first + 8):
            scene(seed).save(tmp_path / pile / f"{seed}.png")
    return tmp_path


def problems(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[tuple[str, set[str]]]:
    code = main(["data", "check", str(folder), "--json", "--size", "64", *options])
    report = json.loads(capsys.readouterr().out)
    assert code == (1 if report["problems"] else 0)
    return [(problem["kind"], {Path(file).name for file in problem["files"]}) for problem in report["problems"]]


def _named(problem: tuple[str, set[str]]) -> tuple[str, list[str]]:
    return problem[0], sorted(problem[1])  # a set's own order changes from run to run


def test_nothing_is_found_where_nothing_is_wrong(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(clean, capsys) == []
    assert main(["data", "check", str(clean), "--size", "64"]) == 0
    assert "two unpaired piles of 8 and 8 pictures" in (out := capsys.readouterr().out)
    assert "nothing is wrong" in out


def test_each_fault_is_named(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clean / "trainA" / "cut.png").write_bytes((clean / "trainA" / "0.png").read_bytes()[:200])
    scene(100, 40).save(clean / "trainB" / "small.png")
    scene(1).save(clean / "trainA" / "again.bmp")
    scene(21).resize((76, 76)).filter(ImageFilter.GaussianBlur(1)).save(clean / "trainB" / "nearly.jpg", quality=60)
    scene(22).save(clean / "testB" / "known.png")
    scene(3, 96).save(clean / "testA" / "larger.png")
    sheet = clean / "sheet.png"
    found = problems(clean, capsys, "--sheet", str(sheet))
    assert sorted(found, key=_named) == sorted(
        [
            ("unreadable", {"cut.png"}), ("too small", {"small.png"}), ("duplicate", {"1.png", "again.bmp"}),
            ("near duplicate", {"21.png", "nearly.jpg"}), ("leaked", {"22.png", "known.png"}),
            ("leaked", {"3.png", "larger.png"}),
        ],
        key=_named,
    )  # fmt: skip
    colors = np.asarray(Image.open(sheet)).reshape(-1, 3)
    assert (colors == (255, 120, 100)).all(1).any()  # faults are marked
    assert main(["data", "check", str(clean)]) == 1
    assert "1 unreadable" in capsys.readouterr().out


def test_flat_pictures_are_not_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A difference hash is 0 for each of them."""
    for value in (0, 60, 120, 180):
        Image.new("RGB", (80, 80), (value, 10, 10)).save(tmp_path / f"{value}.png")
    assert problems(tmp_path, capsys) == []


def test_pairs_that_are_none_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(4):
        (tmp_path / "side").mkdir(exist_ok=True)
        scene(seed, 160).crop((0, 0, 160, 80)).save(tmp_path / "side" / f"{seed}.png")
        for pile in ("input", "target"):
            (tmp_path / "two" / pile).mkdir(parents=True, exist_ok=True)
            scene(seed + (pile == "input") * 9).save(tmp_path / "two" / pile / f"{seed}.png")
    scene(5).save(tmp_path / "side" / "plain.png")
    assert problems(tmp_path / "side", capsys) == [("odd shape", {"plain.png"})]
    scene(6).save(tmp_path / "two" / "input" / "alone.png")
    scene(7).crop((0, 0, 80, 66)).save(tmp_path / "two" / "target" / "0.png")
    assert problems(tmp_path / "two", capsys) == [("no partner", {"alone.png"}), ("odd shape", {"0.png"})]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ([], 2, "translate data knows only check"),
        (["look", "x"], 2, "not 'look'"),
        (["check", "missing"], 1, "missing is not a folder"),
        (["check", ".", "--sheet", "x.jpg"], 2, "let its name end in .png"),
    ],
)
def test_wrong_use(arguments: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *arguments]) == code
    assert complaint in capsys.readouterr().err


def test_little_is_remembered_of_each_picture(tmp_path: Path) -> None:
    """A set may have 50,000: 2 KB of each are 100 MB."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    assert len(pickle.dumps(look_at(tmp_path / "a.png"))) < 2000
