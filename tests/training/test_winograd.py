"""Winograd's convolution computes what PyTorch's does, backwards too, and only where it is wanted."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.zoo import build_discriminator, build_generator
from translate.training.config import CUTConfig
from translate.training.cut import CUT
from translate.training.hardware import compile_networks
from translate.training.winograd import Winograd, WinogradConv2d, use_winograd

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def uncompiled() -> Iterator[None]:
    """Compiling takes seconds for each size."""
    with torch.compiler.set_stance("force_eager"):
        yield


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("size", [(3, 3), (4, 5), (6, 6), (9, 16), (34, 34), (13, 7)])
def test_it_computes_what_sliding_does(size: tuple[int, int]) -> None:
    image, weight = numbers(2, 3, *size), numbers(5, 3, 3, 3, seed=1)
    ours, theirs = Winograd.apply(image, weight), F.conv2d(image, weight)  # type: ignore[no-untyped-call]
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-11)
    slope = numbers(*theirs.shape, seed=2).detach()
    for mine, right in zip(*(torch.autograd.grad(y, (image, weight), slope) for y in (ours, theirs)), strict=True):
        assert torch.allclose(mine, right, atol=1e-10)


def test_in_float32_it_is_as_near_as_promised() -> None:
    image, weight = (numbers(*shape).detach() for shape in ((1, 256, 34, 34), (256, 256, 3, 3)))
    exact = F.conv2d(image, weight)
    ours = Winograd.apply(image.float(), weight.float())  # type: ignore[no-untyped-call]
    assert float((ours - exact).abs().max() / exact.abs().max()) < 2e-5


def test_slopes_have_slopes() -> None:
    """Penalties on a discriminator's slope go through it twice."""
    assert torch.autograd.gradgradcheck(Winograd.apply, (numbers(1, 2, 7, 6), numbers(3, 2, 3, 3, seed=1)))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("padding", [0, 1, (2, 1), "same"])
def test_a_layer_keeps_its_weights_and_its_border(padding: Any) -> None:
    layer = nn.Conv2d(256, 256, 3, padding=padding)
    image = numbers(1, 256, 8, 9).float()
    before, names = layer(image), list(layer.state_dict())
    use_winograd(layer)
    assert isinstance(layer, WinogradConv2d)
    assert list(layer.state_dict()) == names
    assert torch.allclose(layer(image), before, atol=1e-4)


def test_only_wide_convolutions_of_stride_1_take_that_way() -> None:
    found = []
    for network in (build_generator("resnet_9blocks"), build_generator("srresnet_x4"), build_discriminator("patchgan")):
        use_winograd(network)
        found.append(sum(isinstance(layer, WinogradConv2d) for layer in network.modules()))
    assert found == [18, 0, 0]


@pytest.mark.parametrize(("precision", "expected"), [(torch.float32, 12), (torch.bfloat16, 0)])
def test_networks_compiled_for_float32_on_a_processor_use_it(
    precision: torch.dtype, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nn.Module, "compile", lambda self: None)
    method = CUT(CUTConfig(data=Path("data"), out=Path("run"), generator="resnet_6blocks"), CPU)
    compile_networks(method, CPU, precision)
    assert sum(isinstance(layer, WinogradConv2d) for layer in method.g.modules()) == expected


@pytest.mark.skipif(not shutil.which("g++") and not shutil.which("clang++"), reason="needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # where PyTorch goes on between what it compiles
def test_compiled_and_within_a_compiled_network_it_computes_the_same() -> None:
    layers = [nn.Conv2d(256, 256, 3, padding=1) for _ in range(2)]
    image = numbers(1, 256, 8, 8).float().detach().requires_grad_()
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1])
    before = network(image)
    (slope,) = torch.autograd.grad(before.square().sum(), image)
    use_winograd(network)
    network.compile(backend="aot_eager")
    with torch.compiler.set_stance("default"):
        after = network(image)
        assert torch.allclose(after, before, atol=1e-4)
        assert torch.allclose(torch.autograd.grad(after.square().sum(), image)[0], slope, atol=1e-3)
