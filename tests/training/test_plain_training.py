"""Our steps make the updates of the plain ones, which the benchmark compares them with."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.training import Settings, apart, configure
from models.zoo import build_discriminator
from translate.training.method import each


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut", "srgan"])
def test_ours_computes_what_the_plain_step_does(name: str, tmp_path: Path) -> None:
    assert apart(configure(name, tmp_path, Settings(size=32, device="cpu"))) < 1e-8


def test_a_network_is_called_once_for_two_piles_only_where_that_is_the_same() -> None:
    for arguments, calls in (({}, 1), ({"norm": "batch"}, 2)):
        network: Any = build_discriminator("patchgan", width=2, layers=1, **arguments)
        seen = []
        network.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        piles = [torch.rand(count, 3, 16, 16) for count in (2, 3)]
        results = each(network, *piles)
        assert len(seen) == calls
        for pile, result in zip(piles, results, strict=True):
            assert torch.allclose(network(pile), result, atol=1e-6)
