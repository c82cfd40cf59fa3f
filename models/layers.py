"""What the networks share: what a generator declares, normalization, initialisation, enlargement."""

from __future__ import annotations

import copy
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from models.errors import ConfigError
from models.manifest import Normalization

Norm = Literal["instance", "batch", "none", "instance-affine"]

SHUFFLES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Scale -> enlargement steps."""

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class Generator(nn.Module):
    """What a picture-to-picture network declares about itself; the fields mean what they mean in `Manifest`.

    Shapes: [B, channels, H, W] -> [B, channels, scale * H, scale * W], float32, values in [-1, 1]; H and W
    are multiples of `multiple` and at least `minimum`. The network does not check them: its callers pad.
    """

    channels: int
    scale: int
    multiple: int
    minimum: int
    radius: int
    normalization: Normalization

    def begin_with(self, other: nn.Module) -> bool:
        """Take the weights of a network that has all but a part of this one; whether it does. That part starts anew."""
        return False


class InstanceNorm(nn.InstanceNorm2d):
    """Each channel of each picture by its own mean and deviation (Ulyanov et al. 2016)."""

    def forward(self, image: Tensor) -> Tensor:
        normalised = super().forward(image)
        return settled(normalised) if self.training and len(image) == 1 else normalised


class Settled(torch.autograd.Function):
    """Nothing, but gradients come back in the plain order of memory.

    Of one picture, PyTorch's instance_norm (2.15, CPU) takes a gradient that is channels_last for a plain one, and what
    it gives back is wrong.
    """

    @staticmethod
    def forward(_: Any, image: Tensor) -> Tensor:
        return image.view_as(image)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.contiguous()


def settled(image: Tensor) -> Tensor:
    """The same, by `Settled`."""
    result: Tensor = Settled.apply(image)  # type: ignore[no-untyped-call]
    return result


def norm_layer(norm: Norm, width: int) -> nn.Module:
    """The layer for a name: instance (no parameters, no memory), the same with γ and β, batch (with all), or none."""
    if norm in ("instance", "instance-affine"):
        return InstanceNorm(width, affine=norm == "instance-affine")
    return nn.BatchNorm2d(width) if norm == "batch" else nn.Identity()


def normalization_of(norm: Norm) -> Normalization:
    """What a `norm` argument means for whoever runs the network.

    Raises:
        ConfigError: not one of them.
    """
    kinds: dict[str, Normalization] = {
        "instance": "picture",
        "instance-affine": "picture",
        "batch": "fixed",
        "none": "none",
    }
    if norm not in kinds:
        raise ConfigError(f"norm {norm!r} is unknown; use one of {', '.join(get_args(Norm))}.")
    return kinds[norm]


def normal_init(network: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for BatchNorm's γ, biases 0 (Isola et al. 2017)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def msra_init(network: nn.Module, gain: float = 0.1) -> None:
    """He et al. 2015, fan-in, times `gain`; biases 0.

    Residual branches that start at a tenth leave the picture nearly as it is (Wang et al. 2018, ESRGAN,
    section 3.1).
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.data.mul_(gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def shuffle_factors(scale: int) -> tuple[int, ...]:
    """Enlargement in steps of 2 or 3.

    Raises:
        ConfigError: a scale no network has.
    """
    if scale not in SHUFFLES:
        raise ConfigError(f"scale {scale} cannot be built; use one of {', '.join(map(str, SHUFFLES))}.")
    return SHUFFLES[scale]


def shuffle_up(width: int, factor: int, activation: nn.Module) -> nn.Sequential:
    """Sub-pixel convolution (Shi et al. 2016): [B, width, H, W] -> [B, width, factor * H, factor * W]."""
    return nn.Sequential(nn.Conv2d(width, width * factor**2, 3, padding=1), nn.PixelShuffle(factor), activation)


def per_picture(generator: AnyModule) -> AnyModule:
    """A copy that normalises by the picture at hand: what BatchNorm computes in training mode at batch 1.

    Pix2Pix runs its generator that way at inference; `eval()` visibly changes its pictures. Each BatchNorm2d
    becomes an InstanceNorm with the same γ and β (running statistics are dropped) and dropout is off.
    `normalization` becomes "picture" where it was "fixed". The copy is in evaluation mode.
    """
    generator = copy.deepcopy(generator).eval()
    for parent in list(generator.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                norm = InstanceNorm(layer.num_features, eps=layer.eps, affine=True)
                norm.weight, norm.bias = layer.weight, layer.bias
                setattr(parent, name, norm.eval())
            elif isinstance(layer, nn.Dropout):
                setattr(parent, name, nn.Identity())
    if isinstance(generator, Generator) and generator.normalization == "fixed":
        generator.normalization = "picture"
    return generator
