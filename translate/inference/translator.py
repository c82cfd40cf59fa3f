"""The one inference object: a picture in, a picture out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from models.errors import BadPicture, ConfigError, TooLarge
from models.manifest import Manifest
from translate.inference.backends import Backend, open_backend
from translate.inference.frame import WHITE, Canvas, Frame, places
from translate.inference.memory import MIN_MEMORY, available, temporary_folder
from translate.inference.model_file import load_model
from translate.inference.network import Network
from translate.inference.tiles import round_up
from translate.inference.ways import Budget, Statistics
from translate.limits import MAX_PIXELS, MIN_TILE, TILE
from translate.store import find_model

MARGIN = 4
"""Most pixels of mirrored surroundings. On 14 held-out textures they raise the PSNR of the outermost 4 pixels of the
result of `texture-x4` by 0.3 dB; 18, all that it can see, raise it no further."""


@dataclass(frozen=True)
class Translator:
    """A model, ready to run. May be called from several threads at once; a call leaves nothing behind."""

    network: Network
    tile: int = TILE
    """Largest side, in input pixels, that is computed in one piece where the model allows tiles."""
    max_pixels: int = MAX_PIXELS
    statistics: Statistics = "auto"
    """Where a model normalizes by the picture at hand: over the whole picture (exact), over a sample of it (thumbnail),
    or exact unless there is no room for it (auto)."""
    memory: int = 2**30
    """Bytes that one call may work in; the program itself and its runtime take up to 1 GB more."""

    @classmethod
    def open(
        cls,
        name_or_path: str | Path,
        device: str = "auto",
        *,
        precision: str = "auto",
        tile: int = TILE,
        max_pixels: int = MAX_PIXELS,
        statistics: Statistics = "auto",
        memory: int | None = None,
    ) -> Translator:
        """Open an installed model or an .onnx file.

        Args:
            name_or_path: as `translate models list` shows it, or a path.
            device: auto, cpu, openvino, cuda or cuda:N.
            precision: auto, fp32, fp16 or bf16.
            tile: largest side, in input pixels, that is computed in one piece where the model allows tiles.
            max_pixels: most pixels of a picture, and of a result.
            statistics: auto, exact or thumbnail; matters to models that normalize by the picture at hand.
            memory: bytes that one call may work in; None takes half of what is free now.
        Raises:
            ConfigError: a precision or statistics that do not exist, or a tile or limit that is too small.
            UnknownModel, BadModelFile, BadManifest: no such model, or not a usable one.
            DeviceError: the device or precision asked for cannot be had.
        """
        if tile < MIN_TILE or max_pixels < 1:
            raise ConfigError(f"tile {tile} must be at least {MIN_TILE}, and max_pixels {max_pixels} at least 1.")
        if statistics not in ("auto", "exact", "thumbnail"):
            raise ConfigError(f"unknown statistics {statistics!r}; known are auto, exact and thumbnail.")
        if memory is not None and memory < MIN_MEMORY:
            raise ConfigError(f"memory of {memory:,} bytes is too little to work in; allow at least {MIN_MEMORY:,}.")
        data, manifest = load_model(find_model(name_or_path))
        backend = open_backend(data, manifest, device, precision)
        memory = max(available() // 2, MIN_MEMORY) if memory is None else memory
        return cls(Network(manifest, backend, data), tile, max_pixels, statistics, memory)

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self.network.manifest

    @property
    def backend(self) -> Backend:
        """The model, compiled."""
        return self.network.backend

    @property
    def device(self) -> str:
        """What it runs on, for people: 'OpenVINO CPU bf16'."""
        return self.backend.device

    @property
    def why(self) -> str:
        """Why it runs there: a sentence."""
        return self.backend.why

    def how(self, height: int, width: int) -> str:
        """How an 8-bit colour picture of that size will be computed: 'in one piece', 'in 12 tiles of 512', ...

        Raises:
            TooLarge: it cannot be, within `memory` and `max_pixels`.
        """
        self._check_size(height, width)
        return self._budget.way(*self._seen(height, width), self.manifest.channels, 1).words

    @overload
    def __call__(self, picture: NDArray[Any]) -> NDArray[Any]: ...
    @overload
    def __call__(self, picture: Any) -> Any: ...
    def __call__(self, picture: Any) -> Any:
        """Translate one picture.

        Args:
            picture: array [H, W, C] (C as the Manifest says; [H, W] and [H, W, 1] are taken as grey) of
                uint8, uint16 or float32 in [0, 1]; or a PIL image of mode RGB or L. Any size from 1 x 1.
                8-bit pictures are computed in the backend's precision, others in fp32.
        Returns:
            The same kind, `manifest.scale` times larger.
        Raises:
            BadPicture: another kind of picture.
            TooLarge: the picture or its result has more than `max_pixels` pixels, or does not fit `memory`.
        """
        if isinstance(picture, np.ndarray):
            return self.batch([picture])[0]
        from PIL import Image

        if not isinstance(picture, Image.Image):
            raise BadPicture(f"a picture is a NumPy array or a PIL image, not a {type(picture).__name__}.")
        if picture.mode not in ("RGB", "L"):
            raise BadPicture(
                f"a PIL image of mode {picture.mode} cannot be translated without loss; "
                "convert it to RGB or L first, or use `translate run`, which keeps alpha and 16 bits."
            )
        self._check_size(picture.height, picture.width)
        return Image.fromarray(self.batch([np.asarray(picture)])[0])

    def batch(self, pictures: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Translate arrays of one shape and kind, as one by one; small ones share a call of the network.

        Raises:
            BadPicture, TooLarge: as for a single one; or they differ in shape or kind.
        """
        if len({(picture.shape, picture.dtype) for picture in pictures}) > 1:
            raise BadPicture("the pictures of a batch must be of one shape and kind.")
        colours = [self._checked(picture) for picture in pictures]
        results: list[NDArray[Any]] = []
        while len(results) < len(colours):
            first = colours[len(results)]
            height, width = self._seen(*first.shape[:2])
            together = self._budget.together(height, width)
            results += self._paint(colours[len(results) : len(results) + together], height, width)
        return [result[:, :, 0] if picture.ndim == 2 else result
                for picture, result in zip(pictures, results, strict=True)]  # fmt: skip

    def together(self, height: int, width: int) -> int:
        """How many pictures of that size share a call of the network in `batch`."""
        return self._budget.together(*self._seen(height, width))

    def _checked(self, picture: NDArray[Any]) -> NDArray[Any]:
        """[H, W, C] or [H, W, 1]."""
        if picture.dtype.name not in WHITE:
            raise BadPicture(f"a picture holds uint8, uint16 or float32 values, not {picture.dtype.name}.")
        colour = picture[:, :, None] if picture.ndim == 2 else picture
        if colour.ndim != 3 or colour.shape[2] not in (1, self.manifest.channels):
            raise BadPicture(
                f"{self.manifest.name} takes pictures of [H, W, {self.manifest.channels}] "
                f"or grey ones of [H, W], not {list(picture.shape)}."
            )
        self._check_size(*colour.shape[:2])
        return colour

    def _check_size(self, height: int, width: int) -> None:
        name, scale = self.manifest.name, self.manifest.scale
        if height < 1 or width < 1:
            raise BadPicture(f"a picture of {width} x {height} pixels has nothing to translate.")
        for what, factor in (("a picture", 1), (f"its {scale}-fold enlargement by {name}", scale)):
            pixels = height * width * factor**2
            if pixels > self.max_pixels:
                raise TooLarge(
                    f"{what} of {width * factor:,} x {height * factor:,} = {pixels:,} pixels is above "
                    f"the limit of {self.max_pixels:,}; raise it with --max-pixels."
                )

    def _paint(self, colours: Sequence[NDArray[Any]], height: int, width: int) -> list[NDArray[Any]]:
        """Pictures of one shape, of which the network sees `height` x `width` pixels."""
        network = self.network if colours[0].dtype == np.uint8 else self.network.exact
        side, breadth, channels = colours[0].shape
        scale, margin = self.manifest.scale, self._margin()
        rows, columns = places(side, margin, height), places(breadth, margin, width)
        frames = [Frame(colour, self.manifest.channels, rows, columns) for colour in colours]
        results = [np.empty((side * scale, breadth * scale, channels), colour.dtype) for colour in colours]
        canvases = [Canvas(result, scale, margin) for result in results]
        way = self._budget.way(height, width, channels, colours[0].itemsize)
        network.paint(way, frames, canvases, temporary_folder())
        return results

    def _seen(self, height: int, width: int) -> tuple[int, int]:
        """What the network is given of a picture: with its surroundings, of a size that the network takes."""
        minimum, multiple = self.manifest.minimum, self.manifest.multiple
        down, across = (round_up(max(side + 2 * self._margin(), minimum), multiple) for side in (height, width))
        return down, across

    def _margin(self) -> int:
        """Pixels of mirrored surroundings that a picture gets, in multiples that the network takes.

        Without them a super-resolution network sees black beyond the border and draws a frame of coarse blocks.
        """
        if self.manifest.task != "super-resolution" or self.manifest.normalization == "picture":
            return 0
        return round_up(min(MARGIN, self.manifest.radius), self.manifest.multiple)

    @cached_property
    def _budget(self) -> Budget:
        return Budget(
            self.manifest, self.memory, self.tile, self.statistics, self.network.peak, self.network.plan,
            self.network.reason, temporary_folder(),
        )  # fmt: skip
