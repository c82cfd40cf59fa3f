"""Small networks are slower with many threads than with one, and equal to the last bit only with as many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def piles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """trainA and trainB, of seven pictures each; side by side they are pairs of squares."""
    folder = tmp_path_factory.mktemp("data")
    for pile in ("trainA", "trainB"):
        (folder / pile).mkdir()
        for index in range(7):
            pixels = np.random.default_rng(index).integers(0, 256, (32, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / pile / f"{index}.png")
    return folder
