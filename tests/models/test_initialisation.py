"""Weights start where the papers, or their code, start them."""

import math

import pytest
import torch
from torch import nn

from models.zoo import build_discriminator, build_generator


@pytest.mark.parametrize(
    "build",
    [
        lambda: build_generator("unet_128", width=16),
        lambda: build_generator("resnet_6blocks", width=16, norm="batch"),
        lambda: build_discriminator("patchgan", norm="batch"),
        lambda: build_discriminator("pixel", width=256, norm="batch"),
    ],
)
def test_gan_family_is_normal_with_two_hundredths(build):
    torch.manual_seed(0)
    layers = list(build().requires_grad_(False).modules())
    weights = torch.cat([x.weight.flatten() for x in layers if isinstance(x, nn.Conv2d | nn.ConvTranspose2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert weights.mean().item() == pytest.approx(0.0, abs=2e-4)
    gammas = torch.cat([x.weight for x in layers if isinstance(x, nn.BatchNorm2d)])
    assert gammas.std().item() == pytest.approx(0.02, rel=0.25)
    assert gammas.mean().item() == pytest.approx(1.0, abs=5e-3)
    assert all(x.bias.abs().max() == 0 for x in layers if getattr(x, "bias", None) is not None)


@pytest.mark.parametrize(
    ("name", "arguments", "key", "gain"),
    [
        ("msrresnet_x4", {"blocks": 1}, "body.0.branch.0", 0.1),
        ("msrresnet_x4", {"blocks": 1}, "up.0.0", 0.1),
        ("rrdbnet_x4", {"blocks": 1}, "body.0.branch.0.gather", 0.1),
        ("srresnet_x4", {"blocks": 1}, "body.0.branch.0", 1.0),
        ("srresnet_x4", {"blocks": 1}, "to_image", 0.1),
    ],
)
def test_residual_family_is_he_times_gain(name, arguments, key, gain):
    torch.manual_seed(0)
    layer = build_generator(name, **arguments).requires_grad_(False).get_submodule(key)
    fan_in = layer.weight[0].numel()
    assert layer.weight.std().item() == pytest.approx(gain * math.sqrt(2 / fan_in), rel=0.05)
    assert layer.bias.abs().max() == 0
