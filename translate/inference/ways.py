"""How a picture of some size is computed within a budget of memory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import TooLarge
from models.manifest import Manifest
from translate.inference.cuts import Plan, Window
from translate.inference.sampled import SAMPLE_PIXELS
from translate.inference.segments import windows
from translate.inference.tiles import spans
from translate.limits import MIN_TILE

OVERHEAD = 3.0
"""Memory that a runtime takes / what the tensors of its graph take at a time. Measured on a ResNet of 9 blocks: 2.9
with ONNX Runtime, 1.2 with OpenVINO; on texture-x4 1.2 and 1.6."""
WHOLE_PIXELS = 4_000_000
"""Most pixels that are computed in one piece where pieces give the same: a GPU's memory is not asked."""
LARGEST_WINDOW = 768 * 2**20
"""Most bytes that one window takes; larger ones are no faster."""
SMALLEST_SAMPLE = 256**2
"""Fewest pixels that statistics are measured on where the picture has more."""
SPARE_DISK = 2**30
"""Bytes that temporary files leave free."""

Kind = Literal["whole", "tiles", "exact", "sampled"]
Statistics = Literal["auto", "exact", "thumbnail"]


@dataclass(frozen=True)
class Way:
    """How one picture is computed."""

    kind: Kind
    words: str
    """For people: 'in 12 tiles of 512'."""
    tile: int = 0
    """Pixels that a window keeps along each axis."""
    window: float = 0
    """Bytes that the tensors of one window may take."""
    files: bool = False
    """Whether stored tensors lie in temporary files."""
    sample: int = 0
    """Pixels that stand for the picture's statistics."""


