"""Recipes: every value has an origin, and what makes no sense is refused with the nearest that does."""

import tomllib
from pathlib import Path

import pytest

from models.errors import ConfigError, UnknownRecipe
from translate.cli import main
from translate.recipes import list_recipes, load_recipe
from translate.training.config import CUTConfig, SRGANConfig

OURS = list((Path(__file__).parents[2] / "translate" / "recipes").glob("*.toml"))


def test_every_value_has_an_origin(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--recipe", "facades", "--data", "d", "--out", "o", "--batch=2", "--no-flip", "--print-config"]
    assert main(["train", "pix2pix", *asked]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["direction"][1:] == ["right-to-left", "recipe", "facades"]
    assert rows["batch"][1:] == ["2", "flag"]
    assert rows["flip"][1:] == ["False", "flag"]
    assert rows["beta1"][1:] == ["0.5", "default"]
    assert not Path("o").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('stage = "adversrial"', "the nearest is 'adversarial'"),
        ('precision = "fp23"', r"the nearest is 'fp32' \(known: auto, fp32, bf16, fp16\)"),
        ("batch = 1.5", "batch = 1.5, which must be of the kind int"),
        ("flip = 1", "must be of the kind bool"),
        ("batch = true", "must be of the kind int"),
        ('jpeg_quality = [70, "x"]', "jpeg_quality = 'x', which must be of the kind int"),
        ("jpeg_quality = [70]", "must be of the kind tuple"),
        ("shrink = 3", "must be of the kind dict"),
        ("shrink = { box = true }", "shrink = True, which must be of the kind float"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(f'method = "srgan"\n{text}\n')
    monkeypatch.setattr("translate.recipes.files", lambda _: tmp_path)
    with pytest.raises(ConfigError, match=complaint):
        load_recipe("mine", "srgan", SRGANConfig)


def test_settings_are_shown_before_there_are_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "cut", "--print-config", "--out", "o"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["data"][1:] == ["?", "to", "be", "given"]
    assert rows["out"][1:] == ["o", "flag"]


def test_a_recipe_may_be_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('method = "cut"\nbatch = 3\ndata = "pictures"\n', encoding="utf-8")
    assert main(["train", "cut", "--recipe", str(mine), "--out", "o", "--print-config"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert rows["batch"][1:3] == ["3", "recipe"]
    assert rows["data"][1:3] == ["pictures", "recipe"]
    mine.write_text("batch = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match='begin it with method = "cut"'):
        load_recipe(str(mine), "cut", CUTConfig)
    with pytest.raises(ConfigError, match=r"cannot read the recipe .*gone\.toml: No such file"):
        load_recipe(str(tmp_path / "gone.toml"), "cut", CUTConfig)
    with pytest.raises(UnknownRecipe, match=r"Did you mean 'fastcut'\?.* Or give the path of a \.toml file"):
        load_recipe("fastcutt", "cut", CUTConfig)


def test_values_may_be_whole_numbers_lists_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('method = "cut"\nsizes = [128, 256]\nr1_weight = 1\n')
    monkeypatch.setattr("translate.recipes.files", lambda _: tmp_path)
    assert load_recipe("mine", "cut", CUTConfig) == {"sizes": (128, 256), "r1_weight": 1}


def test_the_recipes_are_there_with_their_sources() -> None:
    assert {"facades", "edges2photo", "day2night", "horse2zebra", "texture-x4", "fastcut"} <= set(list_recipes())
    for recipe in OURS:
        assert " et al. " in recipe.read_text(encoding="utf-8").partition("method")[0], recipe.name


def test_no_recipe_says_whose_pictures_are_trained_on() -> None:
    for recipe in OURS:
        assert not {"training_data", "license", "data"} & set(tomllib.loads(recipe.read_text(encoding="utf-8")))
