"""The parts of a run by themselves: features, schedule, running average, pool, device."""

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ConfigError, DeviceError, TrainingError
from translate.training.config import SRGANConfig
from translate.training.ema import Ema
from translate.training.hardware import choose_device
from translate.training.optimization import learning_rate_factor
from translate.training.perception import Perception
from translate.training.pool import ImagePool


def test_vgg_features_are_those_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.models

    whole = torchvision.models.vgg19(weights=None)
    monkeypatch.setattr(torchvision.models, "vgg19", lambda weights: whole)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = ((picture + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    other = torch.rand(1, 3, 32, 32) * 2 - 1
    perception = Perception((), "srgan")
    (network,) = perception.networks
    (seen,) = network.maps((picture + 1) / 2, [35])
    blocks = torch.nn.functional.max_pool2d(seen, 2)  # what follows the last convolution and its ReLU
    assert torch.allclose(blocks, whole.eval().features(normalised), atol=1e-6)
    (target,) = network.maps((other + 1) / 2, [35])
    assert torch.equal(perception(picture, other), (seen - target).square().mean())
    before = [network.maps((image + 1) / 2, [34])[0] for image in (picture, other)]
    assert torch.allclose(seen, before[0].relu())
    assert torch.equal(Perception((), "esrgan")(picture, other), (before[0] - before[1]).abs().mean())
    assert perception.judges == {"VGG-19": "torchvision IMAGENET1K_V1"}


def test_vgg_weights_that_cannot_be_fetched_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.models

    def offline(weights: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "vgg19", offline)
    with pytest.raises(TrainingError, match="--perceptual-weight 0"):
        Perception((), "srgan")


def test_learning_rate_rises_stays_and_falls() -> None:
    config = SRGANConfig(data=Path("d"), out=Path("o"), images=1000, batch=10, warmup_images=100, decay_from=0.5)
    factors = [learning_rate_factor(images, config) for images in (0, 90, 400, 500, 750, 1000)]
    assert factors == pytest.approx([0.1, 1, 1, 1, 0.5, 0])
    constant = SRGANConfig(data=Path("d"), out=Path("o"), images=1000, batch=10)
    assert learning_rate_factor(999, constant) == 1


def test_average_follows_the_weights() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 1.0)
    ema = Ema({"g": network}, 0.5)
    with torch.no_grad():
        network.weight.fill_(3.0)
    ema.update()
    assert float(ema.averages["g"].weight) == pytest.approx(1 + (1 - 2 / 11) * 2)  # the decay has to grow first
    for _ in range(20):
        ema.update()
    assert float(ema.averages["g"].weight) == pytest.approx(3.0, abs=1e-4)
    assert Ema({"g": network}, 0).averages["g"] is network


def test_pool_shows_old_fakes_half_of_the_time() -> None:
    pool = ImagePool(50, seed=0)
    filling = torch.arange(50.0).view(50, 1, 1, 1)
    assert torch.equal(pool.swap(filling), filling)
    fresh = torch.arange(50.0, 1050.0).view(1000, 1, 1, 1)
    shown = pool.swap(fresh)
    assert 0.4 < float((shown == fresh).float().mean()) < 0.6
    assert torch.equal(ImagePool(0, seed=0).swap(fresh), fresh)


def test_devices_that_cannot_be_had_are_errors() -> None:
    with pytest.raises(ConfigError, match="no device named 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="finds no CUDA device"):
            choose_device("cuda")
