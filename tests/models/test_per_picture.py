"""Pix2Pix at inference: BatchNorm at batch 1 is normalization by the picture."""

import pytest
import torch
from torch import nn

from models.layers import per_picture
from models.zoo import build_generator


def trained(name, **arguments):
    """A network whose BatchNorm has seen other pictures, with weights large enough to matter."""
    torch.manual_seed(0)
    network = build_generator(name, **arguments)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
            nn.init.normal_(layer.running_mean, 0.0, 1.0)
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight)
    return network


@pytest.mark.parametrize(
    ("name", "arguments", "side"),
    [("unet_256", {"width": 8}, 256), ("unet_128", {"width": 8}, 128), ("srresnet_x4", {"blocks": 2}, 16)],
)
def test_equals_batchnorm_in_training_mode(name, arguments, side):
    network = trained(name, **arguments)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    copied = per_picture(network)
    image = torch.rand(1, 3, side, side) * 2 - 1
    with torch.no_grad():
        published = network.train()(image)
        assert (copied(image) - published).abs().max() < 1e-5
        assert (copied.train()(image) - published).abs().max() < 1e-5
        assert (network.eval()(image) - published).abs().max() > 1e-2
    assert copied.normalization == "picture"
    assert network.normalization == "fixed"


def test_pictures_of_a_batch_do_not_mix_and_dropout_is_off():
    network = per_picture(trained("unet_128", width=8))
    images = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        together = network(images)
        assert torch.allclose(together[:1], network(images[:1]), atol=1e-5)
        assert torch.equal(together, network.train()(images))


def test_the_original_is_untouched():
    network = trained("unet_128", width=4)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    copied = per_picture(network)
    for weight in copied.parameters():
        weight.data.zero_()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_flat_picture_stays_finite():
    network = per_picture(trained("unet_128", width=4))
    assert network(torch.zeros(1, 3, 128, 128)).isfinite().all()


def test_unet_trains_at_batch_one_at_its_smallest_size():
    network = trained("unet_128", width=4).train()
    assert network(torch.rand(1, 3, 128, 128)).isfinite().all()
