"""Translators one after the other, as one: what pictures are put through, whoever asks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ConfigError
from models.manifest import Manifest
from translate.inference.detail import carry_detail, shrink
from translate.inference.light import mix
from translate.inference.memory import MIN_MEMORY
from translate.inference.translator import Translator
from translate.inference.wrapped import NO_WRAPS, Surroundings, Wraps
from translate.limits import MAX_PIXELS, MIN_TILE, TILE

CUBIC_REACH = 4
"""Pixels around a place that bicubic interpolation reads, and some more."""
Array = NDArray[Any]
WorkSize = Literal["auto", "full"] | int


class Translates(Protocol):
    """What is needed of a step: `Translator` is one."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def device(self) -> str: ...

    @property
    def why(self) -> str: ...

    def batch(self, pictures: Sequence[Array], /) -> list[Array]:
        """[H, W] or [H, W, C] to the same, `manifest.scale` times larger, of the same type; all of one shape."""

    def together(self, height: int, width: int) -> int:
        """How many pictures of that size are best computed at once."""

    def how(self, height: int, width: int) -> str:
        """How a picture of that size is computed: a phrase."""


@dataclass(frozen=True)
class Chain:
    """One or more translators, and how far they go. May be called from several threads at once.

    Raises:
        ConfigError: a strength outside [0, 1], a scale or a work size that these models cannot give.
    """

    steps: tuple[Translates, ...]
    size: WorkSize = "auto"
    """Long side, in pixels, at which translations are painted: the one that each model was trained for (auto), the
    picture's own (full), or so many. Larger pictures are shrunk to it, and their detail is carried over."""
    strength: float = 1.0
    """1 is the result, 0 the picture; between them the two are mixed in linear light."""
    scale: float | None = None
    """Side of the result / side of the picture; None for what the models give. The result is shrunk to it."""
    max_pixels: int = MAX_PIXELS
    """Most pixels of all frames of an animated result together; each step has its own limit of one picture."""

    @classmethod
    def open(
        cls,
        models: Sequence[str | Path],
        device: str = "auto",
        *,
        precision: str = "auto",
        tile: int = TILE,
        statistics: Literal["auto", "exact", "thumbnail"] = "auto",
        memory: int | None = None,
        max_pixels: int = MAX_PIXELS,
        size: WorkSize = "auto",
        strength: float = 1.0,
        scale: float | None = None,
    ) -> Chain:
        """Open models by name or path; arguments as for `Translator.open` and as the fields say.

        Raises:
            TranslateError: as `Translator.open`; ConfigError as above.
        """
        opened: dict[str | Path, Translator] = {}
        for model in models:
            if model not in opened:
                opened[model] = Translator.open(
                    *(model, device),
                    precision=precision,
                    tile=tile,
                    statistics=statistics,
                    memory=memory,
                    max_pixels=max_pixels,
                )
        return cls(tuple(opened[model] for model in models), size, strength, scale, max_pixels)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ConfigError("no model: name one with -m.")
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"--strength {self.strength} is a share, 0 to 1.")
        if self.scale is not None and not 0 < self.scale <= self._factor:
            raise ConfigError(
                f"{self.name} makes pictures {self._factor} times as large; --scale {self.scale:g} is not between 0 "
                "and that. Name a model twice, -m NAME -m NAME, to enlarge further."
            )
        if self.size != "auto":
            if all(step.manifest.task == "super-resolution" for step in self.steps):
                raise ConfigError(
                    f"{self.name} enlarges every pixel; --size is for models that translate. "
                    "For a result of another size use --scale."
                )
            if self.size != "full" and self.size < 16:
                raise ConfigError(f"--size {self.size} is too small; use 16 or more pixels, or full.")

    @property
    def name(self) -> str:
        """Names of the models, joined."""
        return " + ".join(step.manifest.name for step in self.steps)

    @property
    def device(self) -> str:
        """What it runs on, for people; each device once."""
        return ", ".join(dict.fromkeys(step.device for step in self.steps))

    @property
    def why(self) -> str:
        """Why it runs there: a sentence."""
        if len(self.steps) == 1:
            return self.steps[0].why
        said = {step.manifest.name: step.why for step in self.steps if step.why}
        return " ".join(f"{name}: {why}" for name, why in said.items())

    @property
    def paints_colour(self) -> bool:
        """Whether a grey picture becomes a coloured one."""
        return any(step.manifest.task == "translation" and step.manifest.channels == 3 for step in self.steps)

    @property
    def paints(self) -> bool:
        """Whether it makes colours of its own, in place of those that the picture has."""
        return any(step.manifest.task == "translation" for step in self.steps)

    @property
    def enlarges(self) -> bool:
        """Whether one of the models draws what is there at more pixels, which serves data as well as colours."""
        return any(step.manifest.task == "super-resolution" for step in self.steps)

    @property
    def _factor(self) -> int:
        return math.prod(step.manifest.scale for step in self.steps)

    def size_after(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the result, in pixels."""
        factor = self._factor if self.scale is None else self.scale
        return max(1, round(width * factor)), max(1, round(height * factor))

    def __call__(self, picture: Array) -> Array:
        """Translate one picture: `batch` of one."""
        return self.batch([picture])[0]

    def batch(self, pictures: Sequence[Array], wraps: Wraps = NO_WRAPS) -> list[Array]:
        """Translate pictures of one shape and type.

        Args:
            pictures: [H, W, C] or [H, W] of uint8, uint16 or float32 in [0, 1].
            wraps: along which axes they tile, as the results then do.
        Returns:
            The same type, as large as `size_after` says.
        Raises:
            BadPicture, TooLarge, DeviceError: as `Translator`.
        """
        results = list(pictures)
        for step in self.steps:
            longest = max(results[0].shape[:2])
            factor = self._side(step, *results[0].shape[:2]) / longest
            around = Surroundings.needed(wraps, step.manifest.radius, step.manifest.multiple, factor)
            wide = [around.added(result) for result in results]
            side = round(max(wide[0].shape[:2]) * factor)
            smalls = [shrink(result, side, step.manifest.multiple) for result in wide]
            made = step.batch(smalls)
            results = [
                around.removed(new if small is result else carry_detail(result, small, new), step.manifest.scale)
                for result, small, new in zip(wide, smalls, made, strict=True)
            ]
        return [self._finish(picture, result, wraps) for picture, result in zip(pictures, results, strict=True)]

    def enlarge(self, planes: Sequence[Array], wraps: Wraps = NO_WRAPS, *, drawn: bool = True) -> list[Array]:
        """Planes of data, such as alpha, at the size of the result: only what enlarges is applied to them.

        Args:
            planes: [H, W] each, of one shape and type.
            wraps: as for `batch`.
            drawn: by the models; else interpolated.
        """
        results = list(planes)
        for step in self.steps:
            if step.manifest.task == "super-resolution" and drawn:
                around = Surroundings.needed(wraps, step.manifest.radius, step.manifest.multiple, 1)
                made = step.batch([around.added(result) for result in results])
                results = [around.removed(new, step.manifest.scale) for new in made]
            elif step.manifest.scale > 1:
                results = [tiled_resized(result, step.manifest.scale, wraps) for result in results]
        width, height = self.size_after(planes[0].shape[1], planes[0].shape[0])
        return [resized(result, width, height) for result in results]

    def together(self, width: int, height: int) -> int:
        """How many pictures of that size are best translated in one batch."""
        counts = []
        for step in self.steps:
            counts.append(step.together(height, width))
            height, width = height * step.manifest.scale, width * step.manifest.scale
        return min(counts)

    def smaller(self) -> Chain | None:
        """The same in tiles half as large, in half the memory; None if they are the smallest already."""
        steps = tuple(
            replace(step, tile=max(MIN_TILE, step.tile // 2), memory=max(MIN_MEMORY, step.memory // 2))
            if isinstance(step, Translator)
            else step
            for step in self.steps
        )
        return None if steps == self.steps else replace(self, steps=steps)

    def how(self, width: int, height: int) -> str:
        """What is done to a picture of that size: a phrase."""
        said = []
        for step in self.steps:
            side = self._side(step, height, width)
            factor = min(1.0, side / max(height, width))
            high, wide = (max(1, round(length * factor)) for length in (height, width))
            painted = f"painted at {wide} x {high}, detail of the original carried over, " if factor < 1 else ""
            who = f"{step.manifest.name}: " if len(self.steps) > 1 else ""
            said.append(f"{who}{painted}{step.how(high, wide)}")
            height, width = height * step.manifest.scale, width * step.manifest.scale
        if self.scale not in (None, self._factor):
            said.append(f"shrunk to {self.scale:g} times the size")
        if self.strength < 1:
            said.append(f"mixed {self.strength:.0%} to the original")
        return "; ".join(said)

    def _side(self, step: Translates, height: int, width: int) -> int:
        """The long side at which a step computes a picture."""
        longest = max(height, width)
        if step.manifest.task == "super-resolution" or step.manifest.scale > 1 or self.size == "full":
            return longest
        return min(longest, (step.manifest.work_size or longest) if self.size == "auto" else self.size)

    def _finish(self, picture: Array, result: Array, wraps: Wraps) -> Array:
        width, height = self.size_after(picture.shape[1], picture.shape[0])
        result = resized(result, width, height)
        if self.strength == 1:
            return result
        if any(wraps):
            picture = tiled_resized(picture, self._factor, wraps)
        return mix(resized(picture, width, height), result, self.strength)


def tiled_resized(picture: Array, factor: int, wraps: Wraps) -> Array:
    """Enlarged by a whole factor, bicubic; tiling where the picture does."""
    around = Surroundings(CUBIC_REACH * wraps[0], CUBIC_REACH * wraps[1])
    wide = around.added(picture)
    return around.removed(resized(wide, wide.shape[1] * factor, wide.shape[0] * factor), factor)


def resized(picture: Array, width: int, height: int) -> Array:
    """A picture at another size, [H, W] or [H, W, C]: areas averaged where it shrinks, bicubic where it grows."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    result: Array = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    if result.dtype == np.float32:
        result = result.clip(0, 1)
    return result.reshape(height, width, *picture.shape[2:])  # OpenCV drops an axis of one channel
