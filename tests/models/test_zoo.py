"""Every network in the zoo: a new entry in the dictionaries gets these tests for free."""

import pytest
import torch
from small_networks import picture, small_discriminator, small_generator
from torch import nn

from models.errors import ConfigError, UnknownDiscriminator, UnknownGenerator
from models.layers import InstanceNorm
from models.zoo import DISCRIMINATORS, GENERATORS, build_discriminator, build_generator, zoo_table

PUBLISHED = {
    "unet_128": 41_828_995,
    "unet_256": 54_413_955,
    "resnet_6blocks": 7_837_699,
    "resnet_9blocks": 11_378_179,
    "srresnet_x4": 1_549_462,
    "msrresnet_x4": 1_517_571,
    "rrdbnet_x4": 16_697_987,
    "compact_x4": 621_424,
    "patchgan": 2_764_737,
    "vgg": 14_499_401,
    "unet_sn": 4_376_897,
}


def assert_trains(network, output):
    output.square().mean().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
    assert any(weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_maps_pictures_and_trains(name):
    network = small_generator(name)
    side = max(network.minimum, 2 * network.multiple, 8)
    output = network(picture(2, 3, side, side))
    assert output.shape == (2, 3, side * network.scale, side * network.scale)
    assert output.isfinite().all()
    assert_trains(network, output)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_takes_odd_multiples_and_its_minimum(name):
    network = small_generator(name).eval()
    step, least = network.multiple, network.minimum
    assert least % step == 0
    with torch.no_grad():
        for height, width in ((least, least), (least, least + step), (least + 2 * step, least)):
            output = network(picture(1, 3, height, width))
            assert output.shape[2:] == (height * network.scale, width * network.scale)
            assert output.isfinite().all()


@pytest.mark.parametrize("name", [n for n in GENERATORS if small_generator(n).multiple > 1])
def test_sizes_below_the_declared_ones_do_not_work(name):
    network = small_generator(name).eval()
    too_small = network.minimum - network.multiple or network.minimum // 2
    with torch.no_grad():
        with pytest.raises((RuntimeError, ValueError)):
            network(picture(1, 3, too_small, too_small))
        try:  # a size that is no multiple either fails or comes back changed
            shape = network(picture(1, 3, network.minimum + network.multiple // 2, network.minimum)).shape
        except RuntimeError:
            return
        assert shape[2] != (network.minimum + network.multiple // 2) * network.scale


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_starts_within_reach_of_the_range(name):
    network = small_generator(name)
    side = max(network.minimum, 32)
    with torch.no_grad():
        assert network(picture(2, 3, side, side)).std() < 1.5


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_survives_a_flat_picture(name):
    network = small_generator(name)
    side = max(network.minimum, 16)
    for training in (True, False):
        assert network.train(training)(torch.full((1, 3, side, side), -1.0)).isfinite().all()


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_is_the_same_for_a_seed_and_takes_other_channels(name):
    first, second = small_generator(name, channels=4), small_generator(name, channels=4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    side = max(first.minimum, 8)
    with torch.no_grad():
        assert first.eval()(picture(1, 4, side, side)).shape[1] == first.channels == 4


@pytest.mark.parametrize("name", GENERATORS)
def test_declared_normalization_is_true(name):
    network = small_generator(name)
    kinds = {kind for layer in network.modules() for kind in type(layer).__mro__}
    if network.normalization == "picture":
        assert InstanceNorm in kinds  # whose gradient is right for one picture, too
        assert nn.BatchNorm2d not in kinds
    elif network.normalization == "fixed":
        assert nn.BatchNorm2d in kinds
        assert nn.InstanceNorm2d not in kinds
    else:
        assert not kinds & {nn.BatchNorm2d, nn.InstanceNorm2d}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminator_judges_and_trains(name):
    network = small_discriminator(name, channels=6)
    size = 128 if name == "multiscale" else 32
    verdict = network(picture(2, 6, size, size))
    scales = verdict if isinstance(verdict, list) else [verdict]
    assert all(scale.shape[:2] == (2, 1) for scale in scales)
    assert_trains(network, torch.cat([scale.flatten() for scale in scales]))


def test_published_numbers_of_parameters():
    table = {row.name: row for row in zoo_table()}
    assert set(table) == {*GENERATORS, *DISCRIMINATORS}
    assert {name: table[name].parameters for name in PUBLISHED} == PUBLISHED
    assert table["resnet_9blocks"].multiply_adds == pytest.approx(49.6e9, rel=2e-3)
    assert table["resnet_9blocks"].size == 256
    assert all(row.multiply_adds > 0 and row.source for row in table.values())
    with torch.device("meta"):
        pairs = build_discriminator("patchgan", channels=6, norm="batch")
    assert sum(weight.numel() for weight in pairs.parameters()) == 2_768_705


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142), (5, 286)])
def test_patch_field(layers, field):
    network = small_discriminator("patchgan", layers=layers, norm="none").double()
    assert network.field == field
    image = torch.rand(1, 3, 320, 320, dtype=torch.double, requires_grad=True)
    verdict = network(image)
    verdict[0, 0, verdict.shape[2] // 2, verdict.shape[3] // 2].backward()
    seen = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    assert seen.max() - seen.min() + 1 == field


def test_patchgan_at_256_gives_30():
    assert small_discriminator("patchgan")(picture(1, 3, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize("size", [8, 24, 32, 40, 96, 112])
def test_vgg_fits_its_crop(size):
    assert build_discriminator("vgg", width=4, size=size)(picture(2, 3, size, size)).shape == (2, 1)


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("resnet_6blocks", {"wdith": 8}, "'wdith'. Did you mean 'width'. It takes channels, width, blocks, norm"),
        ("resnet_6blocks", {"width": "wide"}, "no int"),
        ("resnet_6blocks", {"width": True}, "no int"),
        ("resnet_6blocks", {"width": 0}, "out of range"),
        ("resnet_6blocks", {"blocks": 10**9}, "out of range"),
        ("compact_x4", {"refine": -1}, "use 0 to 4096"),
        ("resnet_6blocks", {"norm": "layer"}, "instance, batch, none"),
        ("unet_256", {"depth": 11}, "depth"),
        ("unet_256", {"dropout": 2}, "no bool"),
        ("srresnet_x4", {"scale": 5}, "2, 3, 4, 8"),
        ("rrdbnet_x4", {"scale": 3}, "1, 2, 4 or 8"),
    ],
)
def test_wrong_generator_arguments(name, arguments, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build_generator(name, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("patchgan", {"layers": 6}), ("vgg", {"size": 100}), ("vgg", {"size": 4}), ("vgg", {"kernel": 5})],
)
def test_wrong_discriminator_arguments(name, arguments):
    with pytest.raises(ConfigError):
        build_discriminator(name, **arguments)


def test_unknown_names_answer_with_the_near_one():
    with pytest.raises(UnknownGenerator, match="Did you mean 'resnet_9blocks'"):
        build_generator("resnet_9block")
    with pytest.raises(UnknownDiscriminator, match="Did you mean 'patchgan'"):
        build_discriminator("pathgan")


def test_dropout_may_come_as_a_number_from_the_command_line():
    network = build_generator("unet_256", width=2, dropout=0)
    assert not any(isinstance(layer, nn.Dropout) for layer in network.modules())
    network = build_generator("unet_256", width=2, dropout=1)
    assert sum(isinstance(layer, nn.Dropout) for layer in network.modules()) == 3
