"""What the players of each game minimise, against numpy; penalties; and every method with every game."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import ConfigError
from models.patchgan import MultiScaleDiscriminator, PatchDiscriminator
from models.spectral import normalise_spectrally
from models.unet_discriminator import UNetDiscriminator
from translate.training.adversary import Adversary
from translate.training.augment import InstanceNoise, slope_towards_one
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.losses import feature_matching
from translate.training.method import Batch
from translate.training.objective import OBJECTIVES
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

CPU = torch.device("cpu")
WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
SMALL_D = {"width": 4, "layers": 1}
RESNET: dict[str, Any] = {"generator": "resnet_6blocks", "generator_arguments": {"width": 4, "blocks": 1}}
METHODS: dict[str, Any] = {
    "pix2pix": (Pix2Pix, Pix2PixConfig, RESNET),
    "cyclegan": (CycleGAN, CycleGANConfig, {**RESNET, "pool": 0}),
    "cut": (CUT, CUTConfig, {**RESNET, "patches": 8}),
    "srgan": (
        SRGAN, SRGANConfig,
        {
            "generator": "msrresnet_x4", "generator_arguments": {"width": 4, "blocks": 1}, "stage": "adversarial",
            "start_from": Path("g"), "perceptual_weight": 0, "discriminator": "patchgan", "batch": 4,
        },
    ),
}  # fmt: skip


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def build(name: str, **settings: Any) -> Any:
    method, config, own = METHODS[name]
    torch.manual_seed(0)
    built = method(config(**{**WHERE, "discriminator_arguments": SMALL_D, **own, **settings}), CPU)
    for network in built.networks.values():
        network.double()
    return built


def batch_for(name: str, count: int = 4, side: int = 32) -> Batch:
    low = 4 if name == "srgan" else 1
    return Batch(noise(count, 3, side // low, side // low, seed=1), noise(count, 3, side, side, seed=2))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def formulas(name: str, r: Any, f: Any) -> tuple[float, float, float]:
    """On real, on fake, and the generator's: each paper's, written out."""
    log, mean = np.log, np.mean
    if name == "vanilla":
        return mean(-log(sigmoid(r))), mean(-log(1 - sigmoid(f))), mean(-log(sigmoid(f)))
    if name == "least-squares":
        return mean((r - 1) ** 2), mean(f**2), mean((f - 1) ** 2)
    if name == "hinge":
        return mean(np.maximum(0, 1 - r)), mean(np.maximum(0, 1 + f)), -mean(f)
    if name == "wgan-gp":
        return -mean(r), mean(f), -mean(f)
    rf, fr = r - mean(f), f - mean(r)
    if name == "relativistic":
        generator = mean(-log(1 - sigmoid(rf))) + mean(-log(sigmoid(fr)))
        return mean(-log(sigmoid(rf))), mean(-log(1 - sigmoid(fr))), generator
    return mean((rf - 1) ** 2), mean((fr + 1) ** 2), mean((rf + 1) ** 2) + mean((fr - 1) ** 2)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_are_those_of_the_papers(name: str) -> None:
    real, fake = 2 * noise(3, 1, 4, 5, seed=1), 2 * noise(3, 1, 4, 5, seed=2)
    ones, zeros = torch.ones(3), torch.zeros(3)
    objective = OBJECTIVES[name]
    found = [*objective.discriminator(real, fake, ones, zeros), objective.generator(fake, real)]
    wanted = formulas(name, real.numpy(), fake.numpy())
    assert [float(value) for value in found] == pytest.approx(wanted, rel=1e-12)
    scales = objective.discriminator([real, real[:, :, :2]], [fake, fake[:, :, :2]], ones, zeros)
    small = formulas(name, real[:, :, :2].numpy(), fake[:, :, :2].numpy())
    assert [float(value) for value in scales] == pytest.approx(
        [a + b for a, b in zip(wanted[:2], small[:2], strict=True)], rel=1e-12
    )
    half = objective.discriminator(real.bfloat16(), fake.bfloat16(), ones, zeros)
    assert {value.dtype for value in half} == {torch.float32}


def test_beliefs_are_between_fake_and_real() -> None:
    real, fake = torch.full((2, 1, 3, 3), 1.0), torch.full((2, 1, 3, 3), -1.0)
    for name in ("hinge", "relativistic", "relativistic-least-squares", "vanilla"):
        found = OBJECTIVES[name].beliefs("D", real, fake)
        assert list(found) == ["D(real)", "D(fake)"]
        assert float(found["D(real)"]) > 0.7 > 0.3 > float(found["D(fake)"])
    assert float(OBJECTIVES["wgan-gp"].beliefs("D", real, fake)["D distance"]) == 2


def test_labels_are_smoothed_on_the_real_side_and_flipped_by_chance() -> None:
    rival = Adversary(Pix2PixConfig(**WHERE, label_smoothing=0.1))
    verdicts = torch.nn.Flatten()
    real, fake = noise(3, 1, 1, 1, seed=1), noise(3, 1, 1, 1, seed=2)
    on_real, on_fake = rival.told_apart("D", verdicts, real, fake)
    r, f = real.numpy(), fake.numpy()
    assert float(on_real) == pytest.approx(np.mean(-0.9 * np.log(sigmoid(r)) - 0.1 * np.log(1 - sigmoid(r))))
    assert float(on_fake) == pytest.approx(np.mean(-np.log(1 - sigmoid(f))))
    flipping = Adversary(Pix2PixConfig(**WHERE, label_smoothing=0.1, label_flips=0.2))
    labels = flipping.labels(torch.zeros(5000, 1), 0.9, 0.0)
    assert labels.unique().tolist() == pytest.approx([0.0, 0.9])
    assert 0.17 < float((labels == 0).float().mean()) < 0.23
    state = flipping.state()
    first = flipping.labels(torch.zeros(50, 1), 1.0, 0.0)
    flipping.load_state(state)
    assert torch.equal(flipping.labels(torch.zeros(50, 1), 1.0, 0.0), first)


def test_noise_falls_to_nothing() -> None:
    noisy, pictures = InstanceNoise(0.5, 4, 0), torch.zeros(1, 3, 64, 64)
    seen = []
    for _ in range(6):
        noisy.advance()
        seen.append(float(noisy(pictures).std()))
    assert seen == pytest.approx([0.5, 0.375, 0.25, 0.125, 0, 0], rel=0.05)
    silent = InstanceNoise(0.0, 4, 0)
    silent.advance()
    assert silent(pictures) is pictures


def test_the_slope_of_a_plane_is_held_at_one() -> None:
    plane = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1)).double()
    weight = plane[1].weight
    found = slope_towards_one(plane, noise(5, 3, 2, 2), noise(5, 3, 2, 2, seed=1), noise(5, 1, 1, 1).abs())
    length = float(weight.detach().norm())
    assert float(found.detach()) == pytest.approx((length - 1) ** 2)
    (slope,) = torch.autograd.grad(found, weight)
    assert torch.allclose(slope, 2 * (length - 1) / length * weight)


def test_the_slope_is_looked_at_between_real_and_fake() -> None:
    """D(x) = sum x² / 2 has the slope x: where it is looked at follows from its length."""

    class Bowl(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return (pictures.square() / 2).flatten(1).sum(1, keepdim=True)

    real, fake, place = torch.full((1, 1, 1, 1), 4.0), torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 0.25)
    assert float(slope_towards_one(Bowl(), real, fake, place).detach()) == pytest.approx((2.5 - 1) ** 2)


def test_spectral_norm_holds_every_layer_at_one() -> None:
    torch.manual_seed(0)
    for network in (PatchDiscriminator(width=4, norm="none"), MultiScaleDiscriminator(width=4, scales=2)):
        for parameter in network.parameters():
            parameter.data *= 50
        normalise_spectrally(network)
        for _ in range(30):
            network(noise(1, 3, 64, 64).float())
        network.eval()
        layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
        sigmas = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
        assert sigmas == pytest.approx([1] * len(layers), abs=0.05)
    known = UNetDiscriminator(width=4)
    before = set(known.state_dict())
    normalise_spectrally(known)  # which has it but for its first and last layer
    assert len(known.state_dict().keys() - before) == 2 * 3


def test_features_are_matched_layer_by_layer() -> None:
    torch.manual_seed(0)
    network = MultiScaleDiscriminator(width=4, layers=2, scales=2).double()
    fake, real = noise(2, 3, 32, 32, seed=1), noise(2, 3, 32, 32, seed=2)
    with torch.no_grad():
        seen = [network.layers(pictures) for pictures in (fake, real)]
        verdicts = network(fake)
    assert [len(scale) for scale in seen[0]] == [4, 4]
    assert all(torch.equal(scale[-1], verdict) for scale, verdict in zip(seen[0], verdicts, strict=True))
    wanted = sum(
        float((f - r).abs().mean()) for two in zip(*seen, strict=True) for f, r in list(zip(*two, strict=True))[:-1]
    )
    assert float(feature_matching(*seen)) == pytest.approx(wanted)


def test_several_scales_see_halves() -> None:
    torch.manual_seed(0)
    network = MultiScaleDiscriminator(width=4, layers=2, scales=3)
    picture = noise(1, 3, 64, 64).float()
    half = torch.nn.functional.avg_pool2d(picture, 3, 2, 1, count_include_pad=False)
    verdicts = network(picture)
    assert torch.equal(verdicts[0], network.judges[0](picture))
    assert torch.equal(verdicts[1], network.judges[1](half))
    assert [verdict.shape[-1] for verdict in verdicts] == [14, 6, 2]
    with pytest.raises(ConfigError, match="1 to 5 scales, not 6"):
        MultiScaleDiscriminator(scales=6)


@pytest.mark.parametrize(("name", "objective"), list(product(METHODS, OBJECTIVES)))
def test_every_method_plays_every_game(name: str, objective: str) -> None:
    method = build(name, objective=objective, spectral_norm=objective == "hinge", pool=2)
    before = {
        key: value.clone() for key, value in method.networks["d_b" if name == "cyclegan" else "d"].named_parameters()
    }
    losses = method.step(batch_for(name, side=16))
    assert all(bool(loss.isfinite()) for loss in losses.values())
    assert ("d_slope" in losses) == (objective == "wgan-gp")
    after = dict(method.networks["d_b" if name == "cyclegan" else "d"].named_parameters())
    assert all(not torch.equal(before[key], value) for key, value in after.items() if "weight" in key)
    names = {"cyclegan": ("D_A", "D_B")}.get(name, ("D",))
    kinds = (" distance",) if objective == "wgan-gp" else ("(real)", "(fake)")
    assert set(method.verdicts) == {f"{d}{kind}" for d in names for kind in kinds}


@pytest.mark.parametrize("name", METHODS)
def test_a_critic_learns_a_distance_with_a_slope_of_one(name: str) -> None:
    method = build(name, objective="wgan-gp", learning_rate=2e-3)
    batch = batch_for(name, side=16)
    slopes = [float(method.step(batch)["d_slope"]) for _ in range(60)]
    assert slopes[-1] < 0.5 * slopes[0]


def test_results_and_originals_are_judged_from_the_same_corner_which_moves() -> None:
    method = build("srgan", judged_shift=3, size=32, spectral_norm=True)
    batch, seen = batch_for("srgan"), []
    method.d.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    corners = [(top, left) for top in range(4) for left in range(4)]
    found = []
    for _ in range(8):
        seen.clear()
        state = method.state()["corners"]
        with torch.no_grad():
            fake = method.g(batch.a)
        method.step(batch)
        windows = {corner: (slice(corner[0], corner[0] + 29), slice(corner[1], corner[1] + 29)) for corner in corners}
        places = [
            [corner for corner, (rows, columns) in windows.items() if torch.equal(part, of[..., rows, columns])]
            for part, of in zip(seen, (fake, batch.b, fake), strict=True)
        ]
        assert all(len(place) == 1 for place in places)
        assert places[1] == places[2], "the discriminator's two"
        found += [places[0][0], places[1][0]]
    assert len(set(found)) > 6
    method.corners.load_state(state)
    method.step(batch)
    assert torch.equal(seen[-2], batch.b[..., windows[found[-1]][0], windows[found[-1]][1]])


def test_pairs_are_judged_by_several_scales_with_features_matched() -> None:
    method = build(
        "pix2pix", discriminator="multiscale", discriminator_arguments={"width": 4, "layers": 1, "scales": 2},
        feature_weight=10.0, label_smoothing=0.1, instance_noise=0.1, r1_weight=1.0, r1_every=1, spectral_norm=True,
    )  # fmt: skip
    batch = batch_for("pix2pix", side=32)
    losses = [method.step(batch) for _ in range(15)]
    assert {"g_features", "d_r1"} <= set(losses[0])
    assert float(losses[-1]["g_l1"]) < float(losses[0]["g_l1"])


@pytest.mark.parametrize(
    ("config", "settings", "complaint"),
    [
        (CUTConfig, {"objective": "hinge", "label_smoothing": 0.1}, "hinge has no labels to smooth"),
        (CUTConfig, {"objective": "wgan-gp", "label_flips": 0.1}, "flips would only shrink"),
        (CUTConfig, {"objective": "wgan-gp", "r1_weight": 1.0}, "a slope of 0 and .* one of 1"),
        (SRGANConfig, {"stage": "adversarial", "objective": "wgan-gp"}, "vgg mixes pictures by BatchNorm"),
        (SRGANConfig, {"objective": "hinge", "spectral_norm": True}, "--objective and --spectral-norm: there is no"),
        (SRGANConfig, {"judged_shift": 8}, "--judged-shift 8 is for --stage adversarial"),
        (SRGANConfig, {"judged_shift": 96}, "--judged-shift 96 must be 0 or more, and less than --size 96"),
        (Pix2PixConfig, {"feature_weight": 1.0, "discriminator": "unet_sn"}, "unet_sn shows none"),
        (Pix2PixConfig, {"feature_weight": -1.0}, "must be 0 or more"),
        (Pix2PixConfig, {"label_flips": 0.5}, "below 0.5"),
        (Pix2PixConfig, {"label_smoothing": 0.6}, "must be 0 to 0.5"),
        (Pix2PixConfig, {"instance_noise": -0.1}, "--instance-noise -0.1 must be 0 or more"),
        (Pix2PixConfig, {"l1_weight": -1.0}, "--l1-weight -1.0 must be 0 or more"),
        (Pix2PixConfig, {"perceptual_weight": -1.0}, "--perceptual-weight -1.0 must be 0 or more"),
        (Pix2PixConfig, {"perceptual_distance": "esrgan"}, "--perceptual-distance esrgan needs a --perceptual-weight"),
        (CycleGANConfig, {"cycle_weight": -10.0}, "--cycle-weight -10.0 must be 0 or more"),
        (CycleGANConfig, {"identity_weight": -0.5}, "--identity-weight -0.5 must be 0 or more"),
        (CUTConfig, {"keep_pixels": 2}, "--keep-pixels 2 needs a --keep-weight above 0"),
        *(
            (SRGANConfig, {"stage": "adversarial", f"{name}_weight": -1.0}, f"--{name}-weight -1.0 must be 0 or more")
            for name in ("adversarial", "perceptual", "pixel")
        ),
        (SRGANConfig, {"adversarial_weight": 1.0}, "--adversarial-weight: there is no discriminator in --stage pixel"),
        (SRGANConfig, {"pixel_weight": 1.0}, "--pixel-weight: .* no loss but a pixel distance"),
        (SRGANConfig, {"discriminator": "patchgan"}, "--discriminator: there is no discriminator"),
        (SRGANConfig, {"shrink": {"bicubik": 1.0}}, "Did you mean 'bicubic'. Known: box, bicubic, lanczos, nearest"),
        (SRGANConfig, {"shrink": {"box": float("inf")}}, "--shrink inf is no finite number"),
        (CUTConfig, {"gradient_penalty": 5.0}, "--gradient-penalty 5.0 is for --objective wgan-gp, not least-squares"),
        (CUTConfig, {"r1_every": 2}, "--r1-every 2 needs an --r1-weight above 0"),
        (Pix2PixConfig, {"gradient_penalty": 0.0}, "--gradient-penalty 0.0 must be above 0"),
    ],
)  # fmt: skip
def test_games_that_make_no_sense_are_refused(config: Any, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(**WHERE, **settings)
