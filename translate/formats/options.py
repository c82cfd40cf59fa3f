"""How results are encoded, and a picture made ready for another format before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.errors import BadPicture
from translate.limits import PNG_EFFORT, QUALITY
from translate.picture import EXTENSIONS, OPTIONS, Array, Picture

if TYPE_CHECKING:
    from translate.config import RunConfig

ALPHA = frozenset({"PNG", "WEBP", "TIFF", "TGA", "BMP", "GIF", "AVIF", "DDS", "HEIF"})
DEEP = frozenset({"PNG", "TIFF", "AVIF"})
"""Formats that are written with more than 8 bits."""
ANIMATED = frozenset({"PNG", "WEBP", "GIF", "AVIF"})
LOSSY_ONLY = frozenset({"JPEG", "HEIF"})
MAY_BE_LOSSY = frozenset({"WEBP", "AVIF"})


@dataclass(frozen=True, kw_only=True)
class EncodingOptions:
    """What the user said on how results are written."""

    format: str = ""
    """Pillow's name of the format to write; the picture's own if empty."""
    quality: int = QUALITY
    """Of JPEG, HEIC, lossy WebP and lossy AVIF: 1 to 100."""
    png_effort: int = PNG_EFFORT
    """0 the fastest PNG, 9 the smallest."""
    lossless: bool | None = None
    """Whether WebP and AVIF keep every value; None for what the file did that the picture came from."""

    @classmethod
    def of(cls, config: RunConfig) -> EncodingOptions:
        """Those of a run."""
        return cls(
            format="" if config.format == "same" else EXTENSIONS[OPTIONS[config.format]],
            quality=config.quality,
            png_effort=config.png_effort,
            lossless=True if config.lossless else None,
        )

    def fit(self, picture: Picture) -> Picture:
        """The picture as it will be written: in the format asked for, with notices of what that costs.

        Raises:
            BadPicture: that format cannot hold it; the message is the bare reason.
        """
        if self.lossless is not None and picture.format in MAY_BE_LOSSY:
            picture = picture.replace(lossless=self.lossless)
        if self.format in ("", picture.format):
            return picture
        return self._into(picture, self.format)

    def _into(self, picture: Picture, form: str) -> Picture:
        notices = picture.notices
        if picture.frames and form not in ANIMATED:
            notices += (f"only the first of its {len(picture.frames)} pictures was converted: {form} has no animation",)
            picture = picture.replace(frames=(), durations=())
        if picture.alpha is not None and form not in ALPHA and picture.alpha_path != "drop":
            if (picture.alpha != picture.white).any():
                raise BadPicture(
                    f"it has alpha, which {form} cannot hold; choose --format png, webp or avif, or --alpha drop."
                )
            picture = picture.replace(alpha=None)
        if picture.color.dtype == np.uint16 and form not in DEEP:
            notices += (f"its 16 bits a channel became 8, which is all that {form} has",)
            picture = picture.replace(
                color=to_8_bits(picture.color), alpha=None if picture.alpha is None else to_8_bits(picture.alpha)
            )
        if picture.color.dtype == np.uint16 and form == "AVIF":
            notices += ("its 16 bits a channel became 12, which is all that AVIF has",)
        lossless = form not in LOSSY_ONLY and (self.lossless or form not in MAY_BE_LOSSY or picture.lossless)
        frames = tuple(frame.replace(format=form, lossless=lossless, layout=()) for frame in picture.frames)
        return picture.replace(format=form, lossless=lossless, layout=(), frames=frames, notices=notices)


def to_8_bits(values: Array) -> Array:
    """Of uint16, rounded."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


DEFAULT = EncodingOptions()
