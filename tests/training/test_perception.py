"""The perceptual loss: each feature network by its published layout, and that none judges a model it has trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx_models import make_model
from PIL import Image
from torch import nn

from models.errors import ConfigError, DataError
from translate.config_training import EvaluateConfig
from translate.metrics.evaluate import evaluate
from translate.metrics.features import open_features
from translate.metrics.layouts import EfficientNetLite, SameConv, Stem
from translate.training.config import Pix2PixConfig, SRGANConfig
from translate.training.method import Batch
from translate.training.perception import Perception
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

CPU = torch.device("cpu")
WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the names in which it is published."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "stem.pth"
    torch.save({name.removeprefix("features."): value for name, value in Stem().state_dict().items()}, path)
    return path


def test_the_stem_is_vgg_19_with_reflected_edges(stem: Path) -> None:
    weights = torch.load(stem, weights_only=True)
    assert list(weights)[::2] == [f"{place}.weight" for place in (0, 2, 5, 9, 12, 16)]
    values = picture = torch.rand(1, 3, 16, 24)
    for place in (0, 2, 5, 9, 12, 16):
        values = nn.functional.pad(values, [1] * 4, mode="reflect") if place else values
        values = nn.functional.conv2d(values, weights[f"{place}.weight"], weights[f"{place}.bias"])
        values = values.relu() if place else values
        values = nn.functional.max_pool2d(values, 2) if place in (5, 12) else values
    network = open_features(stem)
    assert (network.title, network.family) == ("VGG-19 up to relu3_1", "VGG-19")
    assert torch.allclose(network.maps(picture)[-1], values, atol=1e-6)
    assert [layer.shape[1] for layer in network.maps(picture)] == [64, 128, 256]


@pytest.mark.parametrize(
    ("number", "parameters", "widths"),
    [
        (0, 4_652_008, (16, 24, 40, 112, 320)),
        (1, 5_416_680, (16, 24, 40, 112, 320)),
        (2, 6_092_072, (16, 24, 48, 120, 352)),
    ],
)
def test_efficientnet_lite_is_read_in_its_published_order(
    number: int, parameters: int, widths: tuple[int, ...], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    whole = EfficientNetLite(number).eval()
    assert sum(parameter.numel() for parameter in whole.parameters()) == parameters
    path = tmp_path / "lite.pth"
    torch.save({f"_layer{number}": value for number, value in enumerate(whole.state_dict().values())}, path)
    network, picture = open_features(path), torch.rand(1, 3, 64, 96)
    assert network.title == network.family == f"EfficientNet-Lite{number}"
    with torch.no_grad():
        seen = network.maps(picture)
        wanted = whole.features[:-1]((picture - 127 / 255) / (128 / 255))
    assert torch.allclose(seen[-1], wanted, atol=1e-5)
    sides = ((32, 48), (16, 24), (8, 12), (4, 6), (2, 3))
    assert [tuple(layer.shape[1:]) for layer in seen] == [
        (width, *two) for width, two in zip(widths, sides, strict=True)
    ]


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "before"), [(8, 3, 2, 0), (7, 3, 2, 1), (8, 5, 2, 1), (8, 3, 1, 1)]
)
def test_same_padding_is_tensorflows(side: int, kernel: int, stride: int, before: int) -> None:
    """`before`: rows of zeros above and left; the others are below and right."""
    torch.manual_seed(0)
    conv, picture = SameConv(1, 1, kernel, stride), torch.randint(9, (1, 1, side, side)).float()
    nn.init.normal_(conv.weight, std=9).data.round_()  # sums of whole numbers are exact, in whatever order
    padded = nn.functional.pad(picture, [before, kernel, before, kernel])
    count = -(-side // stride)
    wanted = nn.functional.conv2d(padded, conv.weight, stride=stride)[:, :, :count, :count]
    assert torch.equal(conv(picture), wanted)


def test_pictures_in_one_range_are_seen_in_the_other(features: Path) -> None:
    one, other = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    perception = Perception([features], "unit")
    wanted = perception.networks[0].distance(one, other).mean()
    assert float(perception(2 * one - 1, 2 * other - 1)) == pytest.approx(float(wanted), rel=1e-4)
    assert len(perception.judges["SqueezeNet 1.1"]) == 64
    moved = (2 * one - 1).requires_grad_(True)
    perception(moved, 2 * other - 1).backward()
    assert float(moved.grad.abs().sum()) > 0  # type: ignore[union-attr]
    assert not any(parameter.requires_grad for parameter in perception.parameters())


def test_pairs_and_second_stages_learn_by_a_network_in_a_file(features: Path, stem: Path) -> None:
    torch.manual_seed(0)
    small = {"generator_arguments": {"width": 4, "blocks": 1}, "discriminator_arguments": {"width": 4, "layers": 1}}
    pairs = Pix2Pix(
        Pix2PixConfig(
            **WHERE,
            **small,
            generator="resnet_6blocks",
            perceptual_weight=5.0,
            perceptual_features=(stem,),
            l1_weight=0,
        ),
        CPU,
    )
    batch = Batch(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
    seen = [float(pairs.step(batch)["g_perceptual"]) for _ in range(25)]
    assert seen[-1] < seen[0]
    assert list(pairs.generators()["g"][1].judges) == ["VGG-19"]
    settings = {
        "stage": "adversarial",
        "start_from": Path("g"),
        "discriminator": "patchgan",
        "generator": "msrresnet_x4",
    }
    larger = SRGAN(
        SRGANConfig(**WHERE, **small, **settings, perceptual_features=(features,), perceptual_distance="unit"), CPU
    )
    losses = larger.step(Batch(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 64, 64)))
    assert float(losses["g_perceptual"]) > 0
    assert list(larger.generators()["g"][1].judges) == ["SqueezeNet 1.1"]
    assert "perception" not in larger.state()["networks"]


def test_distances_of_several_networks_are_summed(features: Path, stem: Path) -> None:
    one, other = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    both = Perception([features, stem], "unit")
    alone = [Perception([file], "unit")(one, other) for file in (features, stem)]
    assert float(both(one, other)) == pytest.approx(float(alone[0] + alone[1]), rel=1e-6)
    assert list(both.judges) == ["SqueezeNet 1.1", "VGG-19"]
    with pytest.raises(ConfigError, match=r"among .* is SqueezeNet 1\.1: use"):
        Perception([features, stem], "srgan")


def test_networks_and_distances_that_do_not_go_together_are_refused(features: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is SqueezeNet 1\.1: use --perceptual-distance unit"):
        Perception([features], "srgan")
    with pytest.raises(DataError, match="there is no file"):
        Perception([tmp_path / "none.pth"], "unit")
    with pytest.raises(ConfigError, match="needs a --perceptual-weight above 0"):
        Pix2PixConfig(**WHERE, perceptual_features=(features,))
    with pytest.raises(ConfigError, match="is for --stage adversarial"):
        SRGANConfig(**WHERE, perceptual_features=(features,))


def test_a_model_is_not_measured_by_the_network_that_trained_it(tmp_path: Path, features: Path, stem: Path) -> None:
    for pile in ("testA", "testB"):
        (tmp_path / pile).mkdir()
        for number in range(2):
            pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / pile / f"{number}.png")
    model = make_model(tmp_path / "model.onnx", paint="identity", scale=1, judges={"VGG-19": "a file"})
    settings: dict[str, Any] = {"model": str(model), "data": tmp_path, "device": "cpu"}
    with pytest.raises(ConfigError, match="was trained by the features of VGG-19"):
        evaluate(EvaluateConfig(**settings, features=stem))
    found = evaluate(EvaluateConfig(**settings, features=features))
    assert "Fréchet distance (SqueezeNet 1.1)" in found.metrics
