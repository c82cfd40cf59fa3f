"""Seeded losses after a few steps: a refactoring keeps them, a change of the mathematics does not."""

from pathlib import Path
from typing import Any

import pytest
import torch

from translate.config import CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.cyclegan import CycleGAN
from translate.training.method import Batch, Method
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
TINY: dict[str, Any] = {
    "generator_arguments": {"width": 4, "blocks": 1},
    "discriminator_arguments": {"width": 4},
    **WHERE,
}
CASES: dict[str, tuple[type[Any], TrainingConfig]] = {
    "pix2pix": (
        Pix2Pix,
        Pix2PixConfig(**{**TINY, "generator": "unet_128", "generator_arguments": {"width": 4, "dropout": 0}}),
    ),
    "cyclegan": (CycleGAN, CycleGANConfig(**TINY)),
    "srgan": (SRGAN, SRGANConfig(**TINY)),
    "srgan-adversarial": (
        SRGAN,
        SRGANConfig(**TINY, size=128, stage="adversarial", start_from=Path("g.safetensors"), perceptual_weight=0),
    ),
}
GOLDEN: dict[str, dict[str, float]] = {
    "pix2pix": {"g_gan": 0.64444925, "g_l1": 0.50080238, "d_real": 0.61855926, "d_fake": 0.77949631},
    "cyclegan": {
        "g_gan": 2.1576137, "g_cycle": 1.0224743, "g_identity": 1.0267248, "d_a": 0.95443073, "d_b": 1.4695588,
    },
    "srgan": {"g_pixel": 0.346215},
    "srgan-adversarial": {"g_pixel": 0.34621764, "g_gan": 0.86097174, "d_real": 0.54878744, "d_fake": 0.55139417},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_losses_after_three_steps(name: str) -> None:
    kind, config = CASES[name]
    torch.manual_seed(0)
    method: Method = kind(config, torch.device("cpu"))
    for network in method.networks.values():
        network.double()
    random = torch.Generator().manual_seed(1)
    b = torch.rand(2, 3, 128, 128, generator=random, dtype=torch.float64) * 2 - 1
    a = torch.nn.functional.avg_pool2d(b, 4) if "srgan" in name else b.flip(3)
    losses: dict[str, torch.Tensor] = {}
    for _ in range(3):
        losses = method.step(Batch(a, b))
    assert {k: float(v) for k, v in losses.items()} == pytest.approx(GOLDEN[name], rel=1e-5)
