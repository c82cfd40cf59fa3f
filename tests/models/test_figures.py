"""What a paper's figure shows and no count of parameters can: sums, factors, the order of features."""

import torch
from small_networks import picture, small_generator
from torch import nn
from torch.nn.functional import interpolate

from models.resnet import ResidualBlock
from models.rrdb import RRDB
from models.srresnet import NormalizedBlock, PlainBlock
from models.zoo import build_generator


def silence(network):
    """Convolutions that answer 0, so that only the paths around them are left."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return network.eval()


def test_compact_adds_the_nearest_enlargement():
    image = picture(1, 3, 5, 7)
    assert torch.equal(silence(small_generator("compact_x4"))(image), interpolate(image, scale_factor=4.0))


def test_compact_adds_a_bilinear_enlargement_if_asked_to():
    image = picture(1, 3, 5, 7)
    smooth, plain = (build_generator("compact_x4", width=4, convs=1, smooth_base=smooth) for smooth in (True, False))
    assert smooth.begin_with(plain)
    assert smooth.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(silence(smooth)(image), interpolate(image, scale_factor=4.0, mode="bilinear"))


def test_compact_adds_nothing_to_what_is_flat_if_asked_to():
    free, held = (build_generator("compact_x4", width=4, convs=1, refine=2, keep_flat=keep) for keep in (False, True))
    assert held.begin_with(free)
    image = picture(1, 3, 12, 24)
    image[..., 12:] = torch.tensor([0.1, -1.0, 1.0])[:, None, None]
    image[:, 0, 5, 18] += 2 / 255  # a level apart
    enlarged = interpolate(image, scale_factor=4.0)
    ours, theirs = held(image) - enlarged, free(image) - enlarged
    torch.testing.assert_close(ours[..., :40], theirs[..., :40])
    torch.testing.assert_close(ours[..., 20:24, 72:76], theirs[..., 20:24, 72:76] / 2)
    assert ours[..., 56:64].eq(0).all()
    assert theirs[..., 56:64].abs().min() > 1e-6


def test_msrresnet_adds_the_bilinear_enlargement():
    image = picture(1, 3, 5, 7)
    bilinear = interpolate(image, scale_factor=4.0, mode="bilinear", align_corners=False)
    assert torch.equal(silence(small_generator("msrresnet_x4"))(image), bilinear)


def test_residual_blocks_pass_their_input_on():
    features = picture(1, 8, 6, 6)
    for block in (ResidualBlock(8, "instance"), NormalizedBlock(8), PlainBlock(8), RRDB(8, 4)):
        passed = silence(block)(features)
        # an RRDB adds a fifth of a branch that itself passes its input on
        assert torch.allclose(passed, features * (1.2 if isinstance(block, RRDB) else 1.0))


def test_dense_block_adds_a_fifth_of_what_it_gathers():
    block = silence(RRDB(8, 4).branch[0])
    nn.init.ones_(block.gather.bias)
    features = picture(1, 8, 6, 6)
    assert torch.allclose(block(features), features + 0.2)


def test_long_skips_go_around_the_blocks():
    for name in ("srresnet_x4", "rrdbnet_x4"):
        network = small_generator(name).eval()
        silence(network.body)
        image = picture(1, 3, 6, 6)
        expected = network.to_image(network.up(network.head(image)))
        assert torch.allclose(network(image), expected, atol=1e-6)


def test_a_mask_lays_the_painting_over_the_picture():
    network = small_generator("resnet_6blocks_masked").eval()
    last, image = network.decode[-1][1], picture(2, 3, 16, 16)
    assert last.out_channels == 4
    painting = network.decode(network.transform(network.encode(image)))
    expected = image + (painting[:, 3:] + 1) / 2 * (painting[:, :3] - image)
    assert torch.equal(network(image), expected)
    assert not torch.allclose(expected, image, atol=0.05)
    last.bias.data[3] = -100
    assert torch.equal(network(image), image)
    last.bias.data[3] = 100
    assert torch.allclose(network(image), painting[:, :3], atol=1e-6)


def test_a_mask_may_be_opened_while_training():
    network, image = small_generator("resnet_6blocks_masked"), picture(2, 3, 16, 16)
    network.decode[-1][1].bias.data[3] = -1
    for shown in (0.0, 0.5, 1.0):
        network.train().shown.fill_(shown)
        painting = network.decode(network.transform(network.encode(image)))
        mask, result = (painting[:, 3:] + 1) / 2, network(image)
        assert 0 < mask.min() < mask.max() < 0.5
        assert torch.allclose(result, image + mask.clamp_min(shown) * (painting[:, :3] - image), atol=1e-6)
        assert torch.allclose(network.eval()(image), image + mask * (painting[:, :3] - image), atol=1e-6)
        result.sum().backward()
        assert (network.decode[-1][1].weight.grad[3].abs().max() == 0) == (shown > 0)
        network.zero_grad()


def test_a_mask_is_added_to_a_network_without():
    masked, plain = small_generator("resnet_6blocks_masked"), small_generator("resnet_6blocks_resize")
    nn.init.normal_(plain.decode[-1][1].weight)
    own = masked.decode[-1][1].weight[3:].clone()
    assert masked.begin_with(plain)
    masked.train().shown.fill_(1)
    image = picture(1, 3, 16, 16)
    assert torch.allclose(masked(image), plain(image), atol=1e-6)
    assert torch.equal(masked.decode[-1][1].weight[3:], own)
    assert not plain.begin_with(masked)
    for other in (small_generator("resnet_6blocks"), build_generator("resnet_6blocks_resize", width=4, blocks=2)):
        assert not masked.begin_with(other)


def test_refinement_is_added_to_a_compact_network_without():
    refined, plain = (build_generator("compact_x4", width=4, convs=1, refine=count) for count in (2, 0))
    image = picture(1, 3, 9, 7)
    assert refined.begin_with(plain)
    assert torch.equal(refined(image), plain(image))
    nn.init.normal_(refined.refine["image"][-1].weight)
    assert not torch.allclose(refined(image), plain(image))
    for other in (refined, build_generator("compact_x4", width=8, convs=1), build_generator("srresnet_x4", width=4)):
        assert not refined.begin_with(other)
    assert not plain.begin_with(refined)


def test_a_compact_network_begins_with_a_shallower_one():
    deeper, plain = (build_generator("compact_x4", width=4, convs=convs, refine=2) for convs in (3, 1))
    nn.init.normal_(plain.refine["image"][-1].weight)
    image = picture(1, 3, 9, 7)
    assert deeper.begin_with(plain)
    assert torch.allclose(deeper(image), plain(image), atol=1e-6)
    deeper(image).square().sum().backward()
    assert all(float(weight.grad.abs().max()) > 0 for weight in deeper.parameters())
    assert not plain.begin_with(deeper)
    wider = build_generator("compact_x4", width=8, convs=1, refine=2)
    before = {name: value.clone() for name, value in wider.state_dict().items()}
    assert not wider.begin_with(plain)
    assert all(torch.equal(value, before[name]) for name, value in wider.state_dict().items())


def test_unet_joins_the_encoders_features_first():
    network = build_generator("unet_128", width=4, depth=3, norm="none").eval()
    joined = []
    network.to_image.register_forward_pre_hook(lambda _, inputs: joined.append(inputs[0]))
    image = picture(1, 3, 8, 8)
    network(image)
    assert torch.equal(joined[0][:, :4], network.down[0](image))
    assert joined[0].shape[1] == 8


def test_instance_norm_has_no_parameters_and_no_memory():
    assert not [key for key in small_generator("resnet_9blocks").state_dict() if "running" in key]
    assert all(key.split(".")[-1] in ("weight", "bias") for key in small_generator("resnet_9blocks").state_dict())
    norms = [m for m in small_generator("resnet_9blocks").modules() if isinstance(m, nn.InstanceNorm2d)]
    assert norms
    assert all(norm.weight is None for norm in norms)
