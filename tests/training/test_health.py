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
from translate.training.config import CycleGANConfig, Pix2PixConfig, TrainingConfig
from translate.training.health import diversity, grid, measure

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
