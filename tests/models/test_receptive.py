"""The declared receptive radius is the true one: a bright pixel in a black picture shows how far it goes."""

import pytest
import torch
from small_networks import small, takes

from models.receptive import bilinear, receptive_radius
from models.zoo import GENERATORS, build_generator


def with_positive_weights(network):
    """No cancellation, no bias: an output is 0 exactly where nothing of the bright pixel arrives."""
    for name, weight in network.named_parameters():
        weight.data = torch.zeros_like(weight) if name.endswith("bias") else weight.data.abs().clamp_min(1e-3)
    return network.double().eval()


@pytest.mark.parametrize(
    ("name", "more"),
    [*((name, {}) for name in GENERATORS), ("compact_x4", {"refine": 2}), ("compact_x4", {"smooth_base": True})],
)
def test_radius_is_exact(name, more):
    arguments = small(GENERATORS, name) | more
    arguments |= {"depth": 3} if name.startswith("unet") else {}
    arguments |= {} if "norm" not in takes(GENERATORS, name) else {"norm": "none"}
    network = with_positive_weights(build_generator(name, **arguments | {"width": 2}))

    step, scale = network.multiple, network.scale
    half = step * (network.radius // step + 2)
    places = half + torch.arange(step)
    image = torch.zeros(step, 3, network.minimum, 2 * half, dtype=torch.double)
    image[torch.arange(step), :, 0, places] = 1
    with torch.no_grad():
        output = network(image)
    touched = output.abs().sum(dim=(1, 2)) > 0  # [phase, column]
    phase, column = touched.nonzero(as_tuple=True)
    assert (column // scale - places[phase]).abs().max() == network.radius


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_reach_covers_what_the_library_reads(factor):
    image = torch.zeros(1, 1, 1, 9, dtype=torch.double)
    image[..., 4] = 1
    out = torch.nn.functional.interpolate(
        image, scale_factor=(1.0, float(factor)), mode="bilinear", align_corners=False
    )
    step = bilinear(factor)
    for column in out[0, 0, 0].nonzero().flatten().tolist():
        first, last = step((column, column))
        assert first <= 4 <= last
    assert receptive_radius([step], scale=factor) == 1
