"""The one inference object: a picture in, a picture out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModelFile, BadPicture, ConfigError, DeviceError, TooLarge
from models.manifest import Manifest
from translate.inference.backends import Backend, open_backend
from translate.inference.model_file import load_model
from translate.inference.tiles import round_up, spans
from translate.limits import MAX_PIXELS, MIN_TILE, TILE
from translate.store import find_model

MARGIN = 4
"""Most pixels of mirrored surroundings. On 14 held-out textures they raise the PSNR of the outermost 4 pixels of the
result of `texture-x4` by 0.3 dB; 18, all that it can see, raise it no further."""

_WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}


@dataclass(frozen=True)
class Translator:
    """A model, ready to run. May be called from several threads at once; a call leaves nothing behind."""

    manifest: Manifest
    backend: Backend
    tile: int = TILE
    """Largest side, in input pixels, that is computed in one piece where the model allows tiles."""
    max_pixels: int = MAX_PIXELS

    @classmethod
    def open(
        cls,
        name_or_path: str | Path,
        device: str = "auto",
        *,
        precision: str = "auto",
        tile: int = TILE,
        max_pixels: int = MAX_PIXELS,
    ) -> Translator:
        """Open an installed model or an .onnx file.

        Args:
            name_or_path: as `translate models list` shows it, or a path.
            device: auto, cpu, openvino, cuda or cuda:N.
            precision: auto, fp32, fp16 or bf16.
            tile: largest side, in input pixels, that is computed in one piece where the model allows tiles.
            max_pixels: most pixels of a picture, and of a result.
        Raises:
            ConfigError: a precision that does not exist, or a tile or limit that is too small.
            UnknownModel, BadModelFile, BadManifest: no such model, or not a usable one.
            DeviceError: the device or precision asked for cannot be had.
        """
        if tile < MIN_TILE or max_pixels < 1:
            raise ConfigError(f"tile {tile} must be at least {MIN_TILE}, and max_pixels {max_pixels} at least 1.")
        data, manifest = load_model(find_model(name_or_path))
        return cls(manifest, open_backend(data, manifest, device, precision), tile, max_pixels)

    @property
    def device(self) -> str:
        """What it runs on, for people: 'OpenVINO CPU bf16'."""
        return self.backend.device

    @property
    def why(self) -> str:
        """Why it runs there: a sentence."""
        return self.backend.why

    @overload
    def __call__(self, picture: NDArray[Any]) -> NDArray[Any]: ...
    @overload
    def __call__(self, picture: Any) -> Any: ...
    def __call__(self, picture: Any) -> Any:
        """Translate one picture.

        Args:
            picture: array [H, W, C] (C as the Manifest says; [H, W] and [H, W, 1] are taken as grey) of
                uint8, uint16 or float32 in [0, 1]; or a PIL image of mode RGB or L. Any size from 1 x 1.
        Returns:
            The same kind, `manifest.scale` times larger.
        Raises:
            BadPicture: another kind of picture.
            TooLarge: the picture or its result has more than `max_pixels` pixels.
        """
        if isinstance(picture, np.ndarray):
            return self._array(picture)
        from PIL import Image

        if not isinstance(picture, Image.Image):
            raise BadPicture(f"a picture is a NumPy array or a PIL image, not a {type(picture).__name__}.")
        if picture.mode not in ("RGB", "L"):
            raise BadPicture(
                f"a PIL image of mode {picture.mode} cannot be translated without loss; "
                "convert it to RGB or L first, or use `translate run`, which keeps alpha and 16 bits."
            )
        self._check_size(picture.height, picture.width)
        return Image.fromarray(self._array(np.asarray(picture)))

    def _array(self, picture: NDArray[Any]) -> NDArray[Any]:
        if picture.dtype.name not in _WHITE:
            raise BadPicture(f"a picture holds uint8, uint16 or float32 values, not {picture.dtype.name}.")
        grey = picture.ndim == 2
        colour = picture[:, :, None] if grey else picture
        if colour.ndim != 3 or colour.shape[2] not in (1, self.manifest.channels):
            raise BadPicture(
                f"{self.manifest.name} takes pictures of [H, W, {self.manifest.channels}] "
                f"or grey ones of [H, W], not {list(picture.shape)}."
            )
        height, width, channels = colour.shape
        self._check_size(height, width)
        scale = self.manifest.scale
        margin = self._margin()
        framed = np.pad(colour, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
        result = np.empty((framed.shape[0] * scale, framed.shape[1] * scale, channels), picture.dtype)
        self._paint(_padded(framed, self._allowed(framed.shape[0]), self._allowed(framed.shape[1])), result)
        edge = margin * scale
        result = np.ascontiguousarray(result[edge : edge + height * scale, edge : edge + width * scale])
        return result[:, :, 0] if grey else result

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

    def _margin(self) -> int:
        """Pixels of mirrored surroundings that a picture gets, in multiples that the network takes.

        Without them a super-resolution network sees black beyond the border and draws a frame of coarse blocks.
        """
        if self.manifest.task != "super-resolution" or self.manifest.normalization == "picture":
            return 0
        return round_up(min(MARGIN, self.manifest.radius), self.manifest.multiple)

    def _allowed(self, side: int) -> int:
        """The nearest side, not below, that the network takes."""
        return round_up(max(side, self.manifest.minimum), self.manifest.multiple)

    def _paint(self, picture: NDArray[Any], result: NDArray[Any]) -> None:
        """Compute `picture`, of a size the network takes, window by window; `result` may be smaller."""
        scale = self.manifest.scale
        height, width = picture.shape[:2]
        # statistics of a tile are not those of the picture: colours would change from tile to tile
        whole = self.manifest.normalization == "picture"
        # windows keep at least half a tile, so none falls below the network's minimum
        tile = max(height, width) if whole else max(self.tile, 2 * self.manifest.minimum)
        for y in spans(height, tile, self.manifest.radius, self.manifest.multiple):
            for x in spans(width, tile, self.manifest.radius, self.manifest.multiple):
                target = result[y.first * scale : y.last * scale, x.first * scale : x.last * scale]
                if target.size:
                    painted = self._network(picture[y.start : y.stop, x.start : x.stop])
                    top, left = (y.first - y.start) * scale, (x.first - x.start) * scale
                    _store(painted[:, top : top + target.shape[0], left : left + target.shape[1]], target)

    def _network(self, window: NDArray[Any]) -> NDArray[np.float32]:
        """[H, W, C] or [H, W, 1] of any kind -> [C, H, W] float32 in [0, 1], `scale` times larger."""
        channels, scale = self.manifest.channels, self.manifest.scale
        batch = np.empty((1, channels, *window.shape[:2]), np.float32)
        np.divide(window.transpose(2, 0, 1), np.float32(_WHITE[window.dtype.name]), out=batch[0])
        painted = self.backend.run(batch)
        expected = (1, channels, window.shape[0] * scale, window.shape[1] * scale)
        if painted.shape != expected:
            raise BadModelFile(
                f"{self.manifest.name} gave a result of {list(painted.shape)} "
                f"where its Manifest promises {list(expected)}."
            )
        if not np.isfinite(painted.sum(dtype=np.float64)):
            raise DeviceError(
                f"{self.manifest.name} gave values that are not numbers on {self.device}; try --precision fp32."
            )
        result: NDArray[np.float32] = painted[0]
        return result


def _padded(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Grow a picture to the right and downward by reflection, as often as it takes."""
    for axis, side in enumerate((height, width)):
        missing = side - picture.shape[axis]
        if missing:
            padding = [(0, 0)] * 3
            padding[axis] = (0, missing)
            # one pixel has no neighbour to reflect
            picture = np.pad(picture, padding, mode="reflect" if picture.shape[axis] > 1 else "edge")
    return picture


def _store(painted: NDArray[np.float32], target: NDArray[Any]) -> None:
    """[C, H, W] -> rounded values of the target's kind; colour is averaged for a grey target.

    Values beyond [0, 1] become black or white, whatever the file promised: as integers they would wrap around.
    """
    painted = painted.clip(0, 1)
    if target.shape[2] < painted.shape[0]:
        painted = painted.mean(axis=0, keepdims=True)
    for channel, plane in enumerate(painted):
        exact = target.dtype == np.float32
        target[:, :, channel] = plane if exact else np.rint(plane * np.float32(_WHITE[target.dtype.name]))
