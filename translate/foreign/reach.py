"""How far a foreign network sees, measured: change one half of a picture and look how deep the other half changes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUT, OUTPUT, Normalization
from models.receptive import Interval
from translate.foreign.graph import Range
from translate.foreign.judge import run_as
from translate.foreign.network import Batch, Network, Sizes, photograph
from translate.inference.geometry import NotLocal
from translate.inference.graph import read_graph

LONGEST = 1024
"""Pixels along which the reach is looked for, half of them changed."""
SEEN = 0.25 / 255
"""Change of a result, of 1, that nobody can see: a quarter of an 8-bit level."""
ROUNDING = 1e-5
"""Change of a result, of 1, that may be rounding: convolutions by transformed tiles mix their neighbours'."""


def exact_radius(model: bytes, multiple: int, scale: int) -> int | None:
    """Receptive radius in pixels by the arithmetic of the layers, normalization aside.

    Args:
        model: a graph with the contract's input and output.
    Returns:
        None where an operator sees more than a neighbourhood, or nobody knows how much.
    """
    try:
        graph = read_graph(model)
    except NotLocal:
        return None
    distances = [0]
    for axis, output in itertools.product((0, 1), range(multiple * scale)):
        needs: dict[str, Interval] = {OUTPUT: (output, output)}
        for node in reversed(graph.nodes):
            known = [needs[name] for name in node.writes if name in needs]
            if not known:
                continue
            first, last = node.layer.reaches[axis].reads((min(f for f, _ in known), max(e for _, e in known)))
            for name in node.reads:
                before = needs.get(name, (first, last))
                needs[name] = min(first, before[0]), max(last, before[1])
        if INPUT in needs:
            place = output // scale
            distances += [place - needs[INPUT][0], needs[INPUT][1] - place]
    return max(distances)


LIMIT = 64
"""Radius in pixels up to which every effect counts; beyond it, what can be seen."""


@dataclass(frozen=True)
class Reach:
    """What the measurement found."""

    radius: int | None
    """Pixels beyond which a change has no effect that can be seen; None where all of LONGEST / 2 have."""
    error: float
    """Largest effect beyond `radius`, of 1."""
    farthest: float
    """Largest effect at the far end, of 1."""


def measure_reach(network: Network, sizes: Sizes, given: Range, taken: Range, exact: int | None) -> Reach:
    """Measure along both axes, in both directions, on a photograph and on noise.

    Args:
        exact: the radius by the layers, where it is known: nothing is looked for beyond.
    """
    length = 256
    while True:
        effect = _effect(network, sizes, given, taken, length)
        farthest = float(effect[-max(sizes.multiple, 8) :].max())
        if farthest <= ROUNDING or length >= LONGEST:
            break
        length *= 2
    if farthest > (ROUNDING if exact is None else SEEN):
        return Reach(None, farthest, farthest)
    # what a strided network sees depends on where a pixel lies in its cell; the strip shows but one place
    radius = _beyond(effect, SEEN) + sizes.multiple - 1
    if exact is None:
        radius = max(radius, min(LIMIT, _beyond(effect, ROUNDING) + sizes.multiple - 1))
    else:
        radius = min(max(radius, LIMIT), exact)
    return Reach(radius, float(effect[radius:].max(initial=0)), farthest)


@dataclass(frozen=True)
class Seen:
    """How much of a picture a place of the result depends on."""

    normalization: Normalization
    radius: int
    error: float
    reason: str


def how_far(
    network: Network, sizes: Sizes, given: Range, taken: Range, model: bytes, known: tuple[Normalization, str]
) -> Seen:
    """By the arithmetic of the layers where that is short, else measured.

    Args:
        given, taken: black and white of what the network takes and gives.
        model: the same as a graph with the contract's input and output.
        known: the normalization that its operators show, and the reason.
    """
    normalization, reason = known
    exact = exact_radius(model, sizes.multiple, sizes.scale)
    if normalization == "picture":
        return Seen("picture", exact or 0, 0.0, reason)
    if exact is not None and exact <= LIMIT:
        return Seen(normalization, exact, 0.0, f"by the arithmetic of its layers; {reason}")
    reach = measure_reach(network, sizes, given, taken, exact)
    if reach.radius is not None:
        measured = f"measured: beyond, a change alters the result by at most {reach.error:.1e}; {reason}"
        return Seen(normalization, reach.radius, min(reach.error, 1.0), measured)
    if exact is not None:
        return Seen(normalization, exact, 0.0, f"by the arithmetic of its layers; {reason}")
    far = f"a change {LONGEST // 2} pixels away alters the result by {reach.farthest:.1e}"
    return Seen("picture", 0, 0.0, f"measured: {far}, so it looks at the whole picture")


def _beyond(effect: NDArray[np.float64], bound: float) -> int:
    """The smallest distance beyond which no effect is above a bound."""
    above = np.flatnonzero(effect > bound)
    return int(above[-1]) + 1 if len(above) else 0


def _effect(network: Network, sizes: Sizes, given: Range, taken: Range, length: int) -> NDArray[np.float64]:
    """Largest change of a result, of 1, by distance in input pixels from what was changed."""
    unit = sizes.multiple
    high = sizes.allowed(48)
    wide = 2 * unit * -(-max(2 * sizes.minimum, length) // (2 * unit))
    half = wide // 2
    noise = np.random.default_rng(0).random((1, sizes.channels, high, wide), np.float32)
    effect = np.zeros(half)
    for picture in (photograph(sizes.channels, high, wide), noise):
        for turned in (False, True):
            before = _run(network, picture, turned, given, taken)
            for part in (slice(0, half), slice(half, wide)):
                changed = picture.copy()
                changed[..., part] = 1 - changed[..., part]
                after = _run(network, changed, turned, given, taken)
                change = np.abs(after - before).max(axis=(0, 1, 2)).reshape(wide, sizes.scale).max(axis=1)
                effect = np.maximum(effect, change[half:] if part.start == 0 else change[:half][::-1])
    return effect


def _run(network: Network, picture: Batch, turned: bool, given: Range, taken: Range) -> Batch:
    """A picture through the network, upright or lying; the result lies as the picture does."""
    result = run_as(network, picture.swapaxes(2, 3) if turned else picture, given, taken, bgr=False)
    return result.swapaxes(2, 3) if turned else result
