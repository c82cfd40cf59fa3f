"""How to read a foreign network's values: as was said, else as its graph shows, else as a photograph suggests."""

from __future__ import annotations

from dataclasses import dataclass

from translate.config import ImportConfig
from translate.foreign.graph import Range
from translate.foreign.hints import RANGES, Hint, Hints
from translate.foreign.judge import choose, choose_order, readings, run_as
from translate.foreign.network import Batch, Runs, Sizes

GIVEN = "as given"


@dataclass(frozen=True)
class Values:
    """Keys of RANGES, and rgb or bgr (rgb too where there is one channel); with the reason for each."""

    input: Hint
    output: Hint
    order: Hint

    @property
    def given(self) -> Range:
        """Black and white of what the network takes."""
        return RANGES[self.input.value]

    @property
    def taken(self) -> Range:
        """Black and white of what the network gives."""
        return RANGES[self.output.value]

    @property
    def bgr(self) -> bool:
        return self.order.value == "bgr"

    def run(self, network: Runs, picture: Batch) -> Batch:
        """RGB in [0, 1] through the network; black 0, white 1, not cut off there."""
        return run_as(network, picture, self.given, self.taken, bgr=self.bgr)


def find_values(network: Runs, sizes: Sizes, picture: Batch, hints: Hints, config: ImportConfig) -> Values:
    """Decide about each range and the order of channels."""
    usual = "0..1" if sizes.scale > 1 else "-1..1"
    both = _said(config.range)
    first = _said(config.input_range) or both or hints.input_range
    last = _said(config.output_range) or both or hints.output_range
    order = _said(config.channel_order) or hints.order
    if first is None or last is None:
        inputs, outputs = ([hint.value] if hint else [*RANGES] for hint in (first, last))
        bgr = order is not None and order.value == "bgr"
        found = readings(network, picture, sizes.scale, inputs, outputs, bgr=bgr)
        best, reason = choose(found, usual, restores=sizes.scale > 1)
        first, last = first or Hint(best.input, reason), last or Hint(best.output, reason)
    if sizes.channels != 3:
        order = Hint("rgb", "there is nothing to swap")
    if order is None:
        order = choose_order(network, picture, sizes.scale, RANGES[first.value], RANGES[last.value])
    return Values(first, last, order)


def _said(option: str) -> Hint | None:
    return None if option == "guess" else Hint(option, GIVEN)
