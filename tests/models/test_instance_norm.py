"""InstanceNorm's gradient against its formula, in every order of memory that one picture or several can have."""

import pytest
import torch

from models.layers import InstanceNorm


def formula(image: torch.Tensor) -> torch.Tensor:
    deviation = (image.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return (image - image.mean((2, 3), keepdim=True)) / deviation


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)


def as_rows_of_pixels(tensor: torch.Tensor) -> torch.Tensor:
    """As a gradient comes from a list of patches."""
    return tensor.flatten(2).transpose(1, 2).contiguous().transpose(1, 2).unflatten(2, tensor.shape[2:])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("order", [torch.Tensor.contiguous, channels_last, as_rows_of_pixels])
def test_gradients_are_those_of_the_formula(order: object, count: int) -> None:
    random = torch.Generator().manual_seed(0)
    image, back = (torch.rand(count, 6, 8, 10, generator=random, dtype=torch.float64) for _ in range(2))
    for into in (torch.Tensor.contiguous, channels_last):
        one, other = (into(image).detach().requires_grad_(True) for _ in range(2))
        gradients = []
        for given, normalise in ((one, InstanceNorm(6)), (other, formula)):
            (first,) = torch.autograd.grad(normalise(given), given, order(back), create_graph=True)  # type: ignore[operator]
            (second,) = torch.autograd.grad(first.square().sum(), given)
            gradients.append((first.detach(), second))
        for ours, wanted in zip(*gradients, strict=True):
            assert torch.allclose(ours, wanted, rtol=1e-8, atol=1e-8)
