"""One picture in memory, and the file formats it may come from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from models.errors import TooLarge

if TYPE_CHECKING:
    from translate.indexed import Palette
    from translate.xmp import Mark

Array = npt.NDArray[Any]
AlphaPath = Literal["auto", "model", "smooth", "nearest", "drop"]
"""How alpha comes to the result's size: see `RunConfig.alpha`."""
Role = Literal["colour", "normals", "data"]
"""What a picture's values are: colours, the vectors of a normal map, or other numbers (height, gloss, a mask)."""

EXTENSIONS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".tga": "TGA",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".apng": "PNG",
    ".avif": "AVIF",
    ".dds": "DDS",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
"""Extension -> format, by Pillow's names. Folders are searched for these; content decides what a file is."""

OPTIONS = {
    "png": ".png",
    "jpeg": ".jpg",
    "webp": ".webp",
    "avif": ".avif",
    "tiff": ".tif",
    "tga": ".tga",
    "bmp": ".bmp",
    "gif": ".gif",
    "dds": ".dds",
    "heic": ".heic",
}
"""What `--format` may be -> the extension that its results get."""

FORMATS = tuple(dict.fromkeys(EXTENSIONS.values()))
KNOWN = ", ".join(FORMATS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One picture in memory, with all that its file said of it.

    Shapes: color [H, W] (grey) or [H, W, 3] (RGB); alpha [H, W] or None; both uint8, or both uint16.
    """

    color: Array
    alpha: Array | None = None
    format: str = "PNG"
    """Pillow's name of the file format that it came from and is written in."""
    lossless: bool = True
    """Whether the file kept every value; decides how WebP is written."""
    icc_profile: bytes | None = None
    exif: bytes | None = None
    """EXIF block, without the orientation (it has been applied) and the thumbnail."""
    dpi: tuple[float, float] | None = None
    color_space: tuple[tuple[bytes, bytes], ...] = ()
    """PNG's chunks on what its values mean (gAMA, sRGB and others), as they are: name and content."""
    comment: bytes | None = None
    """Comment of a JPEG or GIF."""
    texts: tuple[tuple[str, str], ...] = ()
    """PNG's text chunks: keyword and text."""
    xmp: bytes | None = None
    """XMP packet as it was read; orientation and size in it are set when it is written."""
    iptc: bytes | None = None
    """IPTC-IIM records of a JPEG or TIFF."""
    mark: Mark | None = None
    """What is to be said about its origin; goes into the XMP."""
    palette: Palette | None = None
    """The palette that its file had."""
    indices: Array | None = None
    """[H, W] uint8: entries of `palette` that `color` and `alpha` are made of. If it is there, it is written."""
    layout: tuple[tuple[str, Any], ...] = ()
    """How the format arranges its pixels (TGA's row order and compression, a DDS header); it is written so again."""
    frames: tuple[Picture, ...] = ()
    """Every frame of an animation as it appears, in order, the first among them; empty for a still picture."""
    durations: tuple[float, ...] = ()
    """How long each frame is shown, in milliseconds."""
    loops: int | None = None
    """How often an animation is played; 0 for ever; None once, where the file does not say."""
    notices: tuple[str, ...] = ()
    """What could not be kept, in words for the user."""
    role: Role = "colour"
    wraps: tuple[bool, bool] = (False, False)
    """Whether it tiles in x, in y: beyond its border it goes on with its other side."""
    alpha_path: AlphaPath = "auto"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.color.shape[1], self.color.shape[0]

    @property
    def data(self) -> bool:
        """Whether its values are no colours: no colour management, no blending by cover."""
        return self.role != "colour"

    @property
    def white(self) -> int:
        """Largest value: 255 or 65535."""
        return int(np.iinfo(self.color.dtype).max)

    def replace(self, **changes: Any) -> Picture:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Hold what a header announces to the limit.

    Raises:
        TooLarge: it is beyond.
    """
    if width * height > max_pixels:
        raise TooLarge(
            f"it has {width} x {height} = {width * height:,} pixels, more than {max_pixels:,}; "
            "raise --max-pixels if it is meant."
        )
