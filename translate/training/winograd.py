"""3 x 3 convolutions with a quarter of the multiplications (Winograd 1980; Lavin & Gray 2016), for compiled training.

F(4 x 4, 3 x 3): a tile of 6 x 6 pixels gives 4 x 4 results by 36 products per pair of channels, where sliding takes
144. PyTorch has no such convolution for processors. The mathematics are the same; in float32 results differ from
sliding by 1e-5 of the largest. What is not a product of matrices are sums of neighbours: one by one these cost more
than what is saved, compiled (torch.compile) they become a few loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE, STEP, KERNEL = 6, 4, 3
KERNEL_LINE = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
               (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))  # fmt: skip
"""G of Lavin & Gray, section 5.2, and equations of that page below."""
WORTH = 256
"""Channels, in and out, from which on it is faster: with 128 it gains nothing."""


def use_winograd(network: nn.Module) -> None:
    """Let each convolution of `network` that gains by it take this way, in place.

    Weights, their names and what is computed stay; it is for float32 on a processor, and to be compiled afterwards.
    """
    for layer in network.modules():
        if _gains(layer):
            layer.__class__ = WinogradConv2d


def _gains(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.stride, layer.dilation, layer.groups) == ((KERNEL, KERNEL), (1, 1), (1, 1), 1)
        and layer.padding_mode == "zeros"
        and min(layer.in_channels, layer.out_channels) >= WORTH
    )


class WinogradConv2d(nn.Conv2d):
    """nn.Conv2d of 3 x 3, stride 1."""

    def forward(self, image: Tensor) -> Tensor:
        padded = F.pad(image, self._reversed_padding_repeated_twice)
        result: Tensor = convolve(padded, self.weight)
        return result if self.bias is None else result + self.bias.view(-1, 1, 1)


class Winograd(torch.autograd.Function):
    """[B, C, H, W] and weights [O, C, 3, 3] -> [B, O, H - 2, W - 2]: Y = Aᵀ [(G g Gᵀ) ∘ (Bᵀ d B)] A, summed over
    channels; backwards, gradients of d and g by the same products."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(image, weight)
        return results(torch.bmm(image_tiles(image.detach()), kernels(weight).transpose(1, 2)), image.shape)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, weight = (saved if torch.is_grad_enabled() else saved.detach() for saved in ctx.saved_tensors)
        tiles = slope_tiles(slope)  # A dY Aᵀ
        on_image = on_weight = None
        if ctx.needs_input_grad[0]:
            on_image = overlap(torch.bmm(tiles, kernels(weight)), image.shape)
        if ctx.needs_input_grad[1]:
            products = torch.bmm(tiles.transpose(1, 2), image_tiles(image))
            on_weight = (both_ways(weight).T @ products.flatten(1)).T.reshape(weight.shape)
        return on_image, on_weight


@torch.compiler.disable  # type: ignore[untyped-decorator]
def convolve(image: Tensor, weight: Tensor) -> Tensor:
    """As F.conv2d without a border. Left out where a network is compiled: its sums are compiled by themselves, once for
    all layers of a size, in seconds where it took minutes."""
    result: Tensor = Winograd.apply(image, weight)  # type: ignore[no-untyped-call]
    return result


def kernels(weight: Tensor) -> Tensor:
    """G g Gᵀ: [36, O, C]."""
    factors = both_ways(weight) @ weight.flatten(2).flatten(0, 1).T
    return factors.view(-1, *weight.shape[:2])


def both_ways(like: Tensor) -> Tensor:
    """G ⊗ G, [36, 9]: from the nine weights of a kernel to its 36 factors."""
    line = torch.tensor(KERNEL_LINE, dtype=like.dtype, device=like.device)
    return torch.kron(line, line)


@torch.compile(dynamic=False)
def image_tiles(image: Tensor) -> Tensor:
    """Bᵀ d B of all tiles of 6 x 6, every 4 pixels: [36, tiles, C]. Missing pixels are 0."""
    return _tiles(_by_pixel(image, KERNEL - 1), TILE, _pixels)


@torch.compile(dynamic=False)
def slope_tiles(slope: Tensor) -> Tensor:
    """A dY Aᵀ of all tiles of 4 x 4: [36, tiles, O]."""
    return _tiles(_by_pixel(slope, 0), STEP, _slopes)


