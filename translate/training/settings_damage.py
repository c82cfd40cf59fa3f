"""One entry of the list of degradations: what it is called and how strong it may be. No torch: the settings read it."""

from __future__ import annotations

from dataclasses import dataclass

from models.errors import ConfigError, did_you_mean

RANGES = {
    "blur": (0.05, 8.0),
    "uneven-blur": (0.05, 8.0),
    "resize": (0.1, 4.0),
    "noise": (0.0, 100.0),
    "poisson": (0.05, 8.0),
    "jpeg": (1.0, 100.0),
    "palette": (2.0, 256.0),
}
"""Name -> smallest and largest strength."""


@dataclass(frozen=True)
class Damage:
    """A kind, the strengths that are drawn, and how often."""

    name: str
    low: float = 0.0
    high: float = 0.0
    chance: float = 1.0


def parse_damage(text: str) -> Damage:
    """`NAME LOW HIGH [CHANCE]`, or `shrink`.

    Raises:
        ConfigError: something else.
    """
    name, *words = text.split() or [""]
    if name == "shrink" and not words:
        return Damage("shrink")
    if name not in RANGES:
        known = ["shrink", *RANGES]
        guess = did_you_mean(name, known)
        raise ConfigError(f"--degradations {text!r}: there is no such damage.{guess} Known: {', '.join(known)}.")
    least, most = RANGES[name]
    try:
        low, high, chance = (*map(float, words), 1.0)[:3] if len(words) == 2 else tuple(map(float, words))
    except ValueError:
        raise ConfigError(f"--degradations {text!r}: write '{name} LOW HIGH' or '{name} LOW HIGH CHANCE'.") from None
    if not least <= low <= high <= most or not 0 < chance <= 1:
        raise ConfigError(
            f"--degradations {text!r}: {name} goes from {least:g} to {most:g}, the smaller first, and a chance is "
            "above 0 and at most 1."
        )
    return Damage(name, low, high, chance)
