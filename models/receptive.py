"""How far a network sees, from the arithmetic of its layers, along one axis.

Each step answers: to compute positions first..last of a layer's output, which positions of its input are
read? Walking the layers backwards from an output position gives the input interval that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Interval = tuple[int, int]
Step = Callable[[Interval], Interval]


def conv(kernel: int, stride: int = 1, padding: int | None = None) -> Step:
    """A convolution; padding defaults to half of the kernel, whatever it is filled with."""
    pad = (kernel - 1) // 2 if padding is None else padding
    return lambda out: (out[0] * stride - pad, out[1] * stride - pad + kernel - 1)


def transposed(kernel: int, stride: int, padding: int) -> Step:
    """A transposed convolution: input i is painted onto outputs i * stride - padding + (0 .. kernel - 1)."""
    return lambda out: (-((kernel - 1 - padding - out[0]) // stride), (out[1] + padding) // stride)


def enlarge(factor: int) -> Step:
    """Pixel shuffle or nearest-neighbour enlargement."""
    return lambda out: (out[0] // factor, out[1] // factor)


def bilinear(factor: int) -> Step:
    """Bilinear enlargement with pixel centres aligned (align_corners=False)."""
    return lambda out: (
        (2 * out[0] + 1 - factor) // (2 * factor),
        (2 * out[1] + 1 - factor) // (2 * factor) + 1,
    )


def unshuffle(factor: int) -> Step:
    """Pixel unshuffle: each output position holds a block of inputs."""
    return lambda out: (out[0] * factor, out[1] * factor + factor - 1)


def reach(layers: Sequence[Step], position: int) -> Interval:
    """First and last input position that one output position depends on."""
    interval = (position, position)
    for layer in reversed(layers):
        interval = layer(interval)
    return interval


def receptive_radius(*paths: Iterable[Step], scale: int = 1, multiple: int = 1) -> int:
    """Largest distance, in input pixels, between an output's place in the input and a pixel it depends on.

    Args:
        paths: the layers from input to output, in order; one list for each branch that joins.
        scale: output side / input side; output o lies at input o // scale.
        multiple: size multiple of the input: the reach repeats itself after so many pixels.
    """
    distances = [0]
    for path in map(list, paths):
        for output in range(multiple * scale):
            first, last = reach(path, output)
            place = output // scale
            distances += [place - first, last - place]
    return max(distances)
