"""LPIPS with a network from a file: the value of torchmetrics' own, by the same features and learned weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.models
from torchmetrics.functional.image.lpips import _LPIPS

from models.errors import DataError
from translate.metrics.distances import open_network
from translate.metrics.features import KINDS, FeatureNetwork
from translate.metrics.lpips import HEADS, learned, lpips

BUILDERS = {"SqueezeNet 1.1": "squeezenet1_1", "AlexNet": "alexnet", "VGG-16": "vgg16"}


@pytest.mark.parametrize("title", [pytest.param(t, marks=pytest.mark.slow if t == "VGG-16" else ()) for t in HEADS])
def test_it_is_what_torchmetrics_finds(title: str) -> None:
    torch.manual_seed(0)
    theirs = _LPIPS(pretrained=True, net=HEADS[title][0], pnet_rand=True)  # type: ignore[arg-type]
    network = getattr(torchvision.models, BUILDERS[title])(weights=None)
    # slices.1.3.squeeze.weight, or slice2.3.weight: the number after the slice is that of the layer
    named = {re.sub(r"slices?\.?\d+\.", "", name): weights for name, weights in theirs.net.state_dict().items()}
    network.features.load_state_dict(named)
    kind = next(kind for kind in KINDS if kind.title == title)
    one, other = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        ours = lpips(FeatureNetwork(network.features, kind, HEADS[title][2] + "ab12"), one, other)
        expected = theirs(one, other, normalize=True).flatten()
    assert ours is not None
    assert float(expected.min()) > 0
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-7)


def test_no_weight_is_below_zero_and_equal_pictures_are_the_same() -> None:
    assert all(float(weights.min()) >= 0 for name, *_ in HEADS.values() for weights in learned(name))
    torch.manual_seed(0)
    network = FeatureNetwork(torchvision.models.squeezenet1_1(weights=None).features, KINDS[0], "b8a52dc0")
    picture = torch.rand(1, 3, 48, 48)
    assert lpips(network, picture, picture) == 0
    network.origin = "another training of it"
    assert lpips(network, picture, picture) is None


def test_there_is_none_for_other_networks() -> None:
    kind = next(kind for kind in KINDS if kind.title == "VGG-19")
    picture = torch.rand(1, 3, 32, 32)
    assert lpips(FeatureNetwork(torch.nn.Sequential(), kind), picture, picture) is None


def test_a_network_is_fetched_by_name_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = torchvision.models.squeezenet1_1(weights=None)
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: {"squeezenet1_1": fetched}[name])
    network = open_network(Path("squeezenet1_1"))
    assert isinstance(network, FeatureNetwork)
    assert network.features is fetched.features
    assert (network.title, network.origin) == ("SqueezeNet 1.1", HEADS["SqueezeNet 1.1"][2])

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(DataError, match=r"weights of AlexNet \(no route to host\).*name a file with --features"):
        open_network(Path("alexnet"))
    with pytest.raises(DataError, match="there is no file"):
        open_network(Path("squeezenet"))
