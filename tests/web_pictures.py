"""Pictures as visitors have them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def make_picture(path: Path) -> Path:
    noise = np.random.default_rng(3)
    if path.name.startswith("deep"):
        cv2.imwrite(str(path), noise.integers(0, 65536, (21, 30, 3), np.uint16))
    elif path.name.startswith("dot"):
        Image.new("RGB", (1, 1), "green").save(path)
    elif path.name.startswith("grey"):
        Image.fromarray(noise.integers(0, 256, (1, 23, 2), np.uint8)).save(path)
    elif path.suffix == ".png":
        Image.fromarray(noise.integers(0, 256, (17, 23, 4), np.uint8)).save(path, dpi=(300, 300))
    else:
        Image.fromarray(noise.integers(0, 256, (17, 23, 3), np.uint8)).save(path)
    return path
