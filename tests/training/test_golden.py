"""Seeded losses after a few steps: a refactoring keeps them, a change of the mathematics does not."""

from pathlib import Path
from typing import Any

import pytest
import torch

from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.method import Batch, Method, backward
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
    "cyclegan": (CycleGAN, CycleGANConfig(**TINY, pool=1)),
    "cut": (CUT, CUTConfig(**TINY)),
    "fastcut": (CUT, CUTConfig(**TINY, identity=False, flip_equivariance=True, contrast_weight=10.0)),
    "srgan": (SRGAN, SRGANConfig(**TINY)),
    "srgan-adversarial": (
        SRGAN,
        SRGANConfig(**TINY, size=128, stage="adversarial", start_from=Path("g.safetensors"), perceptual_weight=0),
    ),
}
GOLDEN: dict[str, dict[str, float]] = {
    "pix2pix": {"g_gan": 0.64444925, "g_l1": 0.50080238, "d_real": 0.61855926, "d_fake": 0.77949631},
    "cyclegan": {
        "g_gan": 2.1590093, "g_cycle": 1.0224743, "g_identity": 1.0267248, "d_a": 0.95712008, "d_b": 1.4794649,
    },
    "cut": {
        "g_gan": 0.62819039, "g_contrast": 5.5392665, "g_identity": 5.5371726,
        "d_real": 0.68988325, "d_fake": 0.095301365,
    },
    "fastcut": {"g_gan": 0.66161433, "g_contrast": 5.5431572, "d_real": 0.69071291, "d_fake": 0.10259469},
    "srgan": {"g_pixel": 0.346215},
    "srgan-adversarial": {"g_pixel": 0.34763115, "g_gan": 0.79457319, "d_real": 0.55067707, "d_fake": 0.60220544},
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


@pytest.mark.parametrize("name", CASES)
def test_losses_are_weighted_as_published(name: str) -> None:
    """Adam hides a constant factor from the weights, so what is minimised is looked at itself."""
    kind, config = CASES[name]
    minimised: list[float] = []

    def listen(loss: torch.Tensor) -> None:
        minimised.append(float(loss.detach()))
        backward(loss)

    torch.manual_seed(0)
    method: Method = kind(config, torch.device("cpu"), listen)
    b = torch.rand(2, 3, 128, 128) * 2 - 1
    a = torch.nn.functional.avg_pool2d(b, 4) if "srgan" in name else b.flip(3)
    part = {key: float(value) for key, value in method.step(Batch(a, b)).items()}
    published = {  # in the order of the steps
        "pix2pix": lambda: [0.5 * (part["d_real"] + part["d_fake"]), part["g_gan"] + 100 * part["g_l1"]],
        "cyclegan": lambda: [
            part["g_gan"] + 10 * part["g_cycle"] + 5 * part["g_identity"], 0.5 * (part["d_a"] + part["d_b"]),
        ],
        "cut": lambda: [
            0.5 * (part["d_real"] + part["d_fake"]), part["g_gan"] + 0.5 * (part["g_contrast"] + part["g_identity"]),
        ],
        "fastcut": lambda: [0.5 * (part["d_real"] + part["d_fake"]), part["g_gan"] + 10 * part["g_contrast"]],
        "srgan": lambda: [part["g_pixel"]],
        "srgan-adversarial": lambda: [1e-3 * part["g_gan"], part["d_real"] + part["d_fake"]],
    }  # fmt: skip
    assert minimised == pytest.approx(published[name](), rel=1e-5)
