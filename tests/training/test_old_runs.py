"""Run folders of earlier versions are gone on from; those of newer ones, and damaged ones, are refused with advice."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.errors import TrainingError
from translate.card import _training
from translate.training import train
from translate.training.config import SRGANConfig
from translate.training.folder import RunFolder
from translate.training.page import write_page
from translate.training.versions import read_settings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

SMALL: dict[str, Any] = {
    "images": 12, "batch": 2, "size": 16, "validation": 2, "log_images": 2, "sample_images": 4, "workers": 0,
    "device": "cpu", "precision": "fp32", "ema": 0.9, "generator_arguments": {"width": 4, "blocks": 1},
    "checkpoint_minutes": 0.0, "keep": 9,
}  # fmt: skip

FIRST_STATE = {"images", "steps", "ema_updates", "ema", "method", "metrics", "random"}
"""All that state.pt held in the first version."""
FIRST_SETTINGS = """{
  "method": "srgan", "data": "pictures", "out": "run", "resume": false, "start_from": null, "name": "", "source": "",
  "target": "", "training_data": "", "license": "", "generator": "srresnet_x4",
  "generator_arguments": {"width": 4, "blocks": 1}, "discriminator": "vgg",
  "discriminator_arguments": {"kernel": 3, "dense": 1024}, "images": 12, "batch": 2, "size": 16, "flip": true,
  "learning_rate": 0.0001, "beta1": 0.9, "beta2": 0.999, "decay_from": 1.0, "warmup_images": 0, "ema": 0.9, "seed": 0,
  "device": "cpu", "precision": "fp32", "compile": false, "workers": 0, "validation": 2, "log_images": 2,
  "sample_images": 4, "checkpoint_minutes": 0.0, "stage": "pixel", "pixel_loss": "mse", "pixel_weight": 0.0,
  "perceptual_weight": 0.006, "adversarial_weight": 0.001, "rotate": false, "shrink": {"bicubic": 1.0},
  "jpeg_chance": 0.0, "jpeg_quality": [75, 95], "palette_chance": 0.0, "palette_colors": [16, 256], "dither_chance": 0.5
}"""
"""config.json as the first version wrote it: no number, --compile a switch, and a third of today's settings."""


def srgan(data: Path, out: Path, **settings: Any) -> SRGANConfig:
    return SRGANConfig(data=data, out=out, **{**SMALL, **settings})


@pytest.fixture(scope="module")
def whole(piles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(srgan(piles / "trainB", tmp_path_factory.mktemp("whole") / "run"))


@pytest.fixture
def half(whole: Path, tmp_path: Path) -> Path:
    """The same run as it was after 6 images."""
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    for later in ("000000008", "000000010", "000000012"):
        shutil.rmtree(run / "checkpoints" / later)
    return run


def rewrite(run: Path, change: Any) -> Path:
    """Its newest state.pt, changed."""
    path = run / "checkpoints" / "000000006" / "state.pt"
    torch.save(change(torch.load(path, weights_only=True)), path)
    return path


def assert_same_end(run: Path, whole: Path) -> None:
    ours, theirs = (load_file(folder / "checkpoints" / "000000012" / "g.safetensors") for folder in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_new_runs_carry_their_numbers(half: Path) -> None:
    assert json.loads((half / "config.json").read_text())["schema"] == 2
    assert torch.load(half / "checkpoints" / "000000006" / "state.pt", weights_only=True)["schema"] == 1


def test_a_run_of_the_first_version_goes_on(half: Path, whole: Path, piles: Path) -> None:
    (half / "config.json").write_text(FIRST_SETTINGS)
    rewrite(half, lambda state: {name: state[name] for name in FIRST_STATE})
    assert_same_end(train(srgan(piles / "trainB", half, resume=True)), whole)
    assert torch.load(half / "checkpoints" / "000000012" / "state.pt", weights_only=True)["schema"] == 1


def test_a_run_without_a_number_goes_on(half: Path, whole: Path, piles: Path) -> None:
    """As all were until numbers came: everything else is there."""
    settings = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({name: settings[name] for name in settings if name != "schema"}))
    rewrite(half, lambda state: {name: state[name] for name in state if name not in ("schema", "pictures", "data")})
    assert_same_end(train(srgan(piles / "trainB", half, resume=True)), whole)


def test_a_setting_that_an_early_run_did_not_know_is_at_its_default(half: Path, piles: Path) -> None:
    (half / "config.json").write_text(FIRST_SETTINGS)
    with pytest.raises(TrainingError, match=r"clip_norm was 0\.0 and is now 1\.0"):
        train(srgan(piles / "trainB", half, resume=True, clip_norm=1.0))


@pytest.mark.parametrize(("was", "is_"), [(None, []), ("vgg.pth", ["vgg.pth"])])
def test_the_feature_network_of_an_early_run_is_the_first_of_several(half: Path, was: Any, is_: Any) -> None:
    settings = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({**settings, "schema": 1, "perceptual_features": was}))
    assert read_settings(half)["perceptual_features"] == is_


def test_early_settings_are_shown_as_they_would_be_given_today(half: Path) -> None:
    (half / "config.json").write_text(FIRST_SETTINGS)
    page = write_page(half, half / "report.html").read_text()
    assert "<td>compile<td>off" in page
    assert "schema" not in page
    assert ("method", "srgan") in _training(half)


def test_runs_of_a_newer_version_are_refused(half: Path, piles: Path) -> None:
    state = rewrite(half, lambda state: {**state, "schema": 2})
    with pytest.raises(TrainingError, match=rf"{state} has schema 2; this version reads up to 1: update translate-im"):
        train(srgan(piles / "trainB", half, resume=True))
    (half / "config.json").write_text('{"schema": 7}')
    for read in (
        lambda: train(srgan(piles / "trainB", half, resume=True)),
        lambda: write_page(half, half / "report.html"),
        lambda: _training(half),
    ):
        with pytest.raises(TrainingError, match=r"config\.json has schema 7; .*: update translate-images"):
            read()


@pytest.mark.parametrize("text", ['{"method": "srg', "[]", b"\xff\xfe"])
def test_damaged_settings_are_named(text: str | bytes, half: Path, piles: Path) -> None:
    (half / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(TrainingError, match=r"cannot read the settings of the run, .*config\.json .*Put a copy back"):
        train(srgan(piles / "trainB", half, resume=True))
    (half / "config.json").unlink()
    with pytest.raises(TrainingError, match=r"checkpoints without the settings of their run \(config\.json\)"):
        train(srgan(piles / "trainB", half, resume=True))


def test_a_state_that_is_none_is_named(half: Path) -> None:
    rewrite(half, lambda _: [1, 2])
    with pytest.raises(TrainingError, match=r"holds no state of a run"):
        RunFolder(half).load_state(half / "checkpoints" / "000000006")


def test_pictures_may_move_and_others_are_told(
    half: Path, whole: Path, piles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = Path(shutil.copytree(piles / "trainB", tmp_path / "moved"))
    fewer = Path(shutil.copytree(half, tmp_path / "fewer"))
    assert_same_end(train(srgan(moved, half, resume=True)), whole)
    assert "other pictures" not in capsys.readouterr().err
    (moved / "0.png").unlink()
    train(srgan(moved, fewer, resume=True))
    assert "--data holds other pictures than the run had so far" in capsys.readouterr().err
