"""Colour profiles: pixels of any RGB or grey space to sRGB, which is what networks know, and back.

Relative colorimetric: colours that both spaces have stay the same, which a picture that goes there and back needs;
a perceptual table would move all of them, twice. Black point compensation changes nothing for spaces of curves and a
matrix (their black is 0) and is on for the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from translate.icc import LEVELS, SRGB_COLORANTS, BadProfile, Profile, read_profile
from translate.lcms import Lattice
from translate.picture import Array, Picture

BLOCK = 1 << 20
"""Pixels that are converted at a time, so that what is needed in between stays small."""
SAME = 1.5 / 255
"""A profile that never differs more than this from sRGB is sRGB: makers round its primaries differently, which moves
its most saturated colours by about a level of 8 bits."""
LEAST_LOSS = 16 / 65535
"""What going there and back may change before it is worth carrying over; rounding stays below it."""


class Space(Protocol):
    """A colour space that can be left for sRGB and entered again; uint16 [H, W] or [H, W, 3] on both sides."""

    def to_srgb(self, pixels: Array) -> Array: ...

    def from_srgb(self, pixels: Array) -> Array: ...


def in_srgb(
    colors: Sequence[Array], space: Space | None, paint: Callable[[list[Array]], list[Array]], kept: float = 1.0
) -> list[Array]:
    """Pictures of one shape, type and colour space through something that knows sRGB only.

    What sRGB cannot say (colours outside of it) is taken out before and, enlarged, put back behind.

    Args:
        colors: [H, W] or [H, W, 3], uint8 or uint16, in `space`; None is sRGB: they are painted as they are.
        paint: makes pictures of pictures; gets uint16.
        kept: how much of what sRGB cannot say is put back: 1 where the colours are to stay, 0 where `paint` makes
            its own.
    Returns:
        In `space`, of the type that came in.
    """
    if space is None:
        return paint(list(colors))
    wide = [_to_16(color) for color in colors]
    inside = [_by_blocks(space.to_srgb, pixels) for pixels in wide]
    lost = [_lost(space, pixels, seen) if kept else None for pixels, seen in zip(wide, inside, strict=True)]
    made = paint(inside)
    del inside, wide
    return [_back(space, new, loss, kept, color.dtype) for new, loss, color in zip(made, lost, colors, strict=True)]


def _lost(space: Space, pixels: Array, seen: Array) -> Array | None:
    """What of the pixels does not survive sRGB, float32 of [-1, 1]; None if nothing that matters."""
    loss = (pixels.astype(np.float32) - _by_blocks(space.from_srgb, seen)) / (LEVELS - 1)
    return loss if np.abs(loss).max() > LEAST_LOSS else None


def _back(space: Space, pixels: Array, loss: Array | None, kept: float, dtype: np.dtype) -> Array:
    result = np.empty(pixels.shape, dtype)
    for rows in _blocks(pixels.shape):
        block = space.from_srgb(pixels[rows])
        if loss is not None:
            more = kept * (LEVELS - 1) * _rows_at(loss, pixels.shape[:2], rows)
            block = np.clip(block + more, 0, LEVELS - 1).round().astype(np.uint16)
        result[rows] = _from_16(block, dtype)
    return result


def _rows_at(plane: Array, shape: tuple[int, ...], rows: slice) -> Array:
    """Some rows of a picture enlarged to `shape`, linearly, without making all of it."""
    height, width = plane.shape[:2]
    if (height, width) == shape:
        return plane[rows]
    place = ((np.arange(rows.start, rows.stop) + 0.5) * height / shape[0] - 0.5).clip(0, height - 1)
    upper = place.astype(int)
    share = (place - upper).astype(np.float32).reshape(-1, *[1] * (plane.ndim - 1))
    mixed = plane[upper] * (1 - share) + plane[np.minimum(upper + 1, height - 1)] * share
    wide: Array = cv2.resize(mixed, (shape[1], len(mixed)), interpolation=cv2.INTER_LINEAR)
    return wide


def _to_16(pixels: Array) -> Array:
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * 257


def _from_16(pixels: Array, dtype: np.dtype) -> Array:
    return pixels if dtype == np.uint16 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, BLOCK // shape[1])
    return (slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def _by_blocks(convert: Callable[[Array], Array], pixels: Array) -> Array:
    result = np.empty(pixels.shape, np.uint16)
    for rows in _blocks(pixels.shape):
        result[rows] = convert(pixels[rows])
    return result


def space_of(picture: Picture) -> tuple[Space | None, str]:
    """The colour space of a picture, None where its pixels are (or are taken as) sRGB or data; and what to tell."""
    if not picture.icc_profile or picture.data:
        return None, ""
    try:
        space, kind = _space(picture.icc_profile)
    except BadProfile as error:
        return None, f"its colour profile cannot be used ({error}): its pixels were taken as sRGB, the profile was kept"
    wanted = "GRAY" if picture.color.ndim == 2 else "RGB"
    if kind != wanted:
        return None, f"its colour profile is for {kind} pixels: they were taken as sRGB, the profile was kept"
    return space, ""


def leave_profile(picture: Picture) -> Picture:
    """The picture in sRGB, without its profile; colours outside of sRGB become the nearest on its border."""
    space, trouble = space_of(picture)
    if space is None:
        why = ("its colour profile, which cannot be used, was not kept",) if trouble else ()
        return picture.replace(icc_profile=None, notices=(*picture.notices, *why))
    color = _from_16(_by_blocks(space.to_srgb, _to_16(picture.color)), picture.color.dtype)
    notices = (*picture.notices, "its colours were converted to sRGB: there is no place for its colour profile")
    return picture.replace(color=color, icc_profile=None, notices=notices)


@functools.lru_cache(maxsize=8)
def _space(data: bytes) -> tuple[Space | None, str]:
    """The space that a profile describes (None: sRGB) and its kind of pixels.

    Raises:
        BadProfile: damaged, or of another kind.
    """
    profile = read_profile(data)
    if profile.kind not in ("RGB", "GRAY"):
        return None, profile.kind
    space: Space = Lattice.of(data) if profile.tables else Curves.of(profile)
    steps = np.linspace(0, LEVELS - 1, 9).round().astype(np.uint16)
    every = (
        steps[:, None] if profile.kind == "GRAY" else np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    )
    moved = np.abs(space.to_srgb(every).astype(int) - every).max() / (LEVELS - 1)
    return (None if moved <= SAME else space), profile.kind


@dataclass(frozen=True, eq=False)
class Curves:
    """A space by one curve a channel and, for RGB, a matrix: nearly all profiles that pictures carry."""

    light: tuple[Array, ...]
    """A value, 0 to 65535 -> light, float32 of [0, 1]; one for all channels or one for each."""
    value: tuple[Array, ...]
    """Square root of light, 0 to 65535 -> value, uint16. The root spreads the dark, where values are dense."""
    to_srgb_light: Array | None
    """[3, 3], light here -> light of sRGB; None for grey."""

    @classmethod
    def of(cls, profile: Profile) -> Curves:
        if profile.colorants is None:
            return cls((profile.curves[0],), (_inverse(profile.curves[0]),), None)
        matrix = np.linalg.inv(SRGB_COLORANTS) @ profile.colorants
        curves = profile.curves
        if all(np.array_equal(curve, curves[0]) for curve in curves):
            curves = curves[:1]
        return cls(curves, tuple(map(_inverse, curves)), matrix.astype(np.float32))

    def to_srgb(self, pixels: Array) -> Array:
        light = _looked_up(self.light, pixels)
        if self.to_srgb_light is not None:
            light = cv2.transform(light, self.to_srgb_light)
        return _looked_up((_srgb_value(),), _root(light))

    def from_srgb(self, pixels: Array) -> Array:
        light = _looked_up((_srgb_light(),), pixels)
        if self.to_srgb_light is not None:
            light = cv2.transform(light, np.linalg.inv(self.to_srgb_light))
        return _looked_up(self.value, _root(light))


def _root(light: Array) -> Array:
    clipped: Array = cv2.sqrt(light.clip(0, 1)) * (LEVELS - 1) + 0.5
    return clipped.astype(np.uint16).reshape(light.shape)


def _looked_up(tables: tuple[Array, ...], pixels: Array) -> Array:
    """One table for all channels, or one for each."""
    if len(tables) == 1:
        return tables[0][pixels]
    return np.stack([table[pixels[..., channel]] for channel, table in enumerate(tables)], axis=-1)


def _inverse(light: Array) -> Array:
    root = np.linspace(0, 1, LEVELS)
    value: Array = np.interp(root**2, light, np.arange(LEVELS)).round().astype(np.uint16)
    return value


@functools.cache
def _srgb_light() -> Array:
    """sRGB's curve (IEC 61966-2-1)."""
    value = np.linspace(0, 1, LEVELS)
    light: Array = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


@functools.cache
def _srgb_value() -> Array:
    return _inverse(_srgb_light())
