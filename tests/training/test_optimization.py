"""Schedules by their values, parts of a batch against the whole, clipping, and two time scales."""

from pathlib import Path
from typing import Any

import pytest
import torch
from test_objective import METHODS, batch_for, build

from models.errors import ConfigError
from translate.training.config import Pix2PixConfig, SRGANConfig
from translate.training.method import backward
from translate.training.optimization import clip, learning_rate_factor, learning_rates, set_learning_rates

WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}


@pytest.mark.parametrize(
    ("settings", "wanted"),  # after 0, 250, 500, 625, 750, 875 and 1000 of 1000 images
    [
        ({"decay_from": 0.5}, [1, 1, 1, 0.75, 0.5, 0.25, 0]),
        ({"decay_from": 0.0}, [1, 0.75, 0.5, 0.375, 0.25, 0.125, 0]),
        ({"decay_from": 0.5, "schedule": "cosine"}, [1, 1, 1, 0.853553, 0.5, 0.146447, 0]),
        ({"decay_from": 1.0, "schedule": "cosine"}, [1] * 7),
        ({"schedule": "step", "step_at": (0.5, 0.75)}, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ({"schedule": "step", "step_at": (0.5,), "step_factor": 0.1}, [1, 1, 0.1, 0.1, 0.1, 0.1, 0.1]),
        ({"decay_from": 0.5, "warmup_images": 500}, [0.02, 0.52, 1, 0.75, 0.5, 0.25, 0]),
    ],
)
def test_schedules(settings: dict[str, Any], wanted: list[float]) -> None:
    config = SRGANConfig(**WHERE, images=1000, batch=10, **settings)
    found = [learning_rate_factor(images, config) for images in (0, 250, 500, 625, 750, 875, 1000)]
    assert found == pytest.approx(wanted, abs=1e-6)


def test_players_have_their_own_time_scale() -> None:
    method = build("pix2pix", images=1000, learning_rate=1e-4, discriminator_learning_rate=4e-4, decay_from=0.5)
    assert learning_rates(750, method.config) == pytest.approx({"g": 5e-5, "d": 2e-4})
    set_learning_rates(method.optimizers, 750, method.config)
    assert method.optimizers["g"].param_groups[0]["lr"] == pytest.approx(5e-5)
    assert method.optimizers["d"].param_groups[0]["lr"] == pytest.approx(2e-4)
    assert learning_rates(0, Pix2PixConfig(**WHERE)) == {"g": 2e-4, "d": 2e-4}


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("name", METHODS)
def test_parts_of_a_batch_add_up_to_the_whole(name: str, parts: int) -> None:
    """After three updates, on networks without BatchNorm."""
    several = {"discriminator": "multiscale", "discriminator_arguments": {"width": 4, "layers": 1, "scales": 2}}
    unmixed = several if name == "pix2pix" else {}
    settings = {"batch": 4, "r1_weight": 1.0, "r1_every": 2, "pool": 3, **unmixed}
    whole, part = (build(name, accumulate=count, **settings) for count in (1, parts))
    for _ in range(3):
        losses = [method.step(batch_for(name)) for method in (whole, part)]
    assert losses[0].keys() == losses[1].keys()
    for key, value in losses[0].items():
        assert float(losses[1][key]) == pytest.approx(float(value), abs=1e-8), key
    for network, same in zip(whole.networks.values(), part.networks.values(), strict=True):
        for ours, theirs in zip(network.parameters(), same.parameters(), strict=True):
            assert float((ours - theirs).detach().abs().max()) < 1e-8


def test_the_first_stage_adds_up_too() -> None:
    alone: dict[str, Any] = {"stage": "pixel", "discriminator": "vgg", "perceptual_weight": 0.006}  # as by default
    whole, part = (build("srgan", accumulate=count, **alone) for count in (1, 4))
    for method in (whole, part):
        method.step(batch_for("srgan"))
    for ours, theirs in zip(whole.g.parameters(), part.g.parameters(), strict=True):
        assert float((ours - theirs).detach().abs().max()) < 1e-8


def test_gradients_are_no_longer_than_asked() -> None:
    layer = torch.nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    clip({"g": optimizer}, 0.5)
    before = layer.weight.detach().clone()
    backward(layer(torch.tensor([3.0, 4.0])).sum())
    optimizer.step()
    assert torch.allclose(before - layer.weight, torch.tensor([[0.3, 0.4]]), atol=1e-5)
    layer.weight.grad = torch.tensor([[0.03, 0.04]])
    before = layer.weight.detach().clone()
    optimizer.step()
    assert torch.allclose(before - layer.weight, torch.tensor([[0.03, 0.04]]))


@pytest.mark.parametrize("name", METHODS)
def test_every_player_is_clipped(name: str) -> None:
    method = build(name)
    clip(method.optimizers, 1e-6)
    method.step(batch_for(name))
    for optimizer in method.optimizers.values():
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        assert float(torch.nn.utils.get_total_norm(gradients)) <= 1e-6
    clip(method.optimizers, 0.0)
    assert all(len(optimizer._optimizer_step_pre_hooks) == 1 for optimizer in method.optimizers.values())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schedule": "step"}, "give both or neither"),
        ({"step_at": (0.5,)}, "give both or neither"),
        ({"schedule": "step", "step_at": (0.5, 0.2)}, "between 0 and 1, rising"),
        ({"schedule": "step", "step_at": (1.5,)}, "between 0 and 1, rising"),
        ({"schedule": "step", "step_at": (0.5,), "step_factor": 1.0}, "--step-factor 1.0 must be above 0 and below 1"),
        ({"step_factor": 0.1}, "--step-factor 0.1 is for --schedule step, not linear"),
        ({"schedule": "step", "step_at": (0.5,), "decay_from": 0.2}, "--decay-from 0.2 is for --schedule linear"),
        ({"learning_rate": float("inf")}, "--learning-rate inf is no finite number"),
        ({"learning_rate": float("nan")}, "--learning-rate nan is no finite number"),
        ({"accumulate": 3, "batch": 4}, "--accumulate 3 does not divide --batch 4"),
        ({"accumulate": 2}, "does not divide --batch 1"),
        ({"clip_norm": -1.0}, "--clip-norm -1.0 must be 0 or more"),
    ],
)
def test_what_disagrees_is_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Pix2PixConfig(**WHERE, **settings)
