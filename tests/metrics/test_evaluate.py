"""`translate evaluate`: piles, pairs and enlargement, seen by a feature network from a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from onnx_models import make_model
from PIL import Image
from torchvision.models import squeezenet1_1

from models.errors import DataError
from translate.cli import main
from translate.config_training import EvaluateConfig
from translate.metrics.distances import pile_distances
from translate.metrics.evaluate import evaluate
from translate.metrics.features import FeatureNetwork, open_features
from translate.metrics.lpips import HEADS

DISTANCES = ("Fréchet distance", "kernel distance", "kernel distance, deviation")
PHOTOGRAPH = Path(__file__).parents[2] / "export" / "photograph.jpg"


@pytest.fixture(scope="module")
def network(features: Path) -> FeatureNetwork:
    return open_features(features)


def crops(count: int, side: int = 64, seed: int = 0) -> list[Any]:
    whole = np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))
    random = np.random.default_rng(seed)
    places = [[random.integers(length - side) for length in whole.shape[:2]] for _ in range(count)]
    return [whole[y : y + side, x : x + side] for y, x in places]


def write(folder: Path, pictures: list[Any], prefix: str = "") -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{prefix}{number}.png")


def test_enlargement(tmp_path: Path, features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that repeats pixels is worse than bicubic, and says so by every measure."""
    write(tmp_path / "data", crops(3))
    model = make_model(tmp_path / "model.onnx", paint="identity")
    found = evaluate(EvaluateConfig(model=str(model), data=tmp_path / "data", features=features, device="cpu"))
    assert found.pictures == 3
    assert found.metrics.keys() == found.baseline.keys()
    assert set(found.metrics) == {
        *("PSNR (RGB)", "PSNR (Y)", "SSIM (RGB)", "SSIM (Y)"),
        "perceptual distance (SqueezeNet 1.1)",
        *(f"{word} (SqueezeNet 1.1)" for word in DISTANCES),
    }
    one = EvaluateConfig(model=str(model), data=tmp_path / "data", features=features, device="cpu", limit=1)
    assert not {f"{word} (SqueezeNet 1.1)" for word in DISTANCES} & set(evaluate(one).metrics)  # of one there is none
    drawn = hashlib.sha256(features.read_bytes()).hexdigest()
    monkeypatch.setitem(HEADS, "SqueezeNet 1.1", ("squeeze", HEADS["SqueezeNet 1.1"][1], drawn[:8]))
    assert evaluate(one).metrics["LPIPS (squeeze)"] > 0
    files = sorted((tmp_path / "data").iterdir())
    errors = []
    for file in files:
        high = np.asarray(Image.open(file), float)
        low = np.rint(high.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)))
        errors.append(10 * np.log10(255**2 / np.mean((low.repeat(4, 0).repeat(4, 1) - high) ** 2)))
    assert found.metrics["PSNR (RGB)"] == pytest.approx(np.mean(errors), abs=0.02)
    assert found.metrics["PSNR (RGB)"] < found.baseline["PSNR (RGB)"]


