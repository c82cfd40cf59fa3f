"""Our steps make the updates of the plain ones, which the benchmark compares them with."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.training import Settings, apart, configure
from models.spectral import normalise_spectrally
from models.zoo import build_discriminator
from translate.training.adversary import Adversary
from translate.training.config import Pix2PixConfig
from translate.training.method import each


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut", "srgan"])
def test_ours_computes_what_the_plain_step_does(name: str, batch: int, tmp_path: Path) -> None:
    assert apart(configure(name, tmp_path, Settings(size=32, device="cpu")), batch=batch) < 1e-8


def test_a_network_is_called_once_for_two_piles_only_where_that_is_the_same() -> None:
    rival = Adversary(Pix2PixConfig(data=Path("data"), out=Path("run")))
    for arguments, calls, spectrally in (({}, 1, False), ({"norm": "batch"}, 2, False), ({}, 2, True)):
        network: Any = build_discriminator("patchgan", width=2, layers=1, **arguments)
        if spectrally:
            normalise_spectrally(network)
        seen = []
        network.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        piles = [torch.rand(count, 3, 16, 16) for count in (2, 3)]
        results = each(network, *piles)
        assert len(seen) == calls
        judging = copy.deepcopy(network)
        twice = rival.judge(judging, *(pile[:2] for pile in piles))
        assert len(seen) == 2 * calls
        if spectrally:  # whose second call is with weights one step of the power iteration further
            assert all(torch.equal(network(pile[:2]), verdict) for pile, verdict in zip(piles, twice, strict=True))
            continue
        for pile, result in zip(piles, results, strict=True):
            assert torch.allclose(network(pile), result, atol=1e-6)
