"""`--features inception`: torch-fidelity's network, of which nothing is fetched here, and the Inception Score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.image.fid
from onnx_models import make_model
from PIL import Image
from torch import Tensor, nn

from models.errors import DataError
from translate.config_training import EvaluateConfig
from translate.metrics.evaluate import evaluate
from translate.metrics.inception import Inception

CLASSES = 5


class Stub(nn.Module):
    """In place of torch-fidelity's: mean and deviation of each colour, and six zeros."""

    def __init__(self, name: str, features_list: list[str]) -> None:
        super().__init__()
        assert (name, features_list) == ("inception-v3-compat", ["2048"])
        self.fc = nn.Linear(12, CLASSES)
        torch.manual_seed(0)
        nn.init.normal_(self.fc.weight, std=0.02)
        nn.init.constant_(self.fc.bias, 1e9)  # is not to be used

    def forward(self, pictures: Tensor) -> Tensor:
        assert pictures.dtype == torch.uint8
        values = pictures.float().flatten(2)
        return torch.cat([values.mean(dim=2), values.std(dim=2), torch.zeros(len(pictures), 6)], dim=1)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchmetrics.image.fid, "NoTrainInceptionV3", Stub)


def write(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        pixels = random.integers(0, random.integers(2, 256, 3), (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}-{number}.png")


@pytest.mark.usefixtures("stub")
def test_piles(tmp_path: Path) -> None:
    """The figures have their published names; resize, reference set and parts of the score are said."""
    write(tmp_path / "testA", 25, 0)
    write(tmp_path / "testB", 24, 1)
    model = make_model(tmp_path / "model.onnx", scale=1, paint="identity")
    settings: dict[str, Any] = {"model": str(model), "data": tmp_path, "device": "cpu"}
    found = evaluate(EvaluateConfig(**settings, features=Path("inception")))
    assert {"FID", "KID", "KID, deviation"} < set(found.metrics)
    assert found.metrics["FID"] > 0
    assert 1 < found.metrics["Inception Score (2 parts)"] < CLASSES
    assert found.metrics["Inception Score, deviation (2 parts)"] >= 0
    assert "Inception-v3, which sees 299 x 299 (bilinear, antialiased)" in found.protocol
    assert "224" not in found.protocol
    assert "25 inputs against 24 real pictures" in found.protocol
    assert found.references.endswith("testB")
    enlarged = make_model(tmp_path / "larger.onnx", paint="identity")
    settings |= {"model": str(enlarged), "data": tmp_path / "testA"}
    pairs = evaluate(EvaluateConfig(**settings, features=Path("inception")))
    assert {"FID", "Inception Score (2 parts)", "PSNR (RGB)"} < set(pairs.metrics)
    assert "LPIPS" not in " ".join(pairs.metrics)


@pytest.mark.usefixtures("stub")
def test_the_score_is_what_its_formula_says() -> None:
    """exp of the mean divergence of each answer from all of them: 1 where all are alike, the classes where each is sure
    of another one."""
    network = Inception()
    network.network.fc.weight.data = torch.eye(12)[:CLASSES] * 100
    sure = torch.eye(12)[torch.arange(10) % CLASSES]
    assert network.score(sure) == (1, pytest.approx(CLASSES, rel=1e-4), None)
    parts, mean, deviation = network.score(torch.ones(200, 12))
    assert (parts, mean, deviation) == (10, pytest.approx(1), pytest.approx(0, abs=1e-5))
    network.network.fc.weight.data /= 100
    features = torch.rand(19, 12)
    answers = features.mm(network.network.fc.weight.detach().T).softmax(dim=1).double()
    divergence = (answers * (answers / answers.mean(dim=0)).log()).sum(dim=1).mean()
    assert network.score(features)[1] == pytest.approx(float(divergence.exp()), rel=1e-4)


def test_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchmetrics.image.fid, "NoTrainInceptionV3", offline)
    with pytest.raises(DataError, match=r"no route to host.*Connect once"):
        Inception()
