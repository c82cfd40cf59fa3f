"""Pictures and a stand-in translator for the tests."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from models.manifest import Manifest
from translate.inference.chain import Chain

FORMATS = ["PNG", "JPEG", "TIFF", "TGA", "BMP", "GIF", "WEBP"]
LOSSLESS = {"PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "TGA": ".tga", "WEBP": ".webp"}
DEEP = [("PNG", np.uint16), ("TIFF", np.uint16)]
RANDOM = np.random.default_rng(0)


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


class Enlarge:
    """A translator that repeats pixels, or interpolates like a network does."""

    device = "test"
    why = ""

    def __init__(self, scale: int = 4, task: Any = "super-resolution", smooth: bool = False) -> None:
        self.manifest = Manifest(name="enlarge", task=task, source="a", target="b", generator="none", scale=scale)
        self.smooth = smooth
        self.seen: list[Any] = []

    def batch(self, pictures: Any, /) -> Any:
        return [self.translated(picture) for picture in pictures]

    def together(self, height: int, width: int) -> int:
        return 1

    def translated(self, picture: Any) -> Any:
        self.seen.append(picture)
        scale = self.manifest.scale
        if self.smooth:
            return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        return picture.repeat(scale, 0).repeat(scale, 1)

    def how(self, height: int, width: int) -> str:
        return "in one piece"


def enlarging(*arguments: Any, **options: Any) -> Chain:
    return Chain((Enlarge(*arguments, **options),))


def encoded(form: str, dtype: type = np.uint8) -> bytes:
    buffer = io.BytesIO()
    if dtype == np.uint16:
        return bytes(cv2.imencode(".png", noise(64, 64, 3, dtype=dtype))[1])
    Image.fromarray(noise(64, 64, 3)).save(buffer, format=form)
    return buffer.getvalue()
