"""Published weights are recognised by their names and shapes, and compute what they compute where they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import publishers
import publishing as layouts
import pytest
import torch
from publishing import Weights, weights_of
from torch import Tensor

from models.errors import BadCheckpoint
from models.layers import per_picture
from models.published.families import UnknownNetwork, recognise
from models.published.weights import swap_channels
from models.zoo import build_generator

FAMILIES: dict[str, tuple[str, Callable[[Weights, Tensor], Tensor], int, dict[str, Any]]] = {
    "junyanz, 9 blocks": (layouts.RESNET_9, publishers.resnet, 8, {"blocks": 9, "norm": "instance"}),
    "junyanz, stray statistics": (layouts.RESNET_9_STRAY, publishers.resnet, 8, {"norm": "instance"}),
    "junyanz, 6 blocks, batch, dropout": (layouts.RESNET_6_BATCH_DROPOUT, publishers.resnet, 8, {"norm": "batch"}),
    "CUT": (layouts.CUT_9, publishers.resnet, 8, {"smooth": "both"}),
    "CUT, strided up": (layouts.CUT_6_STRIDED_UP, publishers.resnet, 8, {"smooth": "down", "blocks": 6}),
    "mmagic CycleGAN": (layouts.MMAGIC_RESNET_9, publishers.mmagic_resnet, 8, {"blocks": 9}),
    "junyanz U-Net": (layouts.UNET_256, publishers.unet, 16, {"depth": 8, "norm": "batch"}),
    "mmagic Pix2Pix": (layouts.MMAGIC_UNET, publishers.mmagic_unet, 8, {"depth": 4, "norm": "batch"}),
    "leftthomas": (layouts.LEFTTHOMAS, publishers.leftthomas, 4, {"after_body": "prelu", "output": "tanh"}),
    "sgrvinod": (layouts.SGRVINOD, publishers.sgrvinod, 4, {"imagenet": True, "output": "tanh"}),
    "eriklindernoren": (layouts.ERIKLINDERNOREN, publishers.eriklindernoren, 4, {"imagenet": True, "output": "tanh"}),
    "Lornatang": (layouts.LORNATANG, publishers.lornatang, 4, {"output": "linear"}),
    "twtygqyy": (layouts.TWTYGQYY, publishers.twtygqyy, 4, {"norm": "instance-affine"}),
    "BasicSR": (layouts.BASICSR_MSRRESNET, publishers.basicsr, 4, {"activated": True}),
    "mmagic MSRResNet": (layouts.MMAGIC_MSRRESNET, publishers.mmagic_msrresnet, 4, {"activated": False}),
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def picture(side: int = 32, wide: int = 48) -> Tensor:
    torch.manual_seed(3)
    return torch.rand(1, 3, side, wide) * 2 - 1


@pytest.mark.parametrize("name", FAMILIES)
def test_families_compute_what_their_authors_do(name: str) -> None:
    layout, reference, divide, arguments = FAMILIES[name]
    weights = weights_of(layout, divide)
    published = recognise(dict(reversed(weights.items())))[0]  # .safetensors files have an order of their own
    assert published.arguments.items() >= {k: v for k, v in arguments.items() if k not in ("blocks", "depth")}.items()
    network = per_picture(published.network) if published.by_picture else published.network
    if published.order == "bgr":
        swap_channels(network)
    image = picture(256, 512) if name == "junyanz U-Net" else picture()
    with torch.no_grad():
        torch.testing.assert_close(network(image), reference(weights, image), atol=1e-4, rtol=1e-4)
    assert ("out" in "".join(published.notes)) == ("stray" in name)
    again = build_generator(published.generator, **published.arguments)  # a Manifest can rebuild it
    assert {key: value.shape for key, value in again.state_dict().items()} == {
        key: value.shape for key, value in published.network.state_dict().items()
    }


@pytest.mark.parametrize(
    ("layout", "parameters"),
    [(layouts.RESNET_9, 11_378_179), (layouts.UNET_256, 54_413_955), (layouts.BASICSR_MSRRESNET, 1_517_571)],
)
def test_published_sizes(layout: str, parameters: int) -> None:
    (published,) = recognise(weights_of(layout))
    assert sum(weight.numel() for weight in published.network.parameters()) == parameters


def test_forks_name_blocks_as_they_like_and_give_biases_to_everything() -> None:
    weights = weights_of(layouts.RESNET_6_BATCH_DROPOUT, 8)
    for key in [key for key in weights if weights[key].ndim == 4]:
        transposed = key in ("model.16.weight", "model.19.weight")
        weights.setdefault(key.replace("weight", "bias"), torch.randn(weights[key].shape[transposed]))
    renamed = {key.replace("conv_block", "residual"): value for key, value in weights.items()}
    (published,) = recognise(renamed)
    with torch.no_grad():
        running = published.network(picture())
        torch.testing.assert_close(
            per_picture(published.network)(picture()), publishers.resnet(weights, picture()), atol=2e-5, rtol=1e-4
        )
        without = recognise(weights_of(layouts.RESNET_6_BATCH_DROPOUT, 8))[0].network(picture())
    assert not torch.allclose(running, without, atol=1e-3)  # with running statistics, biases count


def rrdb(**options: Any) -> tuple[Any, Weights]:
    spandrel = pytest.importorskip("spandrel")
    torch.manual_seed(0)
    network = spandrel.architectures.ESRGAN.ESRGAN(num_filters=8, num_blocks=2, **options).eval()
    return network, {key: value.detach() for key, value in network.state_dict().items()}


MIDDLE = {"model.0.": "conv_first.", "model.1.sub.2.": "trunk_conv.", "model.3.": "upconv1.", "model.6.": "upconv2.",
          "model.8.": "HRconv.", "model.10.": "conv_last.", "model.1.sub.": "RRDB_trunk."}  # fmt: skip
NEW = {**MIDDLE, "model.1.sub.2.": "conv_body.", "model.3.": "conv_up1.", "model.6.": "conv_up2.",
       "model.8.": "conv_hr.", "model.1.sub.": "body."}  # fmt: skip


def renamed(weights: Weights, names: dict[str, str]) -> Weights:
    found = {}
    for key, value in weights.items():
        old = next(old for old in names if key.startswith(old))
        key = names[old] + key.removeprefix(old)
        if names is NEW:
            key = key.replace("RDB", "rdb")
        found[re.sub(r"(db\d\.conv\d)\.0", r"\1", key, flags=re.IGNORECASE)] = value
    return found


@pytest.mark.parametrize("names", [{}, MIDDLE, NEW], ids=["old", "middle", "new"])
def test_rrdbnet_in_three_schemes(names: dict[str, str]) -> None:
    network, weights = rrdb(scale=4)
    (published,) = recognise(renamed(weights, names) if names else weights)
    assert (published.network.scale, published.arguments["blocks"], published.arguments["growth"]) == (4, 2, 32)
    with torch.no_grad():
        torch.testing.assert_close(published.network(picture(16, 20)), network(picture(16, 20)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "scale"),
    [
        ({"scale": 1}, 1),
        ({"scale": 2}, 2),
        ({"scale": 8}, 8),
        ({"scale": 4, "in_nc": 1, "out_nc": 1}, 4),
        ({"scale": 4, "in_nc": 12, "shuffle_factor": 2}, 2),
        ({"scale": 4, "in_nc": 48, "shuffle_factor": 4}, 1),
    ],
)
def test_rrdbnet_at_all_scales(options: dict[str, Any], scale: int) -> None:
    network, weights = rrdb(**options)
    (published,) = recognise(weights)
    assert published.network.scale == scale
    image = picture(16, 20)[:, : published.network.channels]
    with torch.no_grad():
        torch.testing.assert_close(published.network(image), network(image), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("act", "place"), [("prelu", 0), ("relu", 0), ("leakyrelu", 1)])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_compact_networks(act: str, place: int, scale: int) -> None:
    spandrel = pytest.importorskip("spandrel")
    torch.manual_seed(0)
    network = spandrel.architectures.Compact.Compact(num_feat=12, num_conv=3, upscale=scale, act_type=act).eval()
    found = recognise(network.state_dict())
    assert len(found) == (1 if act == "prelu" else 2)
    with torch.no_grad():
        torch.testing.assert_close(found[place].network(picture()), network(picture()), atol=1e-5, rtol=1e-4)


def without(weights: Weights, key: str) -> Weights:
    return {name: value for name, value in weights.items() if name != key}


RESNET = weights_of(layouts.RESNET_9, 16)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (without(RESNET, "model.14.conv_block.5.weight"), r"model.14.conv_block.5.weight is missing"),
        ({key: value for key, value in RESNET.items() if ".12." not in key}, "block 12 of 18 is missing"),
        (RESNET | {"model.4.weight": torch.zeros(8, 4, 5, 5)}, r"model.4.weight is \[8, 4, 5, 5\], not \[8, 4, 3, 3\]"),
        (RESNET | {"model.99.weight": torch.zeros(3)}, "1 weights more, such as model.99.weight"),
        (RESNET | {"model.1.weight": torch.zeros(4, 1, 7, 7)}, "takes pictures of 1 channels and gives 3"),
        (weights_of(layouts.CUT_9, 16) | {"model.7.filt": torch.ones(8, 1, 3, 3)}, "filter of its own"),
        (without(RESNET, "model.26.weight"), "model.26.weight is missing"),
        (without(weights_of(layouts.LEFTTHOMAS, 16), "block8.2.weight"), "block8.2.weight is missing"),
        (without(weights_of(layouts.BASICSR_MSRRESNET, 16), "conv_last.weight"), "conv_last.weight is missing"),
    ],
)
def test_damaged_files_of_known_networks_are_refused(weights: Weights, reason: str) -> None:
    with pytest.raises(BadCheckpoint, match=reason):
        recognise(weights)


@pytest.mark.parametrize("name", ["patchgan", "pixel", "vgg", "unet_sn"])
def test_discriminators_are_refused_by_name(name: str) -> None:
    from models.zoo import build_discriminator

    weights = dict(build_discriminator(name).state_dict())
    with pytest.raises(BadCheckpoint, match=r"discriminator|no network that is known"):
        recognise(weights)


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        (("model.0.weight", (64, 6, 4, 4)), ("model.11.weight", (1, 512, 4, 4)), "PatchGAN"),
        (("net.0.weight", (64, 3, 1, 1)), ("net.5.weight", (1, 128, 1, 1)), "PixelGAN"),
        (("conv0_0.weight", (64, 3, 3, 3)), ("linear2.weight", (1, 100)), "VGG"),
        (("conv1.weight_orig", (128, 64, 4, 4)), ("conv9.weight", (1, 64, 3, 3)), "spectral norm"),
        (("features.0.weight", (64, 3, 3, 3)), ("classifier.1.weight", (1000, 512, 1, 1)), "classifier"),
    ],
)
def test_published_discriminators_and_classifiers(
    first: tuple[str, tuple[int, ...]], last: tuple[str, tuple[int, ...]], kind: str
) -> None:
    weights = {name: torch.zeros(shape) for name, shape in (first, last)} | {"linear1.weight": torch.zeros(100, 9)} if (
        kind == "VGG") else {name: torch.zeros(shape) for name, shape in (first, last)}  # fmt: skip
    with pytest.raises(BadCheckpoint, match=rf"{kind}.*[Tt]ake the file with the generator"):
        recognise(weights)


def test_unknown_networks_are_told_by_their_layers() -> None:
    weights = {"fea_conv.weight": torch.zeros(50, 3, 3, 3), "upsampler.0.weight": torch.zeros(48, 50, 3, 3)}
    with pytest.raises(UnknownNetwork, match=r"2 convolutions in fea_conv, upsampler.*RRDBNet \(ESRGAN"):
        recognise(weights)