@dataclass(frozen=True)
class Budget:
    """Memory for one picture, and what there is to spend it on."""

    manifest: Manifest
    memory: int
    """Bytes."""
    tile: int
    """Most pixels, along each axis, that a tile keeps."""
    statistics: Statistics
    peak: float
    """Most bytes that the graph's tensors take at a time, for each pixel of the picture."""
    plan: Plan | None
    """How the graph is cut, where it can and must be."""
    reason: str
    """Why it cannot."""
    folder: Path
    """For temporary files."""

    def way(self, height: int, width: int, channels: int, itemsize: int) -> Way:
        """Choose.

        Args:
            height, width: of what the network sees.
            channels, itemsize: of the picture, which is in memory itself, as is its result.
        Raises:
            TooLarge: no way fits the memory; says what would help.
        """
        pixels = height * width
        room = self.memory - pixels * (1 + self.manifest.scale**2) * channels * itemsize
        whole = OVERHEAD * self.peak * pixels
        if self.manifest.normalization != "picture":
            return self._tiles(height, width, room)
        if whole <= room and (pixels <= WHOLE_PIXELS or not self.plan):
            return Way("whole", "in one piece")
        if not self.plan or height % self.plan.cells[0] or width % self.plan.cells[1]:
            reason = self.reason or f"its sides are no multiples of {self.plan.cells if self.plan else 1}"
            raise self._too_large(height, width, whole + self.memory - room, f"it cannot be cut into pieces ({reason})")
        if self.statistics != "thumbnail" or pixels <= SAMPLE_PIXELS:
            way = self._exact(self.plan, height, width, room)
            if way:
                return way
        return self._sampled(self.plan, height, width, room)

    def together(self, height: int, width: int) -> int:
        """Pictures that share a call of the network: as many as a tile has pixels for, and the memory."""
        pixels = height * width
        return max(1, int(min(self.tile**2, self.memory / 2 / (OVERHEAD * self.peak)) / pixels))

    def _tiles(self, height: int, width: int, room: float) -> Way:
        context, multiple = self.manifest.radius, self.manifest.multiple
        tile = self._side(room, context, multiple)
        if tile < min(MIN_TILE, self.tile):
            least = OVERHEAD * self.peak * (MIN_TILE + 2 * context) ** 2 + self.memory - room
            raise self._too_large(height, width, least, "even the smallest tile does not fit")
        tile = max(tile, 2 * self.manifest.minimum)  # windows keep at least half a tile: none is below the minimum
        count = len(spans(height, tile, context, multiple)) * len(spans(width, tile, context, multiple))
        return Way("tiles", "in one piece" if count == 1 else f"in {count} tiles of {tile}", tile)

    def _side(self, room: float, context: int, multiple: int) -> int:
        """The largest tile that fits."""
        most = int((max(room, 0) / (OVERHEAD * self.peak)) ** 0.5) - 2 * context
        return min(self.tile, most // multiple * multiple)

    def _exact(self, plan: Plan, height: int, width: int, room: float) -> Way | None:
        """In memory if all that is stored fits, else in files, else not at all."""
        stored = plan.bytes * height * width
        widest = max(plan.stages, key=lambda stage: stage.bytes)
        for files, left in ((False, room - stored), (True, room)):
            window = min(left, LARGEST_WINDOW) / OVERHEAD
            if window < self._smallest(height, width, widest.windows, widest.bytes, files):
                continue
            if files and shutil.disk_usage(self.folder).free < stored + SPARE_DISK:
                if self.statistics == "exact":
                    raise self._no_disk(height, width, stored)
                return None
            count = max(
                len(list(windows(height, width, stage.windows, stage.bytes, window, files))) for stage in plan.stages
            )
            words = f"in {count} pieces that share the whole picture's statistics" if count > 1 else "in one piece"
            if files:
                words += f", with {stored / 1e9:.1f} GB of temporary files"
            return Way("exact", words, window=window, files=files)
        if self.statistics == "exact":
            raise self._too_large(height, width, self.memory - room + 2**28, "too little is left to work in")
        return None

    @staticmethod
    def _smallest(height: int, width: int, axes: tuple[Window, Window], per_pixel: float, files: bool) -> float:
        """Bytes of the smallest window that is worth it: twice its context; files want the full width."""
        down, across = (
            min(side, 4 * axis.context + axis.cell) for side, axis in zip((height, width), axes, strict=True)
        )
        return per_pixel * down * (width if files else across)

    def _sampled(self, plan: Plan, height: int, width: int, room: float) -> Way:
        """Half of the room for the sample's stored tensors if not even they may lie in files."""
        down, across = plan.whole.windows
        tile = self._side(room, max(down.context, across.context), max(down.cell, across.cell))
        wanted = max(SAMPLE_PIXELS, height * width // 2)  # half of a picture is what 30 dB need
        stored = plan.bytes * wanted * 2 / 3  # of the patches, its larger part
        files = stored > room / 2 and shutil.disk_usage(self.folder).free > stored + SPARE_DISK
        sample = wanted if files else int(min(wanted, room / 2 / plan.bytes * 3 / 2))
        window = min(room / 2, LARGEST_WINDOW) / OVERHEAD
        if tile < MIN_TILE or sample < SMALLEST_SAMPLE:
            raise self._too_large(height, width, 2 * self.memory, "even the smallest tile or sample does not fit")
        count = len(spans(height, tile, down.context, down.cell)) * len(spans(width, tile, across.context, across.cell))
        words = f"in {count} tiles of {tile} with the statistics of a sample"
        return Way("sampled", words, tile, window, files, sample)

    def _too_large(self, height: int, width: int, needed: float, why: str) -> TooLarge:
        return TooLarge(
            f"{width:,} x {height:,} pixels through {self.manifest.name} do not fit {self.memory / 1e9:.1f} GB of "
            f"memory: {why}. It takes about --memory {needed / 1e9 + 0.05:.1f}GB."
        )

    def _no_disk(self, height: int, width: int, stored: float) -> TooLarge:
        return TooLarge(
            f"{width:,} x {height:,} pixels through {self.manifest.name} need {(stored + SPARE_DISK) / 1e9:.1f} GB of "
            f"temporary files, more than is free in {self.folder}. Name another folder in the environment variable "
            "TRANSLATE_TEMP, allow more --memory, or use --statistics thumbnail."
        )
