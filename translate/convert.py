"""One picture through a chain of translators: its colour, its alpha, or the data that it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from models.errors import BadPicture, TooLarge
from translate.alpha import bleed, enlarge_alphas, hides_a_picture
from translate.color import in_srgb, leave_profile, space_of
from translate.encode import check_fits
from translate.inference.chain import Chain
from translate.normals import has_empty_blue, packed, vectors, with_z
from translate.picture import Array, Picture

MOST_FRAMES = 32
"""Frames of an animation translated at once: more are no faster."""


def translate_picture(picture: Picture, chain: Chain) -> Picture:
    """Translate a picture, which may be `recognised`; what its file said of it comes along.

    Raises:
        BadPicture: the result would not fit its file format.
        TooLarge: the result would have more pixels than the translators allow.
    """
    return _translate_frames(picture, chain) if picture.frames else translate_pictures([picture], chain)[0]


def _translate_frames(picture: Picture, chain: Chain) -> Picture:
    """Every frame of an animation, as many at once as the networks like."""
    width, height = chain.size_after(*picture.size)
    count = len(picture.frames)
    if count * width * height > chain.max_pixels:
        raise TooLarge(
            f"its {count} frames would have {count * width * height:,} pixels, more than {chain.max_pixels:,}; raise "
            "--max-pixels if it is meant."
        )
    together = min(MOST_FRAMES, chain.together(*picture.size))
    groups = (picture.frames[start : start + together] for start in range(0, count, together))
    frames = tuple(frame for group in groups for frame in translate_pictures(group, chain))
    first = frames[0]
    return picture.replace(
        color=first.color, alpha=first.alpha, icc_profile=first.icc_profile, notices=first.notices, frames=frames
    )


def translate_pictures(pictures: Sequence[Picture], chain: Chain) -> list[Picture]:
    """Translate pictures that are `alike`, in as few calls of the networks as their sizes allow.

    Raises:
        BadPicture, TooLarge: as for a single one.
    """
    pictures = [_prepared(picture, chain) for picture in pictures]
    return _data(pictures, chain) if pictures[0].data else _colours(pictures, chain)


def alike(one: Picture, other: Picture) -> bool:
    """Whether two pictures can be translated together: stills of one size, type, space and role, both with alpha or
    both without."""
    return not one.frames and not other.frames and _sort(one) == _sort(other)


def _sort(picture: Picture) -> tuple[object, ...]:
    return (
        picture.color.shape,
        picture.color.dtype,
        picture.alpha is None,
        picture.icc_profile,
        picture.role,
        picture.wraps,
        picture.alpha_path,
    )


def how(picture: Picture, chain: Chain) -> str:
    """What is done to a picture: a phrase.

    Raises:
        TooLarge: it cannot be.
    """
    words = {
        "colour": (chain.how(*picture.size),),
        "normals": (f"normal map, as vectors{_scaled(chain)}",),
        "data": (f"data, not colour{_scaled(chain)}",),
    }[picture.role]
    axes = " and ".join(axis for axis, wrapped in zip("xy", picture.wraps, strict=True) if wrapped)
    return "; ".join((*words, f"seamless in {axes}") if axes else words)


def _scaled(chain: Chain) -> str:
    drawn = [step.manifest.name for step in chain.steps if step.manifest.task == "super-resolution"]
    return f", each channel by {' + '.join(drawn)}" if drawn else ""


def _prepared(picture: Picture, chain: Chain) -> Picture:
    """In colour if the result will be, or refused if the result could not be written."""
    try:
        check_fits(picture.format, *chain.size_after(*picture.size))
    except BadPicture as error:
        raise BadPicture(f"the result cannot be written: {error}") from None
    if chain.paints_colour and picture.color.ndim == 2 and not picture.data:
        picture = as_rgb(picture)  # another domain has its own colours
    _, trouble = space_of(picture)
    return picture.replace(notices=(*picture.notices, trouble)) if trouble else picture


def as_rgb(picture: Picture) -> Picture:
    """A grey picture in three channels, in sRGB if its profile was for grey."""
    if picture.icc_profile and picture.icc_profile[16:20] == b"GRAY":
        picture = leave_profile(picture)
    return picture.replace(color=np.dstack([picture.color] * 3))


def _colours(pictures: Sequence[Picture], chain: Chain) -> list[Picture]:
    """Pictures whose colours are colours; under their alpha it is bled, unless there is a picture under it."""
    space, _ = space_of(pictures[0])  # alike: all of one
    paint = partial(
        in_srgb,
        space=space,
        paint=partial(chain.batch, wraps=pictures[0].wraps),
        kept=1 - chain.strength if chain.paints else 1.0,
    )
    bled = [_bled(picture) for picture in pictures]
    colors = paint(bled)
    covers = _covers(pictures, chain)
    results = []
    for picture, color, cover, input_color in zip(pictures, colors, covers, bled, strict=True):
        hides = picture.alpha is not None and hides_a_picture(picture.color, picture.alpha)
        if cover is not None and input_color is not picture.color and hides:
            # the colour under the alpha's zeros is part of the picture
            color = color.copy()
            color[cover == 0] = paint([picture.color])[0][cover == 0]
        results.append(picture.replace(color=color, alpha=cover))
    return results


def _bled(picture: Picture) -> Array:
    if picture.alpha is None:
        return picture.color
    if picture.alpha_path == "drop" and hides_a_picture(picture.color, picture.alpha):
        return picture.color
    return bleed(picture.color, picture.alpha == 0, picture.wraps)


def _covers(pictures: Sequence[Picture], chain: Chain) -> list[Array | None]:
    """The alpha of each result."""
    alphas = [picture.alpha for picture in pictures if picture.alpha is not None]
    how = pictures[0].alpha_path
    if not alphas or how == "drop":
        return [None] * len(pictures)
    return [*enlarge_alphas(alphas, chain, how, pictures[0].wraps)]


def _data(pictures: Sequence[Picture], chain: Chain) -> list[Picture]:
    """Normal maps and other data: only enlarged, each channel as if it were a grey picture."""
    results = [_painted_by_none(picture, chain) for picture in pictures]
    wraps = pictures[0].wraps
    if chain.size_after(*pictures[0].size) == pictures[0].size:
        covers = _covers(pictures, chain)
        return [result.replace(alpha=cover) for result, cover in zip(results, covers, strict=True)]
    planes = [plane for picture in pictures for plane in _planes(picture)]
    larger = iter(chain.enlarge(planes, wraps))
    for place, picture in enumerate(pictures):
        color = _joined([next(larger) for _ in _planes(picture)], picture.color.ndim)
        results[place] = results[place].replace(color=_unit(color, picture) if picture.role == "normals" else color)
    covers = _covers(pictures, chain)
    return [result.replace(alpha=cover) for result, cover in zip(results, covers, strict=True)]


def _planes(picture: Picture) -> list[Array]:
    """Its channels, [H, W] each; a grey picture stored in colour has one."""
    color = picture.color
    if color.ndim == 2:
        return [color]
    if (color == color[..., :1]).all():
        return [np.ascontiguousarray(color[..., 0])]
    return [np.ascontiguousarray(color[..., channel]) for channel in range(color.shape[2])]


def _joined(planes: list[Array], axes: int) -> Array:
    if axes == 2:
        return planes[0]
    return np.dstack(planes * (3 if len(planes) == 1 else 1))


def _unit(color: Array, small: Picture) -> Array:
    """Vectors of length 1 again; blue computed where the map left it empty."""
    field = vectors(color)
    return packed(with_z(field) if has_empty_blue(small.color) else field, small.white)


def _painted_by_none(picture: Picture, chain: Chain) -> Picture:
    """The same, with a notice of the models that were left out."""
    painters = [step.manifest.name for step in chain.steps if step.manifest.task != "super-resolution"]
    if picture.role == "normals" and has_empty_blue(picture.color):
        picture = picture.replace(notices=(*picture.notices, "its empty blue channel was computed from the other two"))
    if not painters:
        return picture
    kind = "a normal map" if picture.role == "normals" else "a map of data, by its name"
    left = f"it is {kind} and has no colours to repaint: {' and '.join(painters)} left it as it was"
    return picture.replace(notices=(*picture.notices, left))
