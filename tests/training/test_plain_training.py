"""Our steps make the updates of the plain ones, which the benchmark compares them with."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import plain_training
from benchmarks.equal_training import apart, same
from benchmarks.training import Settings, configure, measure
from models.spectral import normalise_spectrally
from models.zoo import build_discriminator
from translate.training.adversary import Adversary
from translate.training.config import Pix2PixConfig
from translate.training.method import each


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut", "srgan"])
def test_ours_computes_what_the_plain_step_does(name: str, batch: int, tmp_path: Path) -> None:
    config = configure(name, tmp_path, Settings(size=32, device="cpu"))
    found = apart(config, batch=batch)
    assert found.weights < 1e-8
    assert found.losses < 1e-8
    if (
        batch == 4
    ):  # with one or two small pictures a batch, Adam magnifies what float32 rounds, to 2e-3 on some processors
        assert apart(config, batch=batch, dtype=torch.float32).losses < 1e-4


def test_the_benchmark_ends_where_ours_computes_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its losses, or by its weights alone."""
    config = configure("srgan", tmp_path, Settings(size=32, device="cpu"))
    assert "apart in float64, losses" in same(config)
    plain = plain_training.PlainSRGAN.step

    def other_losses(self: Any, a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: loss + 2e-3 for name, loss in plain(self, a, b).items()}

    def other_weights(self: Any, a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
        found = plain(self, a, b)
        with torch.no_grad():
            next(self.g.parameters()).add_(1e-7)
        return found

    for step in (other_losses, other_weights):
        monkeypatch.setattr(plain_training.PlainSRGAN, "step", step)
        with pytest.raises(SystemExit, match=r"does not compute what the plain loop does: .* are allowed"):
            measure("srgan", tmp_path, Settings(size=32, device="cpu"))


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
