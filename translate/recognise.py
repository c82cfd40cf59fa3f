"""What a texture is: whether it tiles, and whether its colours are colours or data. By content, and by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from models.errors import ConfigError
from translate.alpha import hides_a_picture
from translate.inference.chain import Chain
from translate.inference.wrapped import NO_WRAPS, Wraps
from translate.normals import looks_like_normals
from translate.picture import AlphaPath, Picture, Role
from translate.seamless import tiles

Seamless = Literal["auto", "both", "x", "y", "off"]
NormalMap = Literal["auto", "on", "off"]

WRAPS: dict[Seamless, Wraps] = {"both": (True, True), "x": (True, False), "y": (False, True), "off": NO_WRAPS}

_END = r"(?:[_\-. ]?(?:gl|dx|opengl|directx))?(?:[_\-. ]?\d+k?)?$"
NORMAL_NAME = re.compile(
    r"(?:[_\-. ](?:n|nm|nrm|nor|norm|normal|normals|nmap|normal_?map|ddn|local|bump)|normals?(?:map)?)" + _END, re.I
)
"""The usual ends of a normal map's name; its content must agree."""
DATA_NAME = re.compile(
    r"[_\-. ](?:spec|specular|gloss|glossiness|smoothness|roughness|metalness|metallic|ao|occlusion|ambientocclusion|"
    r"height|height_?map|disp|displacement|bump|bump_?map|parallax|orm|arm|rma|mrao)" + _END,
    re.I,
)
GREY_DATA_NAME = re.compile(r"[_\-. ](?:mask|metal|rough|opacity|h|s|r|m)" + _END, re.I)
"""Ends that coloured textures have as well: data only if they are grey."""
GREY = 6
"""Most that red, green and blue of a grey picture differ, of 255: JPEG does not keep them apart."""


@dataclass(frozen=True)
class Treatment:
    """How textures are to be treated; fields as in `RunConfig`."""

    alpha: AlphaPath = "auto"
    seamless: Seamless = "auto"
    normal_map: NormalMap = "auto"

    def check(self, chain: Chain) -> None:
        """Before the first picture: whether it makes sense with these models.

        Raises:
            ConfigError: it does not.
        """
        if self.normal_map == "on" and not chain.enlarges:
            raise ConfigError(
                f"--normal-map on: {chain.name} repaints colours, and a normal map has none. Use a super-resolution "
                "model, or --normal-map auto, which leaves normal maps as they are."
            )


def recognised(picture: Picture, name: str = "", treatment: Treatment = Treatment()) -> Picture:
    """A picture with its role and the axes along which it tiles, as the treatment says, or as it looks.

    Args:
        name: of its file; the usual suffixes of normal maps and other data count.
    """
    role = _role(picture, PurePath(name).stem, treatment.normal_map)
    wraps = WRAPS[treatment.seamless] if treatment.seamless != "auto" else tiles(picture.color, picture.alpha)
    frames = tuple(frame.replace(role=role, wraps=wraps, alpha_path=treatment.alpha) for frame in picture.frames)
    return picture.replace(role=role, wraps=wraps, alpha_path=treatment.alpha, frames=frames)


def _role(picture: Picture, stem: str, wanted: NormalMap) -> Role:
    color = picture.color
    if wanted == "off":
        return "colour"
    if wanted == "on":
        return "normals" if color.ndim == 3 else "data"
    if looks_like_normals(color, named=NORMAL_NAME.search(stem) is not None):
        return "normals"
    if DATA_NAME.search(stem) or (GREY_DATA_NAME.search(stem) and _is_grey(picture)):
        return "colour" if _is_covered(picture) else "data"
    return "colour"


def _is_grey(picture: Picture) -> bool:
    color = picture.color
    if color.ndim == 2:
        return True
    spread = color.max(axis=2) - color.min(axis=2)
    return int(spread.max()) <= GREY * picture.white / 255


def _is_covered(picture: Picture) -> bool:
    """Whether alpha hides something, as a sprite's does, and is no data itself."""
    alpha = picture.alpha
    return alpha is not None and bool((alpha == 0).any()) and not hides_a_picture(picture.color, alpha)
