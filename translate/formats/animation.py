"""Animated GIF, PNG, WebP and AVIF: whole frames out of a file, and whole frames into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from models.errors import BadPicture, TooLarge
from translate.picture import Array, Picture

ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
"""Formats whose further pictures are frames of an animation."""
LOOPS_FOREVER = 0


def is_animated(image: Image.Image) -> bool:
    """Whether Pillow opened an animation; nothing has been decoded yet."""
    return image.format in ANIMATED and int(getattr(image, "n_frames", 1)) > 1


def check_animation(image: ImageFile.ImageFile, max_pixels: int) -> None:
    """Say beforehand whether all frames may be decoded.

    Raises:
        TooLarge: together they have more than `max_pixels`.
        BadPicture: they have more than 8 bits.
    """
    width, height = image.size
    count = int(getattr(image, "n_frames", 1))
    if count * width * height > max_pixels:
        raise TooLarge(
            f"its {count} frames of {width} x {height} have {count * width * height:,} pixels, more than "
            f"{max_pixels:,}; raise --max-pixels if it is meant."
        )
    if image.format == "PNG" and image.tile and ";16" in str(image.tile[0][3]):
        raise BadPicture("an animated PNG with 16 bits a channel cannot be kept faithfully; save it with 8.")


def with_frames(picture: Picture, image: Image.Image) -> Picture:
    """The picture of an animation's beginning with all frames, each as it appears over what came before.

    Args:
        picture: what was decoded of the first; decides whether frames are grey.
        image: the open file.
    """
    count = int(getattr(image, "n_frames", 1))
    # A PNG may begin with a picture for programs that know no animation; it is none of the frames.
    first = 1 if image.format == "PNG" and getattr(image, "default_image", False) else 0
    notices = ("its still picture for programs without animation was not kept",) if first else ()
    pixels, durations = [], []
    for number in range(first, count):
        image.seek(number)
        image.load()
        durations.append(float(image.info.get("duration", 0)))
        pixels.append(np.asarray(image.convert("RGBA")))
    covers = None if all((frame[..., 3] == 255).all() for frame in pixels) else [_cover(frame) for frame in pixels]
    grey = picture.color.ndim == 2 and all(_is_grey(frame) for frame in pixels)
    frames = tuple(
        picture.replace(
            color=np.ascontiguousarray(frame[..., 0] if grey else frame[..., :3]),
            alpha=None if covers is None else covers[number],
        )
        for number, frame in enumerate(pixels)
    )
    return picture.replace(
        color=frames[0].color,
        alpha=frames[0].alpha,
        frames=frames,
        durations=tuple(durations),
        loops=image.info.get("loop"),
        notices=(*picture.notices, *notices),
    )


def _cover(frame: Array) -> Array:
    return np.ascontiguousarray(frame[..., 3])


def _is_grey(frame: Array) -> bool:
    return bool((frame[..., 0] == frame[..., 1]).all() and (frame[..., 0] == frame[..., 2]).all())


def saving(picture: Picture) -> tuple[Image.Image, dict[str, Any]]:
    """The first frame as Pillow's image, and Pillow's options to save all of them with."""
    gif = picture.format == "GIF"
    covered = any(frame.alpha is not None for frame in picture.frames)
    images = [(_indexed if gif else _image)(frame) for frame in picture.frames]
    durations: Sequence[float] = [*picture.durations]
    if picture.format != "PNG":
        durations = _rounded(durations, 10 if gif else 1)
    options: dict[str, Any] = {"save_all": True, "append_images": images[1:], "duration": durations}
    if gif:
        # 2: the place is cleared before the next frame, which is whole; 1: it is simply painted over.
        options |= {"disposal": 2 if covered else 1, "optimize": False}
        if picture.loops is not None:
            options["loop"] = picture.loops
    elif picture.format != "AVIF":  # which has no count of its own
        options["loop"] = LOOPS_FOREVER if picture.loops is None else picture.loops
    if picture.format == "PNG":
        options |= {"disposal": 0, "blend": 0}
    return images[0], options


def _image(frame: Picture) -> Image.Image:
    color, alpha = frame.color, frame.alpha
    return Image.fromarray(color if alpha is None else np.dstack([color, alpha]))


def _indexed(frame: Picture) -> Image.Image:
    """With at most 256 colours, one of them transparent where the frame has alpha."""
    color = frame.color if frame.color.ndim == 3 else np.dstack([frame.color] * 3)
    if frame.alpha is None:
        return Image.fromarray(color).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    hidden = frame.alpha < 128
    if not hidden.all():
        color = color.copy()
        color[hidden] = color[~hidden][0]  # takes no place in the palette
    image = Image.fromarray(color).quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    indices = np.asarray(image).copy()
    indices[hidden] = 255
    palette = (image.getpalette() or [])[: 3 * 255]
    image = Image.frombytes("P", image.size, indices.tobytes())
    image.putpalette(palette + [0] * (768 - len(palette)))
    image.info["transparency"] = 255
    return image


def _rounded(durations: Sequence[float], step: int) -> list[int]:
    """Whole multiples of `step` milliseconds that never drift: each frame ends where it should."""
    ends = [round(float(end) / step) * step for end in np.cumsum(durations)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
