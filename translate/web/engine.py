"""What the page does, without the page: uploads in, the engine's own files out."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import TooLarge, TranslateError, UnknownModel
from models.manifest import Manifest
from translate.convert import how, translate_picture
from translate.finish import Finish, finished
from translate.formats.options import EncodingOptions
from translate.images import read_picture, write_picture
from translate.inference.chain import Chain
from translate.picture import Picture
from translate.recognise import recognised
from translate.store import list_models
from translate.web.work import new_place, working_folder

PREVIEW_SIDE = 2048
"""Longest side, in pixels, of what the browser shows; the file to download keeps its size."""


def sentence(error: BaseException) -> str:
    """What the command line says of the error, without the server's folders and options."""
    if isinstance(error, MemoryError):
        return "not enough memory for a picture of this size. Make it smaller."
    text = re.sub(re.escape(str(working_folder())) + r"([\\/]\w+)*[\\/]", "", str(error))
    if isinstance(error, TooLarge):
        text = re.sub(r"[;:,.] [^;:,.]*--max-pixels.*", "", text).rstrip(".") + "; that is this server's limit."
    return text


def as_png(picture: Picture) -> Picture:
    """The same picture, to be written without loss whatever it came from."""
    return EncodingOptions(format="PNG").fit(picture)


@dataclass(frozen=True)
class Result:
    """One translated picture."""

    file: Path
    """Lossless PNG, as the command line would write it."""
    before: Path
    """For the browser: 8-bit PNG of the input at the size of `after`."""
    after: Path
    """For the browser: 8-bit PNG of the result, shrunk to `PREVIEW_SIDE` if it is larger."""
    summary: str
    """Model, device, sizes and seconds in one line."""


class Engine:
    """Opens each model once and translates uploaded pictures with it; thread-safe."""

    def __init__(self, device: str, max_pixels: int) -> None:
        self._device = device
        self._max_pixels = max_pixels
        self._chains: dict[str, Chain] = {}
        self._opening = threading.Lock()

    def models(self) -> dict[str, Manifest]:
        """Installed models that can be used: name -> what they say of themselves."""
        return {model.name: model.manifest for model in list_models() if model.manifest is not None}

    def translate(self, name: str, source: Path) -> Result:
        """Translate one picture file with an installed model.

        Raises:
            TranslateError: unknown model (visitors name models, not files), bad or large picture.
        """
        chain = self._chain(name)
        picture = recognised(as_png(read_picture(source, max_pixels=self._max_pixels)), source.name)
        start = time.perf_counter()
        result = finished(translate_picture(picture, chain), chain, Finish())
        seconds = time.perf_counter() - start

        # A file name holds 255 bytes; the stem gives way.
        stem = source.stem.encode()[:150].decode(errors="ignore")
        file = new_place(f"{stem}_{name}.png")
        write_picture(result, file)
        shown = _fit(result.size)
        return Result(
            file=file,
            before=self._preview(picture, shown),
            after=self._preview(result, shown),
            summary=_summary(chain, picture, result, seconds, shown),
        )

    def preview(self, source: Path) -> Path:
        """A picture file of any kind as a PNG that a browser can show.

        Raises:
            TranslateError: it is no picture, or too large.
        """
        picture = read_picture(source, max_pixels=self._max_pixels)
        return self._preview(picture, _fit(picture.size))

    def _chain(self, name: str) -> Chain:
        with self._opening:
            if name not in self._chains:
                files = {model.name: model.path for model in list_models() if model.manifest is not None}
                if not files:
                    raise TranslateError("no model is installed, so there is nothing to translate with.")
                if name not in files:
                    raise UnknownModel(name, files)
                self._chains[name] = Chain.open([files[name]], self._device, max_pixels=self._max_pixels)
            return self._chains[name]

    def _preview(self, picture: Picture, size: tuple[int, int]) -> Path:
        planes = [picture.color if picture.color.ndim == 3 else picture.color[..., None]]
        if picture.alpha is not None:
            planes.append(picture.alpha[..., None])
        values = np.concatenate(planes, axis=2)
        if values.dtype == np.uint16:
            values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        image = Image.fromarray(values if values.shape[2] > 1 else values[..., 0])
        if image.size != size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        place = new_place("preview.png")
        image.save(place, icc_profile=picture.icc_profile, compress_level=1)
        return place


def _fit(size: tuple[int, int]) -> tuple[int, int]:
    ratio = min(1.0, PREVIEW_SIDE / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _summary(chain: Chain, picture: Picture, result: Picture, seconds: float, shown: tuple[int, int]) -> str:
    sizes = f"{_by(picture.size)} → {_by(result.size)} pixels"
    note = "" if shown == result.size else f" The slider shows {_by(shown)}; the download has all."
    done = f"{chain.name} on {chain.device}: {sizes} in {seconds:.2f} s, {how(picture, chain)}.{note}"
    return " ".join([done, *result.notices])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
