"""Networks of the zoo with few features: the published form, quick to compute."""

import inspect

import torch

from models.zoo import DISCRIMINATORS, GENERATORS, build_discriminator, build_generator

FEW = {"width": 8, "blocks": 2, "convs": 2, "growth": 4}


def takes(builders, name):
    return inspect.signature(builders[name]).parameters


def small(builders, name):
    """Arguments that keep the network's form and make it quick."""
    return {key: value for key, value in FEW.items() if key in takes(builders, name)}


def small_generator(name, **arguments):
    torch.manual_seed(0)
    return build_generator(name, **small(GENERATORS, name) | arguments)


def small_discriminator(name, **arguments):
    torch.manual_seed(0)
    size = {"size": 32} if name == "vgg" else {}
    return build_discriminator(name, **small(DISCRIMINATORS, name) | size | arguments)


def picture(batch, channels, height, width):
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
