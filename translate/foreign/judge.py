"""Which values a foreign network takes and gives, judged by what it makes of a photograph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from translate.foreign.graph import Range
from translate.foreign.hints import RANGES, Hint
from translate.foreign.network import Batch, Runs

CLEARLY_DB = 1.0
"""By so much must another reading be nearer to the photograph than the usual one, to be preferred."""
ALIKE_DB = 18.0
"""A result this near to its photograph shows the same thing, whatever its colours."""


@dataclass(frozen=True)
class Reading:
    """One way to read a network's values, and what came of it."""

    input: str
    """Key of RANGES."""
    output: str
    db: float
    """PSNR of the result, shrunk to the photograph's size, against the photograph; values beyond 0..1 count."""
    outside: float
    """Share of the result's values beyond 0..1."""
    contrast: float
    """Between the 5th and the 95th percentile of the result, of 1."""


def readings(
    network: Runs, picture: Batch, scale: int, inputs: list[str], outputs: list[str], *, bgr: bool = False
) -> list[Reading]:
    """Run a photograph through the network in each way."""
    found = []
    for given in inputs:
        raw = run_as(network, picture, RANGES[given], (0.0, 1.0), bgr=bgr)
        for taken in outputs:
            low, high = RANGES[taken]
            result = (raw - np.float32(low)) / np.float32(high - low)
            found.append(
                Reading(
                    given,
                    taken,
                    psnr(shrunk(result, scale), picture),
                    float(((result < -0.02) | (result > 1.02)).mean()),
                    float(np.percentile(result, 95) - np.percentile(result, 5)),
                )
            )
    return found


def choose(found: list[Reading], usual: str, *, restores: bool) -> tuple[Reading, str]:
    """The likeliest reading and the reason, in words.

    Where results resemble their photographs, the nearest one wins, the usual one with CLEARLY_DB ahead. Where
    they do not, the one whose results fill their range without leaving it, ranges in and out alike.

    Args:
        usual: the range that most networks of this task have.
        restores: the network's results should resemble their photographs, as enlargements do.
    """
    nearest = max(found, key=lambda reading: reading.db)
    default = [reading for reading in found if (reading.input, reading.output) == (usual, usual)]
    if nearest.db >= ALIKE_DB:
        best = default[0] if default and default[0].db > nearest.db - CLEARLY_DB else nearest
        ranked = sorted((reading for reading in found if reading is not best), key=lambda reading: -reading.db)
        rivals = [f"{reading.input} to {reading.output} {reading.db:.1f}" for reading in ranked[:2]]
        return best, "; ".join([f"read so, the result is {best.db:.1f} dB from the photograph", *rivals])
    if restores and default:
        return default[0], "as most have it; no other reading gives anything like the photograph"

    def plausible(reading: Reading) -> float:
        alike = 0.25 * (reading.input == reading.output) + 0.05 * (reading.output == usual)
        return (1 - reading.outside) * min(reading.contrast, 0.5) + alike

    best = max(found, key=plausible)
    spread = f"{1 - best.outside:.0%} of the result's values lie within the range, and span {best.contrast:.0%} of it"
    return best, f"read so, {spread}"


def choose_order(network: Runs, picture: Batch, scale: int, given: Range, taken: Range) -> Hint:
    """Whether red or blue comes first, by which of both gives the better picture; red where it makes no difference."""
    rgb, bgr = (
        psnr(shrunk(run_as(network, picture, given, taken, bgr=swap), scale), picture) for swap in (False, True)
    )
    if max(rgb, bgr) >= ALIKE_DB and bgr > rgb + CLEARLY_DB:
        return Hint("bgr", f"with blue first the result is {bgr:.1f} dB from the photograph, with red first {rgb:.1f}")
    if max(rgb, bgr) < ALIKE_DB:
        return Hint("rgb", "as most have it; the photograph does not tell")
    return Hint("rgb", f"as most have it; red first {rgb:.1f} dB from the photograph, blue first {bgr:.1f}")


def complaints(result: Batch, again: Batch, picture: Batch, scale: int, *, restores: bool) -> list[str]:
    """What looks wrong with a result in [0, 1], RGB, before it is cut off there.

    Args:
        again: the result of a second run.
        restores: whether it should show what the picture shows, in its colours.
    """
    if not np.isfinite(result).all():
        return ["the result holds values that are not numbers"]
    found = []
    if float(np.abs(result - again).max()) > 1e-3:
        found.append("the same picture gave two different results: something within the network is random")
    seen = result.clip(0, 1)
    outside = float(((result < -0.1) | (result > 1.1)).mean())
    if outside > 0.2:
        found.append(f"{outside:.0%} of its values lie beyond black and white: is the output range right?")
    if float(seen.std(axis=(2, 3)).max()) < 0.01:
        return [*found, "the result is one flat colour: is the input range right?"]
    if _roughness(seen) > 0.9:
        found.append("the result looks like noise")
    small = shrunk(seen, scale)
    likeness = _correlation(small, picture)
    swapped = psnr(small[:, ::-1], picture) if picture.shape[1] == 3 else 0.0
    if swapped > max(ALIKE_DB, psnr(small, picture) + CLEARLY_DB):
        found.append("red and blue look swapped in the result; is the --channel-order right?")
    elif likeness < -0.5:
        found.append(f"the result looks like a negative of the photograph (correlation {likeness:.2f})")
    elif restores and likeness < 0.5:
        found.append(f"the result does not look like the photograph (correlation {likeness:.2f})")
    return found


def shrunk(result: Batch, scale: int) -> Batch:
    """[N, C, scale * H, scale * W] -> [N, C, H, W], by means of squares."""
    n, c, h, w = result.shape
    small: Batch = result.reshape(n, c, h // scale, scale, w // scale, scale).mean(axis=(3, 5))
    return small


def psnr(one: Batch, other: Batch) -> float:
    """In dB, of values in [0, 1]."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return float(-10 * np.log10(max(error, 1e-12))) if np.isfinite(error) else -np.inf


def run_as(network: Runs, picture: Batch, given: Range, taken: Range, *, bgr: bool) -> Batch:
    """RGB in [0, 1] through the network with its own ranges and order -> RGB, black 0, white 1, not cut off there."""
    low, high = given
    swapped = picture[:, ::-1] if bgr else picture
    raw = network.run(np.ascontiguousarray(swapped * np.float32(high - low) + np.float32(low)))
    low, high = taken
    return ((raw[:, ::-1] if bgr else raw) - np.float32(low)) / np.float32(high - low)


def _roughness(result: Batch) -> float:
    """Differences of neighbours against those of pixels drawn at random: 1 for noise, small for pictures."""
    near = float(np.abs(np.diff(result, axis=3)).mean())
    values = result.reshape(-1)
    far = float(np.abs(values - np.random.default_rng(0).permutation(values)).mean())
    return near / max(far, 1e-9)


def _correlation(one: Batch, other: Batch) -> float:
    if min(float(one.std()), float(other.std())) < 1e-6:
        return 0.0
    return float(np.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1])
