"""What is done to pictures before they are judged, the penalty on a discriminator's slope, and growing sizes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import ConfigError
from models.patchgan import PatchDiscriminator
from translate.training.augment import DiffAugment, SlopePenalty
from translate.training.config import (
    CUTConfig,
    CycleGANConfig,
    Pix2PixConfig,
    SRGANConfig,
    TrainingConfig,
    UnpairedConfig,
)
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.data import batches
from translate.training.method import Batch
from translate.training.pool import ImagePool
from translate.training.run import build_method
from translate.training.samples import HighResolution, Pairs, Piles

CPU = torch.device("cpu")
WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
TINY: dict[str, Any] = {
    **WHERE, "generator_arguments": {"width": 4, "blocks": 1}, "discriminator_arguments": {"width": 4, "layers": 1},
}  # fmt: skip
METHODS: list[Any] = [(CUT, CUTConfig), (CycleGAN, CycleGANConfig)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_colours_change_for_each_picture_and_shapes_stay() -> None:
    pictures = noise(1, 3, 16, 16).expand(64, -1, -1, -1)
    changed = DiffAugment(["color"], 0)(pictures)
    shift = changed.mean((1, 2, 3)) - pictures.mean((1, 2, 3))
    assert -0.5 <= float(shift.min()) < -0.3 < 0.3 < float(shift.max()) <= 0.5
    chroma, grey = changed - changed.mean(1, keepdim=True), changed.mean(1)
    spread = chroma.std((1, 2, 3)) / (pictures - pictures.mean(1, keepdim=True)).std((1, 2, 3))
    assert float(spread.min()) < 0.3
    assert 1.5 < float(spread.max()) <= 3
    contrast = grey.std((1, 2)) / pictures.mean(1).std((1, 2))
    assert 0.5 <= float(contrast.min()) < 0.6
    assert 1.4 < float(contrast.max()) <= 1.5


def test_translation_moves_by_an_eighth_at_most() -> None:
    dot = torch.zeros(200, 1, 32, 48)
    dot[:, :, 16, 24] = 1
    moved = DiffAugment(["translation"], 0)(dot)
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(200))
    places = moved.nonzero()
    assert set((places[:, 2] - 16).tolist()) == set(range(-4, 5))
    assert set((places[:, 3] - 24).tolist()) == set(range(-6, 7))
    whole = noise(1, 3, 16, 16)
    augment = DiffAugment(["translation"], 1)
    assert float((augment(whole) == 0).float().mean()) > 0  # what comes in from outside is grey


def test_cutout_is_half_of_each_side() -> None:
    cut = DiffAugment(["cutout"], 0)(torch.ones(200, 3, 16, 24))
    gone = (cut == 0).all(1).sum((1, 2))
    assert int(gone.max()) == 8 * 12
    assert int(gone.min()) >= 4 * 6  # a middle at the corner
    assert set(cut.unique().tolist()) == {0, 1}


def test_gradients_pass_and_the_draws_can_be_taken_up_again() -> None:
    pictures = noise(2, 3, 16, 16).requires_grad_(True)
    augment = DiffAugment(["color", "translation", "cutout"], 0)
    state = augment.state()
    first = augment(pictures)
    first.square().sum().backward()
    assert pictures.grad is not None
    assert float(pictures.grad.abs().sum()) > 0
    second = augment(pictures)
    assert not torch.equal(first, second)
    augment.load_state(state)
    assert torch.equal(augment(pictures), first)
    nothing = DiffAugment([], 0)
    assert nothing(pictures) is pictures


def test_slope_of_a_plane_is_known() -> None:
    """D(x) = w · x has the gradient w everywhere: the penalty is γ / 2 |w|², and its slope in w is γ w."""
    plane = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))
    weight = plane[1].weight
    r1 = SlopePenalty(weight=3.0, every=4)
    assert [r1.due() for _ in range(8)] == [False, False, False, True] * 2
    penalty = r1(plane, noise(5, 3, 2, 2))
    assert float(penalty.detach()) == pytest.approx(4 * 1.5 * float(weight.detach().square().sum()), rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, weight)
    assert torch.allclose(slope, 4 * 3 * weight)
    assert not any(SlopePenalty(0.0, 1).due() for _ in range(3))


def test_a_compiled_discriminator_can_be_penalised() -> None:
    torch.manual_seed(0)
    d = PatchDiscriminator(width=4, layers=1)
    pictures = noise(2, 3, 16, 16)
    wanted = SlopePenalty(1.0, 1)(d, pictures)
    d.compile(backend="eager")
    with torch.autocast("cpu", torch.bfloat16):
        penalty = SlopePenalty(1.0, 1)(d, pictures)
    penalty.backward()
    assert torch.equal(penalty, wanted)
    first = next(d.parameters())
    assert first.grad is not None
    assert float(first.grad.abs().sum()) > 0


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_r1_flattens_the_discriminator(method: Any, config: Any) -> None:
    def slope_after(weight: float) -> float:
        torch.manual_seed(0)
        trained = method(config(**TINY, r1_weight=weight, r1_every=2 if weight else 16, learning_rate=2e-3), CPU)
        b = noise(2, 3, 16, 16, seed=2)
        losses = [trained.step(Batch(noise(2, 3, 16, 16, seed=1), b)) for _ in range(30)]
        assert ["d_r1" in line for line in losses] == ([False, True] if weight else [False, False]) * 15
        d = trained.d if method is CUT else trained.d_b
        return float(SlopePenalty(1.0, 1)(d, b).detach())

    assert slope_after(3000.0) < 0.3 * slope_after(0.0)


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_every_judged_picture_is_changed(method: Any, config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real and fake, for both players: what is not marked by the augmentation reaches no discriminator."""
    torch.manual_seed(0)
    trained = method(config(**TINY, diffaugment=("color",)), CPU)
    monkeypatch.setattr(trained.rival.augment, "color", lambda pictures: pictures * 0 + 7)
    seen: list[float] = []
    for name in ("d",) if method is CUT else ("d_a", "d_b"):
        trained.networks[name].register_forward_pre_hook(lambda _, given: seen.append(float(given[0].detach().min())))
    trained.step(Batch(noise(1, 3, 16, 16), noise(1, 3, 16, 16)))
    assert len(seen) == (2 if method is CUT else 4)  # real and fake in one call where nothing mixes them
    assert set(seen) == {7.0}


