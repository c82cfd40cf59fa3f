"""Each warning comes in a small run whose settings or pictures make it fail, and not in one that goes well."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from translate.training import train
from translate.training.adversarial_settings import GAME
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.health import OPTION, SIGNS, Sign, Watch, advise, discriminator_losses, diversity, grid, measure
from translate.training.objective import OBJECTIVES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

WHERE: dict[str, Any] = {"workers": 0, "device": "cpu", "precision": "fp32", "flip": False}
COUNT = 8


def scene(seed: int, side: int = 32) -> np.ndarray[Any, np.dtype[np.uint8]]:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def piles(folder: Path, a: Callable[[int], Any], b: Callable[[int], Any]) -> Path:
    for name, make in (("trainA", a), ("trainB", b)):
        (folder / name).mkdir(parents=True)
        for seed in range(COUNT):
            Image.fromarray(make(seed)).save(folder / name / f"{seed}.png")
    return folder


def warnings_of(config: TrainingConfig) -> set[str]:
    stats = (train(config) / "stats.jsonl").read_text().splitlines()
    return {line["warning"] for line in map(json.loads, stats) if "warning" in line}


def cyclegan(folder: Path, data: Path, **settings: Any) -> TrainingConfig:
    small: dict[str, Any] = {
        "generator": "resnet_6blocks", "generator_arguments": {"width": 8, "blocks": 1}, "size": 32, "load_size": 32,
        "batch": 4, "learning_rate": 2e-3, "images": 600, "log_images": 40, "sample_images": 100, "decay_from": 1.0,
        "discriminator_arguments": {"width": 8, "layers": 2}, "identity_weight": 0.0,
    }  # fmt: skip
    return CycleGANConfig(data=data, out=folder / "run", **{**small, **settings}, **WHERE)


def pix2pix(folder: Path, data: Path, **settings: Any) -> TrainingConfig:
    small: dict[str, Any] = {
        "generator": "unet_128", "generator_arguments": {"width": 4}, "load_size": 128, "size": 128, "batch": 2,
        "discriminator_arguments": {"width": 4}, "images": 120, "log_images": 10, "sample_images": 30,
        "learning_rate": 2e-3, "decay_from": 1.0,
    }  # fmt: skip
    return Pix2PixConfig(data=data, out=folder / "run", **{**small, **settings}, **WHERE)


def test_mode_collapse_is_told(tmp_path: Path) -> None:
    """The same target for all pictures."""
    flat = np.full((128, 128, 3), (200, 90, 30), np.uint8)
    data = piles(tmp_path / "data", lambda seed: scene(seed, 128), lambda _: flat)
    assert "mode collapse" in warnings_of(pix2pix(tmp_path, data))


def test_a_generator_stuck_at_identity_and_a_discriminator_that_wins_are_told(tmp_path: Path) -> None:
    """A weight that leaves nothing but to keep the picture, between piles that light tells apart."""
    data = piles(tmp_path / "data", lambda seed: scene(seed) // 4, lambda seed: scene(seed + 50) // 4 + 190)
    found = warnings_of(cyclegan(tmp_path, data, keep_weight=1000.0, images=320))
    assert {"stuck at identity", "discriminator wins"} <= found


def test_inverted_colours_are_told(tmp_path: Path) -> None:
    """Piles between which a negative is the shortest way, and no identity loss."""
    bright = np.indices((32, 32)).sum(0)[..., None] * np.ones(3) * 4

    def light_below(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return (bright * 0.8 + scene(seed) * 0.2).clip(0, 255).astype(np.uint8)

    data = piles(tmp_path / "data", light_below, lambda seed: 255 - light_below(seed + 50))
    assert "colours inverted" in warnings_of(cyclegan(tmp_path, data))


def test_a_checkerboard_is_told(tmp_path: Path) -> None:
    """Steps far too large: transposed convolutions leave their grid."""
    data = piles(tmp_path / "data", lambda seed: scene(seed, 128), lambda seed: scene(seed + 9, 128))
    found = warnings_of(pix2pix(tmp_path, data, learning_rate=0.05, l1_weight=0.1))
    assert "checkerboard" in found


def test_a_run_that_goes_well_is_left_alone(tmp_path: Path) -> None:
    data = piles(tmp_path / "data", lambda seed: scene(seed, 128), lambda seed: 255 - scene(seed, 128) // 2)
    assert warnings_of(pix2pix(tmp_path, data)) == set()


def test_measures_are_what_they_say() -> None:
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 64, 64, generator=random) * 2 - 1
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1
    assert grid(board.expand(1, 3, -1, -1)) > 0.9
    assert grid(noise) < 0.05
    assert diversity([noise, noise]) == 0
    row = {"A": noise, "A as B": -noise, "B": -noise}
    found = measure([row, {"A": noise.flip(2), "A as B": -noise, "B": noise}])
    assert found["diversity (A as B)"] == 0
    assert found["agreement (A as B)"] < 0
    assert measure([{"A": noise, "A as B": noise, "B": -noise}])["change (A as B)"] == 0


PLACE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
CONFIGS: list[TrainingConfig] = [
    Pix2PixConfig(**PLACE), CycleGANConfig(**PLACE), CUTConfig(**PLACE), SRGANConfig(**PLACE),
    SRGANConfig(**PLACE, stage="adversarial"),
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{type(config).__name__}")
@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.name)
def test_advice_names_options_that_the_method_has(sign: Sign, config: TrainingConfig) -> None:
    """--help is the judge; of the first stage of srgan also what the settings refuse there."""
    advised = OPTION.findall(advise(sign, config))
    known = {name.replace("_", "-") for name in vars(config)}
    assert set(advised) <= known
    if isinstance(config, SRGANConfig) and config.stage == "pixel":
        assert not {name.replace("-", "_") for name in advised} & {*GAME, "adversarial_weight"}


def test_advice_differs_between_methods() -> None:
    collapse = next(sign for sign in SIGNS if sign.name == "mode collapse")
    said = [advise(collapse, config) for config in CONFIGS[:3]]
    ties = ("--l1-weight", "--cycle-weight", "--contrast-weight")
    assert [[tie in text for tie in ties] for text in said] == np.eye(3, dtype=bool).tolist()


def logged(config: Any, certainty: float) -> dict[str, float]:
    """The line of a discriminator, 1: always right, 0: it cannot tell."""
    objective = OBJECTIVES[config.objective]
    scales = 2 if config.discriminator == "multiscale" else 1
    neutral = 0.5 if config.objective == "least-squares" else 0.0
    reach = {"vanilla": 9.0, "relativistic": 9.0, "hinge": 1.0}.get(config.objective, 0.5)
    real, fake = ([torch.full((4, 1), neutral + side * certainty * reach)] * scales for side in (1, -1))
    on_real, on_fake = objective.discriminator(real, fake, torch.ones(4), torch.zeros(4))
    if isinstance(config, CycleGANConfig):
        return {"d_a": float(on_real + on_fake), "d_b": 9.0}
    return {"d_real": float(on_real), "d_fake": float(on_fake), "g_gan": 1.0}


@pytest.mark.parametrize("kind", [Pix2PixConfig, CycleGANConfig, CUTConfig])
@pytest.mark.parametrize("discriminator", ["patchgan", "multiscale"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_loss_near_zero_for_long_is_a_discriminator_that_wins(objective: Any, discriminator: str, kind: Any) -> None:
    """With every objective but that of a critic, whose loss has no zero."""
    scales = {"scales": 2} if discriminator == "multiscale" else {}
    config = kind(**PLACE, objective=objective, discriminator=discriminator, discriminator_arguments=scales)
    sure, unsure = (discriminator_losses(logged(config, certainty), config) for certainty in (1.0, 0.0))
    if objective == "wgan-gp":
        assert sure == unsure == {}
        return
    name = "discriminator_loss (d_a)" if kind is CycleGANConfig else "discriminator_loss (d)"
    assert unsure[name] == pytest.approx(1.0)
    watch = Watch()
    told = [[sign.name for sign, _ in watch.look(measures)] for measures in [sure] * 4 + [unsure] + [sure] * 6]
    assert told == [[]] * 9 + [["discriminator wins"]] + [[]]
    assert discriminator_losses({"g_pixel": 0.1}, SRGANConfig(**PLACE)) == {}
