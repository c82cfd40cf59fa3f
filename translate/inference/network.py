"""A model on its device, and the ways to compute a picture with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModelFile, DeviceError
from models.manifest import INPUT, Manifest
from translate.inference.cuts import Plan, cut, peak_bytes
from translate.inference.frame import Canvas, Frame
from translate.inference.geometry import NotLocal
from translate.inference.graph import Graph, read_graph, rough_bytes
from translate.inference.moments import PatchPool, ShrunkPool
from translate.inference.protocols import Backend, Compiled
from translate.inference.sampled import patches, shrunk
from translate.inference.segments import Sweeps, stage_piece
from translate.inference.tiles import Span, spans
from translate.inference.ways import Way

UNBOUNDED = 2.0**60
"""Bytes that a window may take where the whole picture is known to fit."""


@dataclass(frozen=True)
class Network:
    """A model, compiled; its graph is read when a picture needs it. Thread-safe."""

    manifest: Manifest
    backend: Backend
    data: bytes
    """The model file."""

    @cached_property
    def _read(self) -> tuple[Graph | None, Plan | None, str]:
        try:
            graph = read_graph(self.data)
        except NotLocal as error:
            return None, None, str(error)
        if self.manifest.normalization != "picture":
            return graph, None, ""
        try:
            return graph, cut(graph), ""
        except NotLocal as error:
            return graph, None, str(error)

    @property
    def plan(self) -> Plan | None:
        """How the graph is cut at its normalizations, if it can be."""
        return self._read[1]

    @property
    def reason(self) -> str:
        """Why it cannot be."""
        return self._read[2]

    @cached_property
    def peak(self) -> float:
        """Most bytes that the tensors take at a time, for each pixel of the picture."""
        graph = self._read[0]
        if graph is None:
            return rough_bytes(self.data, self.manifest.scale)
        return peak_bytes(graph, graph.nodes, [graph.nodes[-1].writes[0]])

    @cached_property
    def exact(self) -> Network:
        """The same in fp32."""
        backend = self.backend.exact
        return self if backend is self.backend else Network(self.manifest, backend, self.data)

    @cached_property
    def _with_coefficients(self) -> Compiled:
        """The whole model, which takes the coefficients of its normalizations from inputs."""
        whole = self._cut().whole
        return self.backend.compile(stage_piece(self._cut().graph, whole))

    def _cut(self) -> Plan:
        if self.plan is None:
            raise BadModelFile(f"{self.manifest.name} cannot be cut into pieces: {self.reason}.")
        return self.plan

    def paint(self, way: Way, frames: Sequence[Frame], canvases: Sequence[Canvas], folder: Path) -> None:
        """Compute pictures of one shape; several take no more calls than one where they share them."""
        others: list[tuple[Frame, Canvas]] = []
        for frame, canvas in zip(frames, canvases, strict=True):
            if way.kind == "exact":
                self._sweeps(way, frame, canvas, folder)
            elif way.kind == "sampled":
                self._with_sample(way, frame, canvas, folder)
            elif self.plan and frame.is_flat:
                # statistics of a flat picture are those of the runtime's rounding; our own leave that out
                self._sweeps(replace(way, window=UNBOUNDED), frame, canvas, folder)
            else:
                others.append((frame, canvas))
        if others:
            self._tiles(way, *map(list, zip(*others, strict=True)))

    def _tiles(self, way: Way, frames: Sequence[Frame], canvases: Sequence[Canvas]) -> None:
        height, width = frames[0].height, frames[0].width
        tile = max(height, width) if way.kind == "whole" else way.tile
        for y in spans(height, tile, self.manifest.radius, self.manifest.multiple):
            for x in spans(width, tile, self.manifest.radius, self.manifest.multiple):
                if canvases[0].wants(y, x):
                    windows = [frame.read(y, x) for frame in frames]
                    batch = np.concatenate(windows) if len(windows) > 1 else windows[0]
                    painted = self._checked(self.backend.run(batch), batch)
                    for place, canvas in enumerate(canvases):
                        canvas.paint(y, x, painted[place : place + 1])

    def _sweeps(self, way: Way, frame: Frame, canvas: Canvas, folder: Path) -> None:
        def paint(y: Span, x: Span, painted: NDArray[np.float32]) -> None:
            canvas.paint(y, x, self._finite(painted))

        sweeps = Sweeps(self._cut(), self.backend.compile)
        sweeps(frame.height, frame.width, frame.read, paint, window=way.window, folder=folder if way.files else None)

    def _with_sample(self, way: Way, frame: Frame, canvas: Canvas, folder: Path) -> None:
        plan = self._cut()
        part, grids = patches(frame, plan.cells, way.sample)
        small = shrunk(frame, plan.cells, way.sample)
        pool = ShrunkPool(grids, (small.height / frame.height, small.width / frame.width))
        sweeps = Sweeps(plan, self.backend.compile)
        settings: dict[str, Any] = {"window": way.window, "folder": folder if way.files else None}
        sweeps(small.height, small.width, small.read, None, pool=pool, **settings)
        known = sweeps(part.height, part.width, part.read, None, pool=PatchPool(pool), **settings)
        down, across = plan.whole.windows
        for y in spans(frame.height, way.tile, down.context, down.cell):
            for x in spans(frame.width, way.tile, across.context, across.cell):
                if canvas.wants(y, x):
                    batch = frame.read(y, x)
                    canvas.paint(y, x, self._checked(self._with_coefficients({INPUT: batch, **known})[0], batch))

    def _checked(self, painted: NDArray[np.float32], batch: NDArray[np.float32]) -> NDArray[np.float32]:
        scale = self.manifest.scale
        expected = (*batch.shape[:2], batch.shape[2] * scale, batch.shape[3] * scale)
        if painted.shape != expected:
            raise BadModelFile(
                f"{self.manifest.name} gave a result of {list(painted.shape)} "
                f"where its Manifest promises {list(expected)}."
            )
        return self._finite(painted)

    def _finite(self, painted: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(painted.sum(dtype=np.float64)):
            raise DeviceError(
                f"{self.manifest.name} gave values that are not numbers on {self.backend.device}; try --precision fp32."
            )
        return painted
