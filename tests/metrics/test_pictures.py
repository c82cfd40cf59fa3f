"""Which pictures are measured with: every layout that training takes, and tests before training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import make_model
from PIL import Image

from models.errors import ConfigError, DataError
from translate.config_training import EvaluateConfig
from translate.metrics.evaluate import Evaluation, evaluate
from translate.metrics.pictures import find_pictures, find_two

SIDE = 32


def write(folder: Path, count: int = 3, prefix: str = "", width: int = SIDE, mode: str = "RGB") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(list(folder.name.encode()))
    for number in range(count):
        pixels = random.integers(0, 256, (SIDE, width, len(mode)), dtype=np.uint8)
        Image.fromarray(pixels.squeeze()).save(folder / f"{prefix}{number}.png")


def measured(model: Path, data: Path, **settings: Any) -> Evaluation:
    return evaluate(EvaluateConfig(model=str(model), data=data, device="cpu", **settings))


@pytest.mark.parametrize(
    ("a", "b", "part"),
    [
        ("testA", "testB", "test"), ("test/A", "test/B", "test"), ("test/input", "test/target", "test"),
        ("valA", "valB", "val"), ("train/input", "train/target", "train"), ("trainA", "trainB", "train"),
        ("input", "target", ""), ("A", "B", ""),
    ],
)  # fmt: skip
def test_two_folders_of_equal_names_are_pairs(tmp_path: Path, a: str, b: str, part: str) -> None:
    write(tmp_path / a)
    write(tmp_path / b)
    write(tmp_path / b, 1, "more")
    found = find_two(tmp_path, "auto", "a-to-b")
    assert (found.kind, found.part, found.inputs) == ("pairs", part, str(tmp_path / a))
    assert [file.name for file in found.b] == ["0.png", "1.png", "2.png"]
    assert found.alone == 1
    assert bool(found.note) == (part not in ("test", "val"))
    back = find_two(tmp_path, "auto", "b-to-a")
    assert (back.a, back.b) == (found.b, found.a)
    piles = find_two(tmp_path, "piles", "a-to-b")
    assert (piles.kind, len(piles.b)) == ("piles", 4)


def test_tests_come_before_training_pictures(tmp_path: Path) -> None:
    for name in ("trainA", "trainB", "testA", "testB"):
        write(tmp_path / "two" / name, prefix=name)
        write(tmp_path / "one" / name[:-1], width=2 * SIDE)
    found = find_two(tmp_path / "two", "auto", "a-to-b")
    assert (found.kind, found.part, Path(found.references).name) == ("piles", "test", "testB")
    with pytest.raises(DataError, match="use --pairing piles"):
        find_two(tmp_path / "two", "pairs", "a-to-b")
    for find in (find_pictures, lambda data: find_two(data, "auto", "a-to-b")):
        found = find(tmp_path / "one")
        assert (found.part, len(found.a)) == ("test", 3)
        assert find(tmp_path / "one" / "train").part == "train"
        assert find(tmp_path / "one" / "test").part == "test"


def test_pairs_of_two_folders_and_of_a_list_are_compared_one_by_one(tmp_path: Path) -> None:
    write(tmp_path / "testA")
    write(tmp_path / "testB")
    model = make_model(tmp_path / "model.onnx", scale=1, paint="identity")
    found = measured(model, tmp_path)
    assert {"PSNR (RGB)", "SSIM (Y)"} <= set(found.metrics)
    assert "two files" in found.protocol
    write(tmp_path / "testB", 1, "more")
    assert "two files (1 without a partner left out)" in measured(model, tmp_path).protocol
    lines = ["input,target", *(f"testA/{number}.png,testB/{number}.png" for number in range(3))]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    assert measured(model, tmp_path / "pairs.csv").metrics == found.metrics
    write(tmp_path / "testB", width=SIDE + 8)
    with pytest.raises(DataError, match=r"0\.png becomes 32 x 32 pixels, and its target has 40 x 32"):
        measured(model, tmp_path)


@pytest.mark.parametrize("mode", ["L", "RGBA"])
@pytest.mark.parametrize("scale", [1, 4])
def test_grey_pictures_and_such_with_alpha(tmp_path: Path, mode: str, scale: int) -> None:
    for name in ("testA", "testB"):
        write(tmp_path / "pairs" / name, mode=mode)
        write(tmp_path / "piles" / name, prefix=name, mode=mode)
    model = make_model(tmp_path / "model.onnx", scale=scale, paint="identity", channels=len(mode))
    found = measured(model, tmp_path / "pairs" / ("testA" if scale > 1 else ""))
    assert ("PSNR (alpha)" in found.metrics) == (mode == "RGBA")
    if mode == "L" and scale == 1:
        two = (np.asarray(Image.open(tmp_path / "pairs" / name / "0.png"), float) for name in ("testA", "testB"))
        first = measured(model, tmp_path / "pairs", limit=1).metrics["PSNR (RGB)"]
        assert first == pytest.approx(10 * np.log10(255**2 / np.mean((next(two) - next(two)) ** 2)))
    if scale == 1:
        piles = measured(model, tmp_path / "piles")
        assert piles.metrics == pytest.approx(piles.baseline)


def test_a_side_is_for_translation(tmp_path: Path) -> None:
    write(tmp_path / "data")
    with pytest.raises(ConfigError, match="--side 64 is for models that translate"):
        measured(make_model(tmp_path / "model.onnx", paint="identity"), tmp_path / "data", side=64)
