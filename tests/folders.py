"""Folders of pictures, and a translator that fails where it is told to, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.manifest import Manifest
from translate.config import RunConfig
from translate.folders.journal import JOURNAL
from translate.inference.chain import Chain

RANDOM = np.random.default_rng(0)


class Double:
    """A translator that repeats pixels and fails where it is told to."""

    manifest = Manifest(name="double", task="super-resolution", source="a", target="b", generator="none", scale=2)
    device = "test"
    most = 1
    why = ""

    def __init__(self, fails: BaseException | None = None, at: int = 0, then: Any = None) -> None:
        self.fails, self.at, self.then, self.calls = fails, at, then, 0
        self.batches: list[int] = []

    def batch(self, pictures: Any, /) -> Any:
        self.batches.append(len(pictures))
        return [self.translated(picture) for picture in pictures]

    def together(self, height: int, width: int) -> int:
        return self.most

    def translated(self, picture: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            if self.then:
                self.then()
            if self.fails:
                raise self.fails
        return picture.repeat(2, 0).repeat(2, 1)

    def how(self, height: int, width: int) -> str:
        return "in one piece"


def doubling(*arguments: Any, **options: Any) -> Chain:
    return Chain((Double(*arguments, **options),))


def draw(path: Path, side: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return path


def config(*inputs: Path, out: Path, **options: Any) -> RunConfig:
    return RunConfig(inputs=inputs, model=("double",), out=out, **options)


def tree(folder: Path) -> set[str]:
    """Files below a folder, without its journal."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != JOURNAL}
