"""CUT's parts: places, features taken on the way, and the contrastive loss against its equation written out."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import ConfigError
from models.resnet import ResNetGenerator
from translate.training.config import CUTConfig
from translate.training.contrast import Encoder, Painter, PatchNCE, draw_places, mirror_places, patches
from translate.training.cut import CUT
from translate.training.method import Batch

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "data": Path("data"), "out": Path("run"), "generator_arguments": {"width": 4, "blocks": 3},
    "discriminator_arguments": {"width": 4, "layers": 1}, "patches": 16,
}  # fmt: skip


def pictures(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_contrast_is_the_equation() -> None:
    """Park et al. 2020, eq. 3 and 4, patch by patch."""
    torch.manual_seed(0)
    contrast = PatchNCE([3, 5], features=8, temperature=0.07).double()
    queries = [torch.randn(2, 6, width, dtype=torch.float64, requires_grad=True) for width in (3, 5)]
    keys = [torch.randn(2, 6, width, dtype=torch.float64) for width in (3, 5)]

    def on_sphere(layer: int, patch: torch.Tensor) -> torch.Tensor:
        first, _, second = contrast.project[layer]  # type: ignore[misc]
        hidden = (first.weight @ patch + first.bias).clamp_min(0)
        projected: torch.Tensor = second.weight @ hidden + second.bias
        return projected / projected.square().sum().sqrt()

    expected = []
    for picture in range(2):
        total = torch.zeros((), dtype=torch.float64)
        for layer in range(2):
            for place in range(6):
                v = on_sphere(layer, queries[layer][picture, place])
                likeness = [
                    torch.exp(v @ on_sphere(layer, keys[layer][picture, other]).detach() / 0.07) for other in range(6)
                ]
                total = total - torch.log(likeness[place] / torch.stack(likeness).sum()) / (2 * 6)
        expected.append(total)
    ours = contrast(queries, keys)
    assert torch.allclose(ours, torch.stack(expected), rtol=1e-9)

    weights = [*queries, *contrast.parameters()]
    for got, wanted in zip(
        torch.autograd.grad(ours.sum(), weights), torch.autograd.grad(sum(expected), weights), strict=True
    ):
        assert torch.allclose(got, wanted, rtol=1e-7, atol=1e-12)


def test_contrast_is_low_where_patches_agree_and_chance_where_they_do_not() -> None:
    torch.manual_seed(0)
    contrast, layer = PatchNCE([32]), torch.randn(1, 64, 32)
    agreeing, unrelated = (float(contrast([layer], [key]).detach()) for key in (layer, torch.randn(1, 64, 32)))
    assert agreeing < 0.1
    assert unrelated > math.log(64)


@pytest.mark.parametrize("masked", [False, True])
def test_features_on_the_way_are_those_of_a_second_encoding(masked: bool) -> None:
    torch.manual_seed(0)
    generator = ResNetGenerator(width=4, blocks=5, masked=masked).double()
    image = pictures(2, 1).double()
    encode, paint = Encoder(generator), Painter(generator)
    places = draw_places((32, 32), encode.strides, 20, torch.Generator().manual_seed(0))
    painted, seen = paint(image, places)
    again = encode(image, places)
    assert torch.equal(painted, generator(image))
    assert len(seen) == 5
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(seen, again, strict=True))
    assert [layer.shape for layer in seen] == [(2, 20, width) for width in encode.widths]
    assert not any(layer.requires_grad for layer in seen)
    first, second, third = generator.encode[1][0], generator.transform[0], generator.transform[2]
    kept: list[torch.Tensor] = []
    for layer in (first, second, third):
        layer.register_forward_hook(lambda module, given, result: kept.append(result))
    generator(image)
    for number, whole in zip((1, 3, 4), kept, strict=True):
        assert torch.equal(seen[number], whole.flatten(2)[:, :, places[number]].transpose(1, 2))


@pytest.mark.parametrize(("blocks", "seen"), [(9, [0, 4]), (6, [0, 2]), (2, [0]), (1, [0])])
def test_layers_scale_with_the_blocks(blocks: int, seen: list[int]) -> None:
    assert Encoder(ResNetGenerator(width=2, blocks=blocks)).blocks == seen


def test_places_are_different_ones_and_all_of_them_where_there_are_few() -> None:
    large, small = draw_places((16, 24), [1, 4], 100, torch.Generator().manual_seed(0))
    assert len(large.unique()) == 100
    assert sorted(small.tolist()) == list(range(24))


def test_mirrored_places_show_the_mirrored_picture() -> None:
    image = torch.rand(1, 3, 8, 12)
    (places,) = draw_places((8, 12), [1], 40, torch.Generator().manual_seed(0))
    (mirrored,) = mirror_places([places], 12, [1])
    assert torch.equal(patches(image.flip(3), mirrored), patches(image, places))


def reference_step(method: CUT, batch: Batch, places: list[torch.Tensor], mirror: bool) -> dict[str, float]:
    """Losses of the generator as the paper's code computes them: each picture alone, everything encoded again."""
    config, (a, b) = method.config, batch

    def contrasted(picture: torch.Tensor) -> torch.Tensor:
        painting = method.g(picture.flip(3) if mirror else picture)
        layers = [method.encode.walk(image)[0] for image in (painting, picture)]
        queries, keys = layers
        if mirror:
            queries = [layer.flip(3) for layer in queries]
        chosen = [[patches(x, p) for x, p in zip(layer, places, strict=True)] for layer in (queries, keys)]
        return method.contrast(*chosen).mean()

    with torch.no_grad():
        losses = {"g_contrast": torch.stack([contrasted(x[None]) for x in a]).mean()}
        if config.identity:
            losses["g_identity"] = torch.stack([contrasted(x[None]) for x in b]).mean()
        fake = method.g(a.flip(3) if mirror else a)
        losses["d_real"] = (method.d(b) - 1).square().mean()
        losses["d_fake"] = method.d(fake).square().mean()
    return {name: float(value) for name, value in losses.items()}


@pytest.mark.parametrize("discriminator", ["patchgan", "vgg"])
@pytest.mark.parametrize("settings", [{}, {"identity": False}, {"identity": False, "flip_equivariance": True}])
def test_a_step_is_that_of_the_paper(settings: dict[str, Any], discriminator: str) -> None:
    torch.manual_seed(0)
    arguments = {"patchgan": {"width": 4, "layers": 1}, "vgg": {"width": 4, "size": 32}}[discriminator]
    config = {**TINY, "discriminator": discriminator, "discriminator_arguments": arguments, **settings}
    method = CUT(CUTConfig(**config), CPU)
    for network in method.networks.values():
        network.double()
    batch = Batch(pictures(2, 1).double(), pictures(2, 2).double())
    mirrored = set()
    for _ in range(4):
        random = torch.Generator()
        random.set_state(method.random.get_state())
        places = draw_places((32, 32), method.encode.strides, 16, random)
        mirror = method.config.flip_equivariance and bool(torch.rand((), generator=random) < 0.5)
        mirrored.add(mirror)
        expected = reference_step(method, batch, places, mirror)
        losses = method.step(batch)
        assert {name: float(losses[name]) for name in expected} == pytest.approx(expected, rel=1e-9)
    assert mirrored == ({True, False} if method.config.flip_equivariance else {False})


def test_only_a_resnet_can_be_contrasted() -> None:
    with pytest.raises(ConfigError, match=r"--generator unet_128: cut contrasts layers of a ResNet"):
        CUT(CUTConfig(**{**TINY, "generator": "unet_128", "generator_arguments": {}}), CPU)
