"""The mean of the weights of several runs."""

from typing import Any

import pytest
import torch

from benchmarks.average import average
from models.errors import ConfigError
from models.manifest import Manifest
from models.zoo import build_generator
from translate.training.seen import fingerprints


def of(value: float, judge: str, width: int = 2) -> tuple[torch.nn.Module, Manifest]:
    network = build_generator("resnet_6blocks", width=width, blocks=1)
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, value)
    facts: dict[str, Any] = {"arguments": {"width": width, "blocks": 1}, "pictures": fingerprints([])}
    return network, Manifest(
        name="mean",
        task="translation",
        source="a",
        target="b",
        generator="resnet_6blocks",
        judges={judge: "x"},
        **facts,
    )


def test_weights_are_averaged_and_judges_gathered() -> None:
    network, manifest = average([of(1.0, "one"), of(3.0, "two")], (0.75, 0.25))
    assert all(torch.allclose(parameter, torch.tensor(1.5)) for parameter in network.parameters())
    assert set(manifest.judges) == {"one", "two"}


def test_what_has_no_mean_is_refused() -> None:
    with pytest.raises(ConfigError, match="2 that add up to 1"):
        average([of(1.0, "one"), of(3.0, "two")], (0.75, 0.75))
    with pytest.raises(ConfigError, match="of the same form"):
        average([of(1.0, "one"), of(3.0, "two", width=4)], (0.5, 0.5))