def test_published_figures_stand_beside_ours_where_the_protocol_is_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "Set5", crops(5))
    model = str(make_model(tmp_path / "model.onnx", paint="identity"))
    theirs: dict[str, Any] = {
        "model": model,
        "data": tmp_path / "Set5",
        "device": "cpu",
        "shrink": "bicubic",
        "border": 4,
    }
    found = evaluate(EvaluateConfig(**theirs))
    assert found.published["SRResNet (Ledig et al. 2017)"] == {"PSNR (Y)": 32.05, "SSIM (Y)": 0.902}
    assert all(scores.keys() < found.metrics.keys() for scores in found.published.values())
    for other in ({"shrink": "box"}, {"border": 0}, {"limit": 4}):
        assert not evaluate(EvaluateConfig(**{**theirs, **other})).published
    command = ["evaluate", model, "--data", str(tmp_path / "Set5"), "--shrink", "bicubic", "--border", "4", "-d", "cpu"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "SRGAN (BasicSR)" in " ".join(told.split())
    assert "32.05" in told


def test_pairs(tmp_path: Path) -> None:
    """A model that changes nothing is as good as its input; the direction says which half that is."""
    left = crops(2)
    write(tmp_path / "data" / "val", [np.hstack([picture, 255 - picture]) for picture in left])
    model = make_model(tmp_path / "model.onnx", scale=1, paint="identity")
    config = EvaluateConfig(model=str(model), data=tmp_path / "data", device="cpu", direction="b-to-a", border=3)
    found = evaluate(config)
    assert found.metrics == pytest.approx(found.baseline)
    assert found.inputs.endswith("val")
    assert (found.border, found.part) == (3, "val")
    assert "3 pixels of border left out" in found.protocol


def test_piles(tmp_path: Path, features: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results of a model that changes nothing are as far from the other pile as its inputs."""
    write(tmp_path / "data" / "testA", crops(4))
    write(tmp_path / "data" / "testB", [cv2.GaussianBlur(picture, (0, 0), 3) for picture in crops(5, seed=1)], "b")
    model = make_model(tmp_path / "model.onnx", scale=1, paint="identity")
    command = ["evaluate", str(model), "--data", str(tmp_path / "data"), "--features", str(features), "-d", "cpu"]
    assert main([*command, "--json", "--limit", "4", "--side", "80"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"] == pytest.approx(found["baseline"])
    assert found["metrics"]["edge agreement"] == pytest.approx(1)
    assert found["metrics"]["SWD x 1000 (256 pixels)"] > 100
    assert not {"FID", "KID"} & set(found["metrics"])
    assert found["metrics"]["kernel distance (SqueezeNet 1.1)"] > 0
    assert main([*command, "--direction", "b-to-a"]) == 0
    shown = capsys.readouterr().out
    assert "testB against" in shown
    assert "Fréchet distance (SqueezeNet 1.1)" in shown


def test_equal_piles_are_near(network: FeatureNetwork) -> None:
    piles = [
        [torch.from_numpy(p.transpose(2, 0, 1) / np.float32(255)) for p in crops(12, seed=seed)] for seed in (0, 1)
    ]
    dark = [picture * 0.3 for picture in piles[1]]
    near, far = (pile_distances(piles[0], other, network) for other in (piles[1], dark))
    assert near.fid < far.fid
    assert near.kid < far.kid
    assert near.features == "SqueezeNet 1.1"
    assert pile_distances(piles[0], piles[1], network) == near
    with pytest.raises(DataError, match="2 pictures or more"):
        pile_distances(piles[0][:1], piles[1], network)


def test_the_perceptual_distance_is_written_as_it_is_said(network: FeatureNetwork) -> None:
    one, other = torch.rand(2, 1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    expected = 0.0
    for a, b in zip(network.maps(one), network.maps(other), strict=True):
        for y in range(a.shape[2]):
            for x in range(a.shape[3]):
                u, v = a[0, :, y, x], b[0, :, y, x]
                expected += float((u / u.norm() - v / v.norm()).square().sum()) / (a.shape[2] * a.shape[3])
    assert len(network.maps(one)) == 5
    assert_allclose(float(network.distance(one, other)), expected, rtol=1e-4)
    assert float(network.distance(one, one)) == 0


def test_refused(tmp_path: Path, features: Path) -> None:
    weights = torch.load(features, weights_only=True)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    torch.save(squeezenet1_1(weights=None), tmp_path / "program.pth")
    torch.save({**weights, "classifier.1.bias": torch.zeros(3)}, tmp_path / "shape.pth")
    (tmp_path / "cut.pth").write_bytes(features.read_bytes()[:5000])
    for name, complaint in (
        ("other.pth", "none of SqueezeNet 1.1, VGG-19"),
        ("shape.pth", "none of SqueezeNet"),
        ("program.pth", "pickled program"),
        ("cut.pth", "cannot read"),
        ("none.pth", "there is no"),
    ):
        with pytest.raises(DataError, match=complaint):
            open_features(tmp_path / name)
    write(tmp_path / "data", crops(2))
    model = make_model(tmp_path / "model.onnx", scale=1, paint="identity")
    with pytest.raises(DataError, match="no two folders such as testA and testB"):
        evaluate(EvaluateConfig(model=str(model), data=tmp_path / "data", device="cpu"))