@torch.compile(dynamic=False)
def results(products: Tensor, shape: Sequence[int]) -> Tensor:
    """Aᵀ M A of [36, tiles, O]: [B, O, H - 2, W - 2], where `shape` is the picture's."""
    rows = [_results(row) for row in _grid(products, shape)]
    whole = torch.stack([torch.stack(_results(column), 2) for column in zip(*rows, strict=True)], 4)
    pixels = whole.flatten(3, 4).flatten(1, 2)  # [B, h, 4, w, 4, O]
    return pixels.permute(0, 3, 1, 2)[..., : shape[2] - KERNEL + 1, : shape[3] - KERNEL + 1]


@torch.compile(dynamic=False)
def overlap(tiles: Tensor, shape: Sequence[int]) -> Tensor:
    """B V Bᵀ of [36, tiles, C], added where tiles of 6 x 6 overlap: [B, C, H, W], the reverse of `image_tiles`."""
    columns = zip(*_grid(tiles, shape), strict=True)
    lines = [_added(_spread(column), 1) for column in columns]  # [B, 4 h + 4, w, C] each
    return _added(_spread(lines), 2).permute(0, 3, 1, 2)[..., : shape[2], : shape[3]]


def _grid(tiles: Tensor, shape: Sequence[int]) -> list[tuple[Tensor, ...]]:
    """Six rows of six of [36, tiles, C], each [B, h, w, C], where `shape` is the picture's."""
    height, width = (_steps(side - KERNEL + 1) for side in shape[2:])
    return [row.unbind() for row in tiles.view(TILE, TILE, shape[0], height, width, -1).unbind()]


def _steps(pixels: int) -> int:
    return -(-pixels // STEP)


def _by_pixel(image: Tensor, border: int) -> Tensor:
    """[B, H, W, C] with zeros to the right and below, for whole steps and a border."""
    height, width = (STEP * _steps(side - border) + border - side for side in image.shape[-2:])
    return F.pad(image, (0, width, 0, height)).permute(0, 2, 3, 1)


def _tiles(pixels: Tensor, side: int, line: Any) -> Tensor:
    """Of [B, H, W, C], first down the columns, then along the rows."""
    last_row, last_column = pixels.shape[1] - side + 1, pixels.shape[2] - side + 1
    rows = line([pixels[:, i : i + last_row : STEP] for i in range(side)])
    found = [value for row in rows for value in line([row[:, :, j : j + last_column : STEP] for j in range(side)])]
    return torch.stack(found).flatten(1, 3)


def _pixels(d: Sequence[Tensor]) -> list[Tensor]:
    """Bᵀ d."""
    even, odd, outer, inner = d[4] - 4 * d[2], d[3] - 4 * d[1], d[4] - d[2], 2 * (d[3] - d[1])
    first, last = 4 * d[0] - 5 * d[2] + d[4], 4 * d[1] - 5 * d[3] + d[5]
    return [first, even + odd, even - odd, outer + inner, outer - inner, last]


def _results(m: Sequence[Tensor]) -> list[Tensor]:
    """Aᵀ m."""
    near, far, tilt, slant = m[1] + m[2], m[3] + m[4], m[1] - m[2], m[3] - m[4]
    return [m[0] + near + far, tilt + 2 * slant, near + 4 * far, tilt + 8 * slant + m[5]]


def _spread(v: Sequence[Tensor]) -> list[Tensor]:
    """B v."""
    near, far, tilt, slant = v[1] + v[2], v[3] + v[4], v[1] - v[2], 2 * (v[3] - v[4])
    first, second = 4 * (v[5] - tilt) - slant, -5 * v[0] - 4 * near - far
    return [4 * v[0], first, second, tilt + slant - 5 * v[5], v[0] + near + far, v[5]]


def _added(lines: Sequence[Tensor], dim: int) -> Tensor:
    """Six values of each tile along `dim`, every four; the last two belong to the next tile's first."""
    after, before = ((0, 0) * (3 - dim) + side for side in ((0, 1), (1, 0)))
    own = [F.pad(line, after) for line in lines[:STEP]]
    late = [F.pad(line, before) for line in lines[STEP:]]
    return torch.stack([own[0] + late[0], own[1] + late[1], *own[2:]], dim + 1).flatten(dim, dim + 1)


def _slopes(y: Sequence[Tensor]) -> list[Tensor]:
    """A y."""
    even, odd, outer, inner = y[0] + y[2], y[1] + y[3], y[0] + 4 * y[2], 2 * y[1] + 8 * y[3]
    return [y[0], even + odd, even - odd, outer + inner, outer - inner, y[3]]
