"""Spectral normalization of a whole network."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def normalise_spectrally(network: nn.Module) -> None:
    """Divide the weights of every layer by their largest singular value (Miyato et al. 2018), in place.

    Layers that do so already stay as they are. In the state dict each weight becomes `parametrizations.weight.original`
    with the two vectors of its power iteration, which goes one step on with each call in training mode.
    """
    for layer in list(network.modules()):
        if isinstance(layer, LAYERS) and not is_parametrized(layer, "weight"):
            spectral_norm(layer)
