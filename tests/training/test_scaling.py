"""float16: the scaled loss gives the update that the plain one gives; one that overflows is left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from translate.training import run as run_module
from translate.training import train
from translate.training.config import Pix2PixConfig, SRGANConfig
from translate.training.method import Batch, backward
from translate.training.optimization import clip
from translate.training.pix2pix import Pix2Pix
from translate.training.scaling import FIRST, PATIENCE, LossScale

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")


def networks() -> tuple[nn.Module, torch.optim.Adam, nn.Module, torch.optim.Adam]:
    torch.manual_seed(0)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    return one, torch.optim.Adam(one.parameters(), fused=True), other, torch.optim.Adam(other.parameters(), fused=True)


def test_a_scaled_loss_gives_the_plain_update() -> None:
    plain, plain_optimizer, scaled, optimizer = networks()
    scale = LossScale(torch.device("cpu"))
    optimizer.register_step_pre_hook(scale.unscale)
    for _ in range(3):
        pictures = torch.randn(4, 3)
        for network, follows, back in ((plain, plain_optimizer, backward), (scaled, optimizer, scale.backward)):
            follows.zero_grad()
            back(network(pictures).square().mean())
            follows.step()
    assert torch.equal(plain.weight, scaled.weight)  # a power of two changes no digit


@pytest.mark.parametrize("settings", [{"objective": "wgan-gp"}, {"r1_weight": 1.0, "r1_every": 1}])
def test_penalties_are_of_the_slope_of_what_is_not_scaled(settings: dict[str, Any]) -> None:
    small: dict[str, Any] = {
        "data": Path("data"), "out": Path("run"), "generator": "resnet_6blocks", "clip_norm": 0.1,
        "generator_arguments": {"width": 2, "blocks": 1}, "discriminator_arguments": {"width": 2, "layers": 1},
    }  # fmt: skip
    trained = []
    for scale in (None, LossScale(torch.device("cpu"))):
        torch.manual_seed(0)
        method = Pix2Pix(Pix2PixConfig(**small, **settings), torch.device("cpu"), scale.backward if scale else backward)
        for optimizer in method.optimizers.values():
            if scale:
                optimizer.register_step_pre_hook(scale.unscale)
        clip(method.optimizers, 0.1)
        for _ in range(2):
            a, b = torch.rand(2, 2, 3, 16, 16)
            losses = method.step(Batch(a, b))
        trained.append((losses, list(method.d.parameters())))
    (losses, plain), (scaled_losses, scaled) = trained
    assert {name for name in losses if name in ("d_slope", "d_r1")}
    assert losses == scaled_losses
    assert all(torch.equal(one, other) for one, other in zip(plain, scaled, strict=True))


def test_an_update_that_overflows_is_left_out_and_the_factor_halved() -> None:
    _, _, network, optimizer = networks()
    scale = LossScale(torch.device("cpu"))
    optimizer.register_step_pre_hook(scale.unscale)
    before = network.weight.detach().clone()
    scale.backward(network(torch.full((1, 3), float("inf"))).sum())
    optimizer.step()
    assert torch.equal(network.weight, before)
    assert float(scale.scale) == FIRST / 2
    optimizer.zero_grad()
    scale.backward(network(torch.ones(1, 3)).sum())
    optimizer.step()
    assert not torch.equal(network.weight, before)
    assert next(iter(optimizer.state.values()))["step"] == 1


def test_the_factor_grows_after_enough_good_updates_also_after_a_stop() -> None:
    _, _, network, optimizer = networks()
    scale = LossScale(torch.device("cpu"))
    scale.load_state({"scale": 8.0, "good": float(PATIENCE - 1)})
    optimizer.register_step_pre_hook(scale.unscale)
    scale.backward(network(torch.ones(1, 3)).sum())
    optimizer.step()
    assert scale.state() == {"scale": 16.0, "good": 0.0}


def test_float16_trains_and_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(4):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        (tmp_path / "data").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{index}.png")
    small: dict[str, Any] = {
        "size": 16, "batch": 2, "images": 8, "workers": 0, "device": "cpu", "log_images": 2, "precision": "fp16",
        "generator_arguments": {"width": 4, "blocks": 1},
    }  # fmt: skip
    seen = []
    plain = run_module.fit

    def fit(run: Any, samples: Any) -> None:
        plain(run, samples)
        seen.append((run.precision, float(run.scale.scale)))

    monkeypatch.setattr(run_module, "fit", fit)
    out = train(SRGANConfig(data=tmp_path / "data", out=tmp_path / "run", **small))
    state = torch.load(out / "checkpoints" / "000000008" / "state.pt", weights_only=True)
    assert seen == [(torch.float16, state["scale"]["scale"])]
    assert state["scale"]["scale"] <= FIRST
    assert all(bool(tensor.isfinite().all()) for tensor in state["method"]["networks"]["g"].values())
