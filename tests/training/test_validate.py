"""What is measured of the pictures kept aside, and by what the best checkpoint is chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from export.command import find_checkpoint
from models.checkpoint import load_checkpoint
from models.errors import ConfigError
from translate.metrics.features import open_features
from translate.training import train
from translate.training.config import CUTConfig, CycleGANConfig, SRGANConfig
from translate.training.validate import choose, validate

WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("out")}


def test_pairs_and_piles(features: Path) -> None:
    """Each measure is better for what is nearer."""
    network = open_features(features)
    real = torch.rand(6, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    near, far = (
        validate([{"result": picture * factor, "target": picture} for picture in real], network)
        for factor in (0.9, 0.3)
    )
    assert list(near) == ["validation_psnr", "validation_ssim", "validation_perceptual"]
    assert near["validation_psnr"] > far["validation_psnr"]
    assert near["validation_ssim"] > far["validation_ssim"]
    assert near["validation_perceptual"] < far["validation_perceptual"]
    equal = [{"result": picture, "target": picture} for picture in real]
    assert validate(equal)["validation_ssim"] == pytest.approx(1)

    near, far = (
        validate([{"A as B": real[3 + row] * factor, "B": real[row]} for row in range(3)], network)
        for factor in (1.0, 0.1)
    )
    assert list(near) == ["validation_swd", "validation_kernel"]
    assert near["validation_swd"] < far["validation_swd"]
    assert near["validation_kernel"] < far["validation_kernel"]
    assert list(validate([{"A as B": picture, "B": picture} for picture in real])) == ["validation_swd"]
    assert choose(near, "auto") == "validation_swd"
    assert choose(near, "kernel") == "validation_kernel"
    assert choose({}, "auto") == ""


def test_the_best_checkpoint_is_chosen_by_it(tmp_path: Path, features: Path) -> None:
    """And a network that it was chosen by does not judge the model."""
    (tmp_path / "data").mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{number}.png")
    settings: dict[str, Any] = {
        "generator": "compact_x4", "generator_arguments": {"width": 8, "convs": 1}, "images": 3, "batch": 1, "size": 32,
        "validation": 2, "sample_images": 1, "workers": 0, "device": "cpu", "cache": "off", "precision": "fp32",
        "learning_rate": 0.1,
    }  # fmt: skip
    measure: dict[str, Any] = {"validation_measure": "perceptual", "validation_features": features}
    run = train(SRGANConfig(data=tmp_path / "data", out=tmp_path / "run", **settings, **measure))
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    found = {line["images"]: line["validation_perceptual"] for line in lines if "validation_perceptual" in line}
    best = json.loads((run / "best.json").read_text())
    assert best["measure"] == "validation_perceptual"
    assert best["images"] == min(found, key=lambda images: found[images])
    assert list(load_checkpoint(find_checkpoint(run))[1].judges) == ["SqueezeNet 1.1"]


def test_what_does_not_go_together_is_refused() -> None:
    for method in (CycleGANConfig, CUTConfig):
        with pytest.raises(ConfigError, match=r"--validation 1: a distance of piles needs 2"):
            method(**WHERE, validation=1)
    with pytest.raises(ConfigError, match="this method has swd, kernel"):
        CUTConfig(**WHERE, validation=2, validation_measure="psnr")
    with pytest.raises(ConfigError, match="this method has psnr, ssim, perceptual"):
        SRGANConfig(**WHERE, validation=2, validation_measure="swd")
    with pytest.raises(ConfigError, match="needs a network"):
        SRGANConfig(**WHERE, validation=2, validation_measure="perceptual")
    with pytest.raises(ConfigError, match="add --validation"):
        SRGANConfig(**WHERE, validation_measure="ssim")
