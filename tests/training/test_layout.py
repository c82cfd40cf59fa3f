"""One --data path, and what is recognised there."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from translate.training.config import Pix2PixConfig
from translate.training.layout import recognise
from translate.training.samples import Pairs


def save(path: Path, seed: int = 0, width: int = 40, height: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("files", "width", "method", "kind", "line"),
    [
        (["1.png", "2.png"], 80, "pix2pix", "side by side", "2 pairs side by side in {}"),
        (["train/1.png", "test/2.png"], 80, "pix2pix", "side by side", "1 pairs side by side in {}/train"),
        (["A/1.png", "B/1.jpg"], 40, "pix2pix", "parallel", "1 pairs of equal names in two folders of {}"),
        (
            ["input/x/1.png", "target/x/1.png", "input/2.png"],
            40,
            "pix2pix",
            "parallel",
            "(1 without a partner left out)",
        ),
        (["train/A/1.png", "train/B/1.png"], 40, "pix2pix", "parallel", "two folders of {}/train"),
        (["trainA/1.png", "trainB/1.png"], 40, "pix2pix", "parallel", "1 pairs of equal names"),
        (["trainA/1.png", "trainB/2.png", "trainB/3.png"], 40, "cut", "piles", "unpaired piles of 1 and 2 pictures"),
        (["x/1.png", "2.png"], 40, "srgan", "pictures", "2 pictures in {}"),
        (["train/1.png", "test/2.png"], 40, "srgan", "pictures", "1 pictures in {}/train"),
    ],
)
def test_layouts_are_recognised_and_said_in_one_line(
    files: list[str], width: int, method: str, kind: str, line: str, tmp_path: Path
) -> None:
    for file in files:
        save(tmp_path / file, width=width)
    found = recognise(tmp_path, method)
    assert found.kind == kind
    assert line.format(tmp_path) in found.describe()
    guessed = recognise(tmp_path)
    if method != "pix2pix" or "trainA" not in files[0]:
        assert (guessed.kind, guessed.a, guessed.b) == (found.kind, found.a, found.b)
    assert [file.name for file in found.tests[0]] == (["2.png"] if "test/2.png" in files else [])


@pytest.mark.parametrize("text", ["in,out\nl/1.png,r/1.png\nl/2.png,r/2.png\n", "l/1.png;r/1.png\n\nl/2.png;r/2.png"])
def test_pairs_may_be_listed(text: str, tmp_path: Path) -> None:
    for seed, name in enumerate(("l/1.png", "l/2.png", "r/1.png", "r/2.png")):
        save(tmp_path / "set" / name, seed)
    (tmp_path / "set" / "pairs.csv").write_text(text, encoding="utf-8-sig")
    found = recognise(tmp_path / "set" / "pairs.csv", "pix2pix")
    assert [tuple(file.parent.name + file.stem for file in pair) for pair in found.pairs] == [
        ("l1", "r1"),
        ("l2", "r2"),
    ]
    assert recognise(tmp_path / "set" / "pairs.csv", "cut").kind == "piles"
    config = Pix2PixConfig(
        data=tmp_path / "set" / "pairs.csv", out=tmp_path, size=32, load_size=40, flip=False, validation=1
    )
    shown = Pairs(config)
    assert len(shown.aside) == 1
    whole = Image.open(shown.layout.b[1 if shown.aside[0][1] == shown.layout.b[0] else 0])
    target = np.lib.stride_tricks.sliding_window_view(np.asarray(whole), (32, 32, 3))[:, :, 0]
    cut = shown[0].b.permute(1, 2, 0).numpy()
    assert (target == cut).all(axis=(2, 3, 4)).any()  # it is a piece of the right column's picture


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1.png,1.png,1.png\n", "line 1: two paths are needed"),
        ("1.png,1.png\n1.png,missing.png\n", r"line 2: there is no file .*missing\.png"),
        ("mising.png,gone.png\n", r"line 1: there is no file .*mising\.png"),
        ("input,target\n", "lists no pairs"),
    ],
)
def test_a_list_that_cannot_be_used_names_the_line(text: str, complaint: str, tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(DataError, match=complaint):
        recognise(tmp_path / "pairs.csv", "pix2pix")
    with pytest.raises(DataError, match="srgan makes its small pictures itself"):
        recognise(tmp_path / "pairs.csv", "srgan")


@pytest.mark.parametrize(("width", "height"), [(96, 72), (96, 64), (96, 54), (80, 80), (60, 80)])
def test_single_photographs_are_no_pairs(width: int, height: int, tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path / f"{seed}.png", seed, width, height)
    with pytest.raises(DataError, match=r"as single pictures are; .* two folders A and B .* train cyclegan or cut"):
        recognise(tmp_path, "pix2pix")
    assert recognise(tmp_path).kind == "pictures"


@pytest.mark.parametrize(("width", "height"), [(64, 32), (63, 32), (80, 40), (96, 36)])
def test_two_halves_are_pairs(width: int, height: int, tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path / f"{seed}.png", seed, width, height)
    assert recognise(tmp_path, "pix2pix").kind == "side by side"


def test_two_folders_of_any_names_are_pairs_if_the_names_in_them_are_equal(tmp_path: Path) -> None:
    for name in ("edges/1", "photos/1", "edges/2", "photos/2", "test/edges/3", "test/photos/3", "photos/9", "notes/7"):
        save(tmp_path / "set" / f"{name}.png")
    for method in ("pix2pix", ""):
        found = recognise(tmp_path / "set", method)
        assert [[file.parent.name for file in pair] for pair in found.pairs] == [["edges", "photos"]] * 2
        assert "left edges, right photos (1 without a partner left out); 2 for testing left out" in found.describe()
        assert [file.parent.parent.name for pile in found.tests for file in pile] == ["test", "test"]
    for name in ("masks/1", "masks/2"):
        save(tmp_path / "set" / f"{name}.png")
    with pytest.raises(DataError, match=r"\(edges, masks, photos\): which are the pairs"):
        recognise(tmp_path / "set", "pix2pix")


@pytest.mark.parametrize("method", ["cyclegan", "cut", ""])
def test_piles_may_be_in_train(method: str, tmp_path: Path) -> None:
    for name in ("train/A/1", "train/B/2", "test/A/3", "test/B/4"):
        save(tmp_path / f"{name}.png")
    found = recognise(tmp_path, method)
    assert (found.kind, [file.stem for file in (*found.a, *found.b)]) == ("piles", ["1", "2"])
    assert [[file.stem for file in pile] for pile in found.tests] == [["3"], ["4"]]


@pytest.mark.parametrize(
    ("trained", "tested"),
    [
        (["trainA/1", "trainB/2"], ["testA/3", "testB/4"]),
        (["1", "more/2"], ["test/3", "Val/4"]),
        (["train/1"], ["test/3"]),
    ],
)
def test_what_is_for_testing_is_never_trained_on(trained: list[str], tested: list[str], tmp_path: Path) -> None:
    for name in (*trained, *tested):
        save(tmp_path / f"{name}.png", width=80)
    found = recognise(tmp_path, "srgan")
    assert {str(f.relative_to(tmp_path).with_suffix("")) for f in found.a} == set(trained)
    assert {str(f.relative_to(tmp_path).with_suffix("")) for f in found.tests[0]} == set(tested)
    assert f"; {len(tested)} for testing left out" in found.describe()
    if "1" in trained:
        assert len(recognise(tmp_path, "pix2pix").a) == len(trained)


def test_a_folder_of_test_pictures_alone_is_told(tmp_path: Path) -> None:
    save(tmp_path / "test" / "1.png")
    with pytest.raises(DataError, match=r"all pictures in .* are for testing \(test\)"):
        recognise(tmp_path, "srgan")


def test_what_no_method_could_use_is_said(tmp_path: Path) -> None:
    for name in ("A/1.png", "B/2.png"):
        save(tmp_path / "piles" / name)
    with pytest.raises(DataError, match="train cyclegan or cut"):
        recognise(tmp_path / "piles", "pix2pix")
    save(tmp_path / "plain" / "1.png")
    with pytest.raises(DataError, match=r"1\.00 times as wide as high"):
        recognise(tmp_path / "plain", "pix2pix")
    for name in ("A/1.png", "A/1.jpg", "B/1.png"):
        save(tmp_path / "twice" / name)
    with pytest.raises(DataError, match="which one is the partner"):
        recognise(tmp_path / "twice", "pix2pix")
    with pytest.raises(DataError, match="is not a folder"):
        recognise(tmp_path / "missing")
