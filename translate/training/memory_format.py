"""How pictures and weights lie in memory while training: by channel, or by pixel (channels_last)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.layers import Generator


def choose_memory_format(
    generators: Iterable[nn.Module], device: torch.device, precision: torch.dtype
) -> torch.memory_format:
    """channels_last where a step is faster so: on GPUs, in 16 bits, and for super-resolution.

    In float32 on a processor it costs CycleGAN's ResNet and Pix2Pix's U-Net a quarter more time, and saves SRResNet a
    sixth (`python -m benchmarks.training` measures both).
    """
    enlarging = all(isinstance(generator, Generator) and generator.scale > 1 for generator in generators)
    by_pixel = device.type != "cpu" or precision != torch.float32 or enlarging
    return torch.channels_last if by_pixel else torch.contiguous_format


def in_format_of(pictures: Tensor, model: Tensor) -> Tensor:
    """The same pictures, [B, C, H, W], in the memory format of others."""
    by_pixel = model.is_contiguous(memory_format=torch.channels_last)
    return pictures.contiguous(memory_format=torch.channels_last if by_pixel else torch.contiguous_format)
