"""Each method learns: it can drive a small problem far from where it starts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.losses import peak_signal_to_noise
from translate.training.method import Batch
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

CPU = torch.device("cpu")
SOMEWHERE = {"data": Path("data"), "out": Path("run")}


def photograph(side: int) -> Tensor:
    """[1, 3, side, side] in [-1, 1], of the photograph that the exporter verifies with, at full contrast."""
    path = Path(__file__).parents[2] / "export" / "photograph.jpg"
    image = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    image = ImageOps.equalize(image)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 127.5 - 1


def test_pix2pix_learns_one_pair() -> None:
    torch.manual_seed(0)
    target = photograph(128)
    batch = Batch(target.flip(1).mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous(), target)
    method = Pix2Pix(
        Pix2PixConfig(
            generator="unet_128", generator_arguments={"width": 24}, discriminator_arguments={"width": 16},
            learning_rate=2e-3, **SOMEWHERE,
        ),
        CPU,
    )  # fmt: skip

    def psnr() -> float:
        with torch.no_grad():
            shown = method.pictures(batch, {"g": method.g})
        return float(peak_signal_to_noise(shown["result"], shown["target"]))

    before = psnr()
    for _ in range(100):
        method.step(batch)
    assert before < 15
    assert psnr() >= 28


def test_srgan_learns_one_picture() -> None:
    torch.manual_seed(0)
    high = photograph(64)
    low = torch.nn.functional.interpolate(high, scale_factor=0.25, mode="area")
    method = SRGAN(
        SRGANConfig(
            generator="srresnet_x4", generator_arguments={"width": 32, "blocks": 4}, learning_rate=2e-3, **SOMEWHERE
        ),
        CPU,
    )

    def psnr() -> float:
        with torch.no_grad():
            return float(peak_signal_to_noise(method.g.eval()(low), high))

    before = psnr()
    method.g.train()
    for _ in range(250):
        method.step(Batch(low, high))
    assert before < 15
    assert psnr() >= 28


def test_srgan_second_stage_moves_both_players() -> None:
    torch.manual_seed(0)
    high = photograph(32)
    low = torch.nn.functional.interpolate(high, scale_factor=0.25, mode="area")
    method = SRGAN(
        SRGANConfig(
            stage="adversarial", start_from=Path("g.safetensors"), perceptual_weight=0, size=32,
            generator_arguments={"width": 8, "blocks": 1}, discriminator_arguments={"width": 8}, **SOMEWHERE,
        ),
        CPU,
    )  # fmt: skip
    before = [parameter.clone() for parameter in method.g.parameters()]
    judged = [method.step(Batch(low, high)) for _ in range(20)]
    assert set(judged[0]) == {"g_pixel", "g_gan", "d_real", "d_fake"}
    assert judged[-1]["d_real"] + judged[-1]["d_fake"] < judged[0]["d_real"] + judged[0]["d_fake"]
    assert not any(torch.equal(old, new) for old, new in zip(before, method.g.parameters(), strict=True))


def test_cyclegan_learns_colours() -> None:
    """Dark blue noise against bright orange noise: translated pictures end nearer to the target's statistics."""
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(1)

    def pile(color: tuple[float, float, float]) -> Tensor:
        coarse = torch.rand(8, 3, 8, 8, generator=random) * 0.4 - 0.2
        return torch.nn.functional.interpolate(coarse, size=32, mode="bilinear") + torch.tensor(color).view(1, 3, 1, 1)

    a, b = pile((-0.6, -0.5, 0.1)), pile((0.6, 0.2, -0.5))
    method = CycleGAN(
        CycleGANConfig(
            generator="resnet_6blocks", generator_arguments={"width": 8, "blocks": 2},
            discriminator_arguments={"width": 16, "layers": 2}, learning_rate=1e-3, batch=4,
            identity_weight=0, **SOMEWHERE,
        ),
        CPU,
    )  # fmt: skip
    for step in range(150):
        part = slice(4 * (step % 2), 4 * (step % 2) + 4)
        method.step(Batch(a[part], b[part]))

    def mean(pictures: Tensor) -> Tensor:
        return pictures.mean(dim=(0, 2, 3))

    with torch.no_grad():
        for translated, source, target in ((method.g_ab(a), a, b), (method.g_ba(b), b, a)):
            moved = mean(translated)
            assert (moved - mean(target)).norm() < 0.5 * (moved - mean(source)).norm()


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_cyclegan_identity_loss_can_be_left_out(weight: float) -> None:
    torch.manual_seed(0)
    config = CycleGANConfig(
        generator_arguments={"width": 4, "blocks": 1}, discriminator_arguments={"width": 4, "layers": 1},
        identity_weight=weight, **SOMEWHERE,
    )  # fmt: skip
    picture = photograph(32)
    assert ("g_identity" in CycleGAN(config, CPU).step(Batch(picture, picture))) == (weight > 0)