@pytest.mark.parametrize("config", [CUTConfig, CycleGANConfig])
def test_sizes_take_turns_at_whole_batches(config: type[UnpairedConfig], tmp_path: Path) -> None:
    for pile in "AB":
        (tmp_path / pile).mkdir()
        Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(tmp_path / pile / "0.png")
    settings = config(
        data=tmp_path, out=tmp_path / "run", size=32, load_size=36, sizes=(16, 24, 32), images=20, batch=3, workers=0
    )
    sides = [batch.a.shape[-1] for batch in batches(Piles(settings), settings, 0)]
    assert sides == [16, 16, 16, 24, 24, 32]
    assert Piles(settings).validation() == []


def test_sizes_take_turns_with_pairs_and_large_pictures_too(tmp_path: Path) -> None:
    for index in range(2):
        half = np.random.default_rng(index).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(np.hstack([half, 255 - half])).save(tmp_path / f"{index}.png")
    shared: dict[str, Any] = {"data": tmp_path, "out": tmp_path / "run", "size": 32, "sizes": (16, 32), "images": 8}
    pairs = Pix2PixConfig(**shared, load_size=36, batch=2)
    seen = list(batches(Pairs(pairs), pairs, 0))
    assert [(batch.a.shape[-1], batch.b.shape[-1]) for batch in seen] == [(16, 16)] * 2 + [(32, 32)] * 2
    assert all(int((batch.a.int() + batch.b.int() - 255).abs().max()) <= 1 for batch in seen)  # cut alike
    large = SRGANConfig(**shared, batch=4)
    assert [(b.a.shape[-1], b.b.shape[-1]) for b in batches(HighResolution(large, 4), large, 0)] == [(4, 16), (8, 32)]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (Pix2PixConfig(**WHERE, generator="unet_128", sizes=(64, 256)), "--sizes 64 .* a multiple of 128 and at least"),
        (SRGANConfig(**WHERE, sizes=(18, 96)), "--sizes 18 does not suit srresnet_x4: it must be a multiple of 4"),
    ],
)
def test_each_size_must_suit_the_generator(settings: TrainingConfig, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_method(settings, CPU)


def test_the_pool_forgets_pictures_of_another_size() -> None:
    pool = ImagePool(4, seed=0)
    for _ in range(4):
        pool.swap(noise(2, 3, 8, 8))
    assert pool.swap(noise(2, 3, 16, 16)).shape == (2, 3, 16, 16)
    assert {image.shape[-1] for image in pool.images} == {16}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"sizes": (16, 32), "size": 64}, "--sizes 16 32 must end with --size 64"),
        ({"sizes": (8, 64), "size": 64}, "--sizes 8 64: use 16 or more pixels"),
        ({"sizes": (32, 64), "size": 64, "discriminator": "vgg"}, "vgg judges one size only"),
        ({"diffaugment": ("color", "color")}, "names a change twice"),
        ({"r1_weight": -1.0}, "--r1-weight -1.0 must be 0 or more"),
        ({"r1_every": 0}, "--r1-every 0 must be 1 or more"),
    ],
)
def test_settings_that_disagree_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        CUTConfig(**WHERE, **settings)
