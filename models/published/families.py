"""Which network a state dict belongs to: each family looks for itself; what nobody knows is told by its layers."""

from __future__ import annotations

import re
from collections.abc import Callable

from models.errors import BadCheckpoint, TranslateError
from models.published import enhancers, resnet, srgan, unet
from models.published.weights import Published, Weights

FAMILIES: dict[str, Callable[[Weights], list[Published]]] = {
    "CycleGAN and CUT ResNet generators (junyanz)": resnet.junyanz,
    "CycleGAN ResNet generators (mmagic, mmgeneration)": resnet.mmagic,
    "Pix2Pix U-Nets (junyanz)": unet.junyanz,
    "Pix2Pix U-Nets (mmagic, mmgeneration)": unet.mmagic,
    "SRGAN generators": srgan.srgan,
    "MSRResNet (BasicSR, mmagic)": enhancers.msrresnet,
    "RRDBNet (ESRGAN, Real-ESRGAN, BSRGAN)": enhancers.rrdb,
    "compact networks (Real-ESRGAN)": enhancers.compact,
}


class UnknownNetwork(BadCheckpoint):
    """Weights of a network that is not known here."""


def recognise(weights: Weights) -> list[Published]:
    """The networks that the weights may be of; several where their keys leave something open, the usual one first.

    Raises:
        BadCheckpoint: a known network, but weights are missing, left over or of another shape; or a discriminator.
        UnknownNetwork: none that is known; names the layers that were seen and what is supported.
    """
    if kind := _other_half(weights):
        raise BadCheckpoint(f"{kind}. Take the file with the generator.")
    for read in FAMILIES.values():
        try:
            found = read(weights)
        except TranslateError:
            raise
        except (IndexError, KeyError, ValueError, ZeroDivisionError, RuntimeError) as error:
            raise BadCheckpoint(f"its layers do not fit together ({error}): it is damaged or of a variant.") from error
        if found:
            return found
    raise UnknownNetwork(f"{layers_seen(weights)} That is no network that is known here: {', '.join(FAMILIES)}.")


def layers_seen(weights: Weights) -> str:
    """What a state dict holds, in words."""
    tops = list(dict.fromkeys(key.partition(".")[0] for key in weights))
    convs = [value for value in weights.values() if value.ndim == 4]
    values = sum(value.numel() for value in weights.values())
    names = f"{', '.join(tops[:8])}{' ...' if len(tops) > 8 else ''}"
    text = f"It holds {values:,} values: {len(convs)} convolutions in {names}"
    if convs:
        text += f", the first {list(convs[0].shape)}, the last {list(convs[-1].shape)}"
    return f"{text}."


def _other_half(weights: Weights) -> str:
    """Networks of training that are mistaken for generators, in words."""
    flat = {key: value for key, value in weights.items() if value.ndim in (2, 4)}
    if not flat:
        return "it holds no convolution"
    last = list(flat.values())[-1]
    keys = " ".join(weights)
    if re.search(r"\b(linear1|conv0_0|classifier\.6|fc2)\.", keys) and "conv0_0.weight" in weights:
        return "it is a discriminator (VGG, of ESRGAN or SRGAN)"
    if "conv1.weight_orig" in weights or "conv1.parametrizations.weight.original" in weights:
        return "it is a discriminator (U-Net with spectral norm, of Real-ESRGAN)"
    first = weights.get("model.0.weight", weights.get("net.0.weight", weights.get("model.0.conv.weight")))
    kernels = {first.shape[-1], last.shape[-1]} if first is not None and first.ndim == 4 else {3}
    if last.shape[0] == 1 and kernels & {1, 4}:  # an ESRGAN of grey pictures also ends in one channel, through 3 x 3
        return "it is a discriminator (PatchGAN, PixelGAN or a classifier of real and fake)"
    if last.ndim == 2 or any(key.startswith(("classifier.", "fc.")) for key in weights):
        return f"it is a classifier or a discriminator: it ends in {last.shape[0]} numbers, not in a picture"
    return ""
