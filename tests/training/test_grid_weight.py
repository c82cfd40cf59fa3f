"""--grid-weight: a pattern that repeats every 4 pixels is seen, and every method learns to leave it out. And
--color-weight: colours are kept where nothing else keeps them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ConfigError
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.losses import uneven, woven
from translate.training.method import Batch
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {
    "data": Path("data"), "out": Path("run"), "generator": "resnet_6blocks",
    "generator_arguments": {"width": 4, "blocks": 1}, "discriminator": "patchgan",
    "discriminator_arguments": {"width": 4, "layers": 2}, "learning_rate": 2e-3,
}  # fmt: skip
METHODS: dict[str, Any] = {
    "pix2pix": (Pix2Pix, Pix2PixConfig, {"l1_weight": 0}),
    "cyclegan": (CycleGAN, CycleGANConfig, {"cycle_weight": 0, "identity_weight": 0}),
    "cut": (CUT, CUTConfig, {"patches": 8}),
    "srgan": (
        SRGAN, SRGANConfig,
        {
            "generator": "msrresnet_x4", "stage": "adversarial", "start_from": Path("g"), "perceptual_weight": 0,
            "adversarial_weight": 1,
        },
    ),
}  # fmt: skip


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def pattern(side: int, period: int) -> torch.Tensor:
    """Columns, the first of every period 1 and the others -1."""
    return torch.where(torch.arange(side) % period == 0, 1.0, -1.0).expand(1, 3, side, side)


def test_what_repeats_every_4_pixels_is_seen_and_nothing_else() -> None:
    def seen(values: torch.Tensor) -> float:
        return float(uneven(values, 16))

    assert seen(torch.full((1, 3, 128, 128), 0.3)) == pytest.approx(0, abs=1e-6)
    assert seen(0.1 * pattern(128, 4)) == pytest.approx(0.075, rel=1e-3)
    assert seen(0.1 * pattern(128, 2)) == pytest.approx(0.1, rel=1e-3)
    for other in (3, 5, 8, 32):
        wave = 0.1 * torch.cos(torch.arange(128) * 2 * torch.pi / other)
        assert seen(wave.expand(1, 3, 128, 128)) < 0.02, other
    assert seen(noise(1, 3, 128, 128)) < 0.25 * 0.5, "noise of 0.5 averages out to a quarter"


def test_a_pattern_in_one_corner_is_seen_there_alone() -> None:
    changed = torch.zeros(1, 3, 128, 128)
    changed[..., :32, :32] = 0.1 * pattern(32, 4)
    assert 0.03 < float(uneven(changed, 16) / uneven(0.1 * pattern(128, 4), 16)) < 0.1


@pytest.mark.parametrize("size", [(4, 4), (7, 30), (33, 65)])
def test_pictures_of_any_size_from_4_pixels_are_looked_at(size: tuple[int, int]) -> None:
    height, width = size
    assert float(uneven(0.1 * pattern(68, 4)[..., :height, :width], 16)) == pytest.approx(0.075, rel=1e-3)


def test_a_weave_is_seen_whatever_its_sign() -> None:
    """Squares of 4 pixels that are lighter or darker than their neighbours by chance: no mean of differences has it."""
    flat = torch.zeros(1, 3, 128, 128)
    signs = noise(1, 3, 32, 32).sign()
    squares = 0.1 * signs.repeat_interleave(4, 2).repeat_interleave(4, 3)
    everywhere = 0.1 * noise(1, 3, 128, 128).sign()
    assert float(uneven(squares, 64)) < 0.001
    assert float(woven(squares, flat)) > 10 * float(uneven(squares, 16))
    assert float(woven(squares, flat)) > 1.5 * float(woven(everywhere, flat)), "and noise is none"
    assert float(woven(squares, squares)) == 0
    assert float(woven(squares + 0.3, squares)) == pytest.approx(0, abs=1e-6)
    assert float(woven(squares[..., :16, :16], flat[..., :16, :16])) > 0.01


@pytest.mark.parametrize("name", METHODS)
def test_every_method_learns_to_leave_it_out(name: str) -> None:
    """Real pictures have such a pattern: unpaired, the discriminator asks for it, the pictures do not have it. With a
    target it is to be there, and the discriminator alone is slow to bring it."""
    method, config, own = METHODS[name]
    a, b = noise(4, 3, 32, 32, seed=1), noise(4, 3, 32, 32, seed=2) + pattern(32, 4)
    batch = Batch(a[..., ::4, ::4] if name == "srgan" else a, b)

    def last(weight: float) -> float:
        torch.manual_seed(0)
        trained = method(config(**{**SETTINGS, **own, "grid_weight": weight}), CPU)
        return [float(trained.step(batch)["g_grid"]) for _ in range(60)][-1]

    assert last(100.0) < 0.6 * last(1e-6)


def test_colors_are_kept_where_it_is_asked_for() -> None:
    _, _, own = METHODS["srgan"]
    high = noise(4, 3, 32, 32) * 0.2 + torch.tensor([0.5, -0.5, 0.0]).view(3, 1, 1)
    batch = Batch(high[..., ::4, ::4], high)

    def shift(weight: float) -> float:
        torch.manual_seed(0)
        trained = SRGAN(SRGANConfig(**{**SETTINGS, **own, "color_weight": weight}), CPU)
        found = [trained.step(batch) for _ in range(80)]
        assert ("g_color" in found[-1]) == (weight > 0)
        with torch.inference_mode():
            return float((trained.g(batch.a) - high).mean((0, 2, 3)).abs().max())

    assert shift(100.0) < 0.05
    assert shift(0.0) > 0.1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--grid-weight -1\.0 must be 0 or more"):
        CUTConfig(**{**SETTINGS, "grid_weight": -1.0})
    with pytest.raises(ConfigError, match="--grid-weight and --discriminator: there is no discriminator in --stage"):
        SRGANConfig(**{**SETTINGS, "generator": "msrresnet_x4", "grid_weight": 1.0})
    with pytest.raises(ConfigError, match="--discriminator and --color-weight: there is no discriminator in --stage"):
        SRGANConfig(**{**SETTINGS, "generator": "msrresnet_x4", "color_weight": 1.0})
