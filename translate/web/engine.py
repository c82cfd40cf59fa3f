"""What the page does, without the page: uploads in, the engine's own files out."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import BadPicture, TooLarge, TranslateError, UnknownModel
from translate.config import AppConfig, RunConfig
from translate.convert import how, translate_picture
from translate.finish import Finish, finished
from translate.formats.options import EncodingOptions
from translate.images import read_picture, write_picture
from translate.inference.chain import Chain
from translate.inference.translator import Translator
from translate.picture import Picture
from translate.recognise import Treatment, recognised
from translate.store import InstalledModel, list_models
from translate.web.options import Options, result_name
from translate.web.turns import Job, Turns, polite
from translate.web.work import new_place, working_folder

PREVIEW_SIDE = 2048
"""Longest side, in pixels, of what the browser shows; the file to download keeps its size."""
MODELS_OPEN = 4
"""Models in memory at most; the one that was used longest ago makes room."""


def sentence(error: BaseException) -> str:
    """What the command line says of the error, without the server's folders and options."""
    if isinstance(error, MemoryError):
        return "not enough memory for a picture of this size. Make it smaller."
    text = re.sub(re.escape(str(working_folder())) + r"([\\/]\w+)*[\\/]", "", str(error))
    if isinstance(error, TooLarge):
        text = re.sub(r"[;:,.] [^;:,.]*--max-pixels.*", "", text).rstrip(".") + "; that is this server's limit."
    return text


@dataclass(frozen=True)
class Result:
    """One translated picture."""

    file: Path
    """As the command line would write it."""
    before: Path
    """For the browser: 8-bit PNG of the input at the size of `after`."""
    after: Path
    """For the browser: 8-bit PNG of the result, shrunk to `PREVIEW_SIDE` if it is larger."""
    summary: str
    """Model, device, sizes, seconds and how, in one line."""


class Engine:
    """Keeps models open and translates uploaded pictures with them; thread-safe."""

    def __init__(self, config: AppConfig) -> None:
        self.config = config
        self._open: OrderedDict[tuple[Path, int], Translator] = OrderedDict()
        self._opening = threading.Lock()
        self._turns = Turns()

    def models(self) -> dict[str, InstalledModel]:
        """Installed models that can be used, by name; read anew each time."""
        return {model.name: model for model in list_models() if model.manifest is not None}

    def job(self) -> Job:
        """What a visitor asks for now."""
        return Job(self.config.job_seconds)

    def chain(self, run: RunConfig) -> Chain:
        """The models of a run, opened, with its settings.

        Raises:
            TranslateError: unknown model (visitors name models, not files), or a setting that it does not take.
        """
        steps = tuple(self._translator(name) for name in run.model)
        return Chain(steps, run.size, run.strength, run.scale, run.max_pixels)

    def translate(self, options: Options, source: Path, job: Job) -> Result:
        """Translate one picture file.

        Raises:
            TranslateError: unknown model, bad option, bad or large picture, or the job has ended.
        """
        run = options.run_config([source], source.parent, self.config)
        encoding = EncodingOptions.of(run)
        treatment = Treatment(run.alpha, run.seamless, run.normal_map)
        chain = self.chain(run)
        treatment.check(chain)
        picture = recognised(read_picture(source, max_pixels=run.max_pixels), source.name, treatment)
        start = time.perf_counter()
        try:
            picture = encoding.fit(picture)
            with job.running():
                result = finished(translate_picture(picture, chain), chain, Finish())
        except (BadPicture, TooLarge) as error:
            raise type(error)(f"cannot convert {source.name}: {error}") from None
        seconds = time.perf_counter() - start

        file = new_place(result_name(source.name, result.format, options.models))
        result = write_picture(result, file, encoding)
        shown = _fit(result.size, PREVIEW_SIDE)
        return Result(
            file=file,
            before=_preview(picture, shown),
            after=_preview(result, shown),
            summary=_summary(chain, picture, result, seconds, shown),
        )

    def preview(self, source: Path, side: int = PREVIEW_SIDE) -> Path:
        """A picture file of any kind as a PNG of at most `side` pixels that a browser can show.

        Raises:
            TranslateError: it is no picture, or too large.
        """
        picture = read_picture(source, max_pixels=self.config.max_pixels)
        return _preview(picture, _fit(picture.size, side))

    def _translator(self, name: str) -> Translator:
        with self._opening:
            models = self.models()
            if not models:
                raise TranslateError("no model is installed, so there is nothing to translate with.")
            if name not in models:
                raise UnknownModel(name, models)
            path = models[name].path
            key = path, path.stat().st_mtime_ns
            if key not in self._open:
                opened = Translator.open(path, self.config.device, max_pixels=self.config.max_pixels)
                self._open[key] = polite(opened, self._turns)
                if len(self._open) > MODELS_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]


def has_alpha(preview: Path) -> bool:
    """Whether what the browser shows has transparency."""
    with Image.open(preview) as image:
        return image.mode in ("LA", "RGBA")


def _preview(picture: Picture, size: tuple[int, int]) -> Path:
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


def _fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    ratio = min(1.0, side / max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def _summary(chain: Chain, picture: Picture, result: Picture, seconds: float, shown: tuple[int, int]) -> str:
    done = (
        f"{chain.name} on {chain.device}: {_by(picture.size)} → {_by(result.size)} pixels in {seconds:.2f} s, "
        f"{how(picture, chain)}."
    )
    notes = [done]
    if shown != result.size:
        notes.append(f"The slider shows {_by(shown)}; the download has all.")
    if result.frames:
        notes.append(f"The slider shows the first of {len(result.frames)} frames; the download has all.")
    return " ".join([*notes, *(f"{notice[:1].upper()}{notice[1:]}." for notice in result.notices)])


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