def test_cyclegan_keeps_what_it_is_told_to_keep() -> None:
    def far_after(keep_weight: float, rise: float = 0.0, done: float = 0.0) -> float:
        torch.manual_seed(0)
        a, b = photograph(32), -photograph(32)
        method = CycleGAN(
            CycleGANConfig(
                generator="resnet_6blocks", generator_arguments={"width": 8, "blocks": 1},
                discriminator_arguments={"width": 8, "layers": 2}, learning_rate=1e-3,
                identity_weight=0, cycle_weight=0, keep_weight=keep_weight, keep_rise=rise, **SOMEWHERE,
            ),
            CPU,
        )  # fmt: skip
        method.done = done
        losses = [method.step(Batch(a, b)) for _ in range(40)]
        assert ("g_keep" in losses[0]) == (keep_weight > 0)
        with torch.no_grad():
            return float((method.g_ab(a) - a).abs().mean())

    assert far_after(20.0) < 0.5 * far_after(0.0)
    assert far_after(20.0, rise=0.5) == far_after(0.0)
    assert far_after(20.0, rise=0.5, done=0.5) == far_after(20.0)
    assert far_after(20.0) < far_after(20.0, rise=0.5, done=0.1) < far_after(0.0)


@pytest.mark.parametrize("fast", [False, True])
def test_cut_changes_colours_and_keeps_the_structure(fast: bool) -> None:
    """Dark blue noise against bright orange noise, as for CycleGAN; light and dark stay where they were."""
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(1)

    def pile(color: tuple[float, float, float]) -> Tensor:
        coarse = (torch.rand(8, 1, 8, 8, generator=random) * 0.6 - 0.3).expand(-1, 3, -1, -1)
        return torch.nn.functional.interpolate(coarse, size=32, mode="bilinear") + torch.tensor(color).view(1, 3, 1, 1)

    a, b = pile((-0.5, -0.4, 0.1)), pile((0.5, 0.2, -0.4))
    settings = {"identity": False, "flip_equivariance": True, "contrast_weight": 10.0} if fast else {}
    method = CUT(
        CUTConfig(
            generator="resnet_6blocks", generator_arguments={"width": 8, "blocks": 2},
            discriminator_arguments={"width": 16, "layers": 2}, learning_rate=1e-3, batch=4, patches=64,
            **settings, **SOMEWHERE,
        ),
        CPU,
    )  # fmt: skip
    for step in range(150):
        part = slice(4 * (step % 2), 4 * (step % 2) + 4)
        method.step(Batch(a[part], b[part]))

    with torch.no_grad():
        painted = method.g(a)
    color, was, wanted = (pictures.mean(dim=(0, 2, 3)) for pictures in (painted, a, b))
    assert (color - wanted).norm() < 0.5 * (color - was).norm()
    grey = torch.stack([pictures.mean(1).flatten() for pictures in (painted, a)])
    assert float(torch.corrcoef(grey)[0, 1]) > 0.8
