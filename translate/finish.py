"""The last touch to a result before it is written: palette, metadata, mark of origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from translate.color import leave_profile
from translate.indexed import INDEXED_FORMATS, to_palette
from translate.inference.chain import Chain
from translate.metadata import PLACES, fitted, stripped
from translate.picture import Picture
from translate.version import CREATED_BY
from translate.xmp import Mark


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What is done to results; fields as in `RunConfig`."""

    palette: Literal["expand", "keep"] = "expand"
    strip: bool = False
    provenance: bool = True


def finished(picture: Picture, chain: Chain, finish: Finish) -> Picture:
    """A result of `chain` as it is to be written, in the format that it names."""
    if finish.palette == "keep":
        picture = _indexed(picture)
    if picture.format == "GIF" and picture.indices is None:
        picture = picture.replace(notices=(*picture.notices, "it is reduced to 256 colours, as GIF demands"))
    if finish.strip:
        picture = stripped(picture)
    if picture.icc_profile and "icc_profile" not in PLACES.get(picture.format, ()):
        picture = leave_profile(picture).replace(frames=tuple(leave_profile(frame) for frame in picture.frames))
    picture = fitted(picture)
    return picture.replace(mark=mark_of(chain)) if finish.provenance else picture


def mark_of(chain: Chain) -> Mark:
    """What results of a chain say about their origin, in IPTC's words (NewsCodes, digital source type)."""
    source_type = "compositeWithTrainedAlgorithmicMedia" if chain.paints else "algorithmicallyEnhanced"
    return Mark(source_type, f"{CREATED_BY}, model {chain.name}")


def _indexed(picture: Picture) -> Picture:
    palette = picture.palette
    if palette is None:
        return picture
    why = ""
    if picture.frames:
        why = "it is an animation"
    elif picture.format not in INDEXED_FORMATS:
        why = f"{picture.format} has no palettes"
    elif palette.alpha is not None and picture.format not in ("PNG", "GIF"):
        why = f"a {picture.format} cannot be written with transparency in its palette"
    elif picture.color.dtype != np.uint8:
        why = "it has 16 bits"
    if why:
        return picture.replace(notices=(*picture.notices, f"its palette was not kept: {why}"))
    return to_palette(picture, palette)
