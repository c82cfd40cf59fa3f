"""Every form of export, made once of the shipped models, and what the tests run them on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx_models import make_model
from PIL import Image

from export.config import ExportConfig
from export.precision import nearness
from export.trial import to_floats, trial_pictures
from models.manifest import Manifest
from translate.exporting import export

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "float32": ("texture-x4", {}),
    "weights in float16": ("texture-x4", {"precision": "fp16"}),
    "int8": ("made", {"precision": "int8"}),
    "one size": ("texture-x4", {"fixed_size": "24x32"}),
    "bytes": ("texture-x4", {"uint8": True}),
    "bytes of one size, int8": ("made", {"uint8": True, "fixed_size": "32x24", "precision": "int8"}),
    "normalised by the picture": ("horse2zebra", {}),
    "the same, bytes": ("horse2zebra", {"uint8": True, "fixed_size": "64x64"}),
}
"""Name -> installed model, or a small one that is made for it, and the options of `translate export`."""
LARGEST = 1e-4
"""Most that a float of one runtime may differ from another's, of 1. Of bytes, one in a thousand may, by one level."""
INT8_DB = 40.0
"""PSNR between runtimes of int8 files, whose sums they round in different places."""


@dataclass(frozen=True)
class Form:
    """An exported file, and a picture as it takes it."""

    model: bytes
    manifest: Manifest
    picture: Any


def draw_pictures(folder: Path, count: int = 12) -> Path:
    """Pictures of 40 x 36 pixels to calibrate with: cuts of the shipped samples."""
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(Path(__file__).parents[2] / "examples/photographs/coffee.webp") as opened:
        photograph = opened.convert("RGB")
    for number in range(count):
        left = number * (photograph.width - 40) // count
        top = number * (photograph.height - 36) // count
        photograph.crop((left, top, left + 40, top + 36)).save(folder / f"{number:02d}.png")
    return folder


def make_form(name: str, folder: Path) -> Path:
    """Export it, and give the file's path."""
    source, options = FORMS[name]
    if source == "made":
        source = str(make_model(folder / "made.onnx", scale=2, radius=6, width=16))
    if options.get("precision") == "int8":
        options = options | {"calibration": draw_pictures(folder / "calibration")}
    out = folder / f"{name.replace(' ', '-')}.onnx"
    if not out.exists():
        list(export(ExportConfig(source=source, out=out, **options)))
    return out


def read_form(path: Path) -> Form:
    """The file with a small picture that it takes."""
    from export.forms import read_pixels

    model = path.read_bytes()
    manifest = read_pixels(model)
    picture = trial_pictures(model, manifest)[0]
    if picture.shape[1] > 64 or picture.shape[2] > 64:
        picture = picture[:, :64, :64] if picture.dtype == np.uint8 else picture[:, :, :64, :64]
    return Form(model, manifest, np.ascontiguousarray(picture))


def check_equal(expected: Any, result: Any, manifest: Manifest) -> None:
    """Hold one runtime's result against another's."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    if "int8" in manifest.precisions:
        assert nearness([to_floats(expected)], [to_floats(result)]) >= INT8_DB
        return
    apart = np.abs(expected.astype(np.float64) - result)
    if expected.dtype == np.uint8:
        assert apart.max() <= 1
        assert np.count_nonzero(apart) <= apart.size / 1000
    else:
        assert apart.max() <= LARGEST
