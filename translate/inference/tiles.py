"""Which windows of a picture are computed, and which part of each result is kept."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A window along one axis, in input pixels: read [start, stop), keep [first, last) of it."""

    start: int
    stop: int
    first: int
    last: int


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple that is not below `size`."""
    return -(-size // multiple) * multiple


def spans(side: int, tile: int, radius: int, multiple: int = 1) -> list[Span]:
    """Cover one side of a picture with windows of one length.

    Windows lie inside the picture and start at multiples of `multiple`: the network pads with zeros at the
    picture's border and nowhere else, and strided layers fall on the same pixels, so that what is kept equals
    the untiled result. Every kept pixel has `radius` pixels of real context on each side, or the picture's
    border.

    Args:
        side: pixels, a multiple of `multiple`.
        tile: most pixels that one window keeps, context aside (rounded up to a multiple).
    """
    context = round_up(radius, multiple)
    most = round_up(tile, multiple)
    if side <= most + 2 * context:
        return [Span(0, side, 0, side)]
    count = -(-(side - 2 * context) // most)
    # as even as possible: a picture one pixel over the limit must not cost two full windows
    step = round_up(-(-(side - 2 * context) // count), multiple)
    length = step + 2 * context
    result: list[Span] = []
    kept = 0
    while kept < side:
        start = min(max(kept - context, 0), side - length)
        last = side if start + length == side else start + length - context
        result.append(Span(start, start + length, kept, last))
        kept = last
    return result
