"""Degradation on the device: each kind against what it claims, order, chances, and what is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import ConfigError
from translate.training.config import SRGANConfig
from translate.training.damage import Degrader, gaussians, palette, resample, shot_noise
from translate.training.degrade import jpeg, shrink
from translate.training.draws import Draws
from translate.training.method import Batch
from translate.training.srgan import SRGAN

WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
PHOTOGRAPH = Path(__file__).parents[2] / "export" / "photograph.jpg"


def photograph(side: int = 64) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(PHOTOGRAPH).convert("RGB").resize((side, side), Image.Resampling.LANCZOS))


def to_batch(image: np.ndarray[Any, Any], count: int = 1) -> torch.Tensor:
    return (torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 127.5 - 1).repeat(count, 1, 1, 1)


def to_bytes(pictures: torch.Tensor) -> np.ndarray[Any, Any]:
    return ((pictures[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def damaged(pictures: torch.Tensor, *damages: str, scale: int = 1, dither: float = 0.0, seed: int = 0) -> torch.Tensor:
    return Degrader(damages, {"box": 1.0}, dither, scale, seed)(pictures)


@pytest.mark.parametrize("kernel", ["box", "bicubic", "lanczos", "nearest"])
def test_shrinking_is_pillows(kernel: str) -> None:
    image = photograph()
    ours = Degrader(("shrink",), {kernel: 1.0}, 0.0, 4, 0)(to_batch(image))
    assert np.abs(to_bytes(ours).astype(int) - shrink(image, 4, kernel)).max() <= 1
    larger = resample(to_batch(image), (128, 128), kernel)
    wanted = Image.fromarray(image).resize((128, 128), getattr(Image.Resampling, kernel.upper()))
    rounded = to_bytes(((larger.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1)
    assert np.abs(rounded.astype(int) - np.asarray(wanted)).max() <= 2  # Pillow rounds between rows and columns


def test_blur_has_the_deviations_that_were_asked_for() -> None:
    """In the direction of its long axis and across it."""
    kernel = gaussians(torch.tensor([2.0]), torch.tensor([0.7]), torch.tensor([np.pi / 6]))[0].double()
    place = torch.arange(-10.0, 11, dtype=torch.float64)
    down, right = torch.meshgrid(place, place, indexing="ij")
    moments = [[float((kernel * a * b).sum()) for b in (right, down)] for a in (right, down)]
    values, vectors = np.linalg.eigh(np.array(moments))
    assert np.sqrt(values) == pytest.approx([0.7, 2.0], rel=0.05)
    assert abs(vectors[:, 1] @ [np.cos(np.pi / 6), np.sin(np.pi / 6)]) == pytest.approx(1, abs=1e-3)
    dot = torch.full((1, 3, 33, 33), -1.0)
    dot[:, :, 16, 16] = 1
    spread = (damaged(dot, "blur 1.5 1.5") + 1) / 2
    wanted = gaussians(torch.tensor([1.5]), torch.tensor([1.5]), torch.zeros(1))[0]
    assert torch.allclose(spread[0, 0, 6:27, 6:27], wanted, atol=1 / 255)


def test_noise_is_as_strong_as_asked() -> None:
    grey = torch.zeros(1, 3, 128, 128)
    deviations = [float(damaged(grey, f"noise {s} {s}").std() * 127.5) for s in (5, 20)]
    assert deviations == pytest.approx([5, 20], rel=0.05)
    light = torch.full((1, 1, 256, 256), 0.25)
    for strength in (1.0, 3.0):  # the variance of counted light is its mean
        counted = shot_noise(light, torch.full((1,), strength), Draws(0))
        assert float(counted.mean()) == pytest.approx(0.25, rel=0.02)
        assert float(counted.var()) == pytest.approx(0.25 * strength**2 / 255, rel=0.05)


@pytest.mark.parametrize("quality", [30, 75])
def test_jpeg_is_near_a_real_one(quality: int) -> None:
    image = photograph()
    ours = to_bytes(damaged(to_batch(image), f"jpeg {quality} {quality}"))
    file = jpeg(image, quality)
    apart, damage = (np.mean((one.astype(float) - file) ** 2) for one in (ours, image))
    assert apart < 0.25 * damage


@pytest.mark.parametrize("dither", [False, True])
def test_palettes_hold_no_more_colours_than_asked(dither: bool) -> None:
    picture = (to_batch(photograph())[0] + 1) / 2
    reduced = palette(picture, 16, dither=dither)
    assert 8 <= len(reduced.flatten(1).T.unique(dim=0)) <= 16
    assert float((reduced - picture).abs().mean()) < 0.04
    assert (not torch.equal(reduced, palette(picture, 16, dither=False))) == dither


def test_sizes_end_where_they_must_and_values_are_those_of_files() -> None:
    random = Degrader(
        ("resize 0.5 1.5", "shrink", "resize 0.5 1.5", "noise 1 9"), {"box": 1.0, "lanczos": 1.0}, 0.5, 4, 0
    )
    for _ in range(4):
        low = random(to_batch(photograph(), 3))
        assert low.shape == (3, 3, 16, 16)
        assert torch.equal(((low + 1) * 127.5).round() / 127.5 - 1, low)
        assert float(low.abs().max()) <= 1


def test_order_and_chance_decide() -> None:
    high = to_batch(photograph(), 200)
    before, after = (damaged(high[:1], *order, scale=4) for order in (("blur 2 2", "shrink"), ("shrink", "blur 2 2")))
    assert float(before.std()) > float(after.std())
    plain = damaged(high[:1], "shrink", scale=4)
    some = damaged(high, "shrink", "jpeg 20 20 0.3", scale=4)
    assert 0.2 < float((some != plain).flatten(1).any(1).float().mean()) < 0.4


def test_draws_can_be_taken_up_again() -> None:
    degrader = Degrader(("shrink", "jpeg 20 90", "palette 2 64 0.5"), {"box": 1.0, "nearest": 1.0}, 0.5, 4, 0)
    high, state = to_batch(photograph(), 2), degrader.state()
    first, second = degrader(high), degrader(high)
    assert not torch.equal(first, second)
    degrader.load_state(state)
    assert torch.equal(degrader(high), first)


def test_a_step_is_taken_on_what_was_damaged() -> None:
    torch.manual_seed(0)
    small = {"generator": "msrresnet_x4", "generator_arguments": {"width": 4, "blocks": 1}}
    method = SRGAN(SRGANConfig(**WHERE, **small, degradations=("shrink", "palette 2 2")), torch.device("cpu"))
    seen: list[torch.Tensor] = []
    method.g.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    high = to_batch(photograph(), 2)
    losses = method.step(Batch(torch.zeros(2, 3, 16, 16), high))
    assert seen[0].shape == (2, 3, 16, 16)
    assert all(len(picture.flatten(1).T.unique(dim=0)) == 2 for picture in seen[0])
    assert float(losses["g_pixel"]) > 0
    assert "degrade" in method.state()


@pytest.mark.parametrize(
    ("damages", "complaint"),
    [
        (("shrink", "blurr 1 2"), r"'blurr 1 2': .* Did you mean 'blur'\? Known: shrink, blur, uneven-blur"),
        (("shrink", "blur 1"), "write 'blur LOW HIGH'"),
        (("shrink", "blur 1 x"), "write 'blur LOW HIGH'"),
        (("shrink", "jpeg 90 30"), "from 1 to 100, the smaller first"),
        (("shrink", "jpeg 30 90 1.5"), "at most 1"),
        (("blur 1 2",), "needs shrink once"),
        (("shrink", "shrink"), "needs shrink once"),
        (("",), "Known: shrink"),
    ],
)
def test_lists_that_make_no_sense_are_refused(damages: Sequence[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        SRGANConfig(**WHERE, degradations=tuple(damages))
    with pytest.raises(ConfigError, match="replaces --jpeg-chance"):
        SRGANConfig(**WHERE, degradations=("shrink",), jpeg_chance=0.5)
