"""One picture in memory, and the file formats it may come from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
AlphaPath = Literal["auto", "model", "smooth", "nearest", "drop"]
"""How alpha comes to the result's size: see `RunConfig.alpha`."""
Role = Literal["colour", "normals", "data"]
"""What a picture's values are: colours, the vectors of a normal map, or other numbers (height, gloss, a mask)."""

EXTENSIONS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".tga": "TGA",
    ".bmp": "BMP",
    ".gif": "GIF",
}
"""Extension -> format, by Pillow's names. Folders are searched for these; content decides what a file is."""

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
    """PNG's text chunks, XMP among them: keyword and text."""
    layout: tuple[tuple[str, Any], ...] = ()
    """How the format arranges its pixels (TGA's row order and compression); it is written the same way."""
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
