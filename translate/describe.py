"""What a model says of itself, for readers and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.manifest import Manifest
from translate.store import InstalledModel

SHORT_HASH = 12
"""Letters of a hash that tell two models apart."""
NORMALIZATIONS = {
    "none": "none",
    "fixed": "the same for every picture",
    "picture": "by the statistics of each picture as a whole",
}


def described(model: InstalledModel) -> list[tuple[str, str]]:
    """Name and value of each thing worth knowing, in words; what a model does not say is left out."""
    lines = [("name", model.name), ("file", str(model.path)), ("origin", model.origin)]
    lines += [("from", model.source), ("SHA-256", model.sha256)]
    if model.manifest is None:
        return [*lines, ("problem", model.problem)]
    return [line for line in lines + _lines(model.manifest) if line[1]]


def _lines(manifest: Manifest) -> list[tuple[str, str]]:
    radius = f"{manifest.radius} pixels around"
    if manifest.radius_error:
        radius += f"; beyond, a change alters a result by at most {manifest.radius_error:.1e} of its range"
    sizes = "any" if manifest.multiple == manifest.minimum == 1 else (
        f"multiples of {manifest.multiple} from {manifest.minimum} pixels; others are padded"
    )  # fmt: skip
    return [
        ("task", manifest.task),
        ("reads", manifest.source),
        ("makes", manifest.target),
        ("scale", f"x{manifest.scale}"),
        ("channels", f"{manifest.channels}"),
        ("sizes", sizes),
        ("work size", f"{manifest.work_size} pixels on the long side" if manifest.work_size else "that of the picture"),
        ("normalization", NORMALIZATIONS[manifest.normalization]),
        ("sees", "the whole picture" if manifest.normalization == "picture" else radius),
        ("precision", _listed(manifest.precisions, "{:.1f} dB from fp32")),
        ("network", ", ".join([manifest.generator, *(f"{key} {value}" for key, value in manifest.arguments.items())])),
        ("values in", "{:g} to {:g}".format(*manifest.input_range)),
        ("values out", "{:g} to {:g}".format(*manifest.output_range)),
        ("trained on", manifest.training_data),
        ("steps", f"{manifest.steps:,}" if manifest.steps else ""),
        ("measured", _listed(manifest.metrics, "{:.4g}")),
        ("licence", manifest.license),
        ("made by", manifest.created_by),
    ]


def _listed(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{name} {form.format(value)}" for name, value in values.items())


def as_json(model: InstalledModel) -> dict[str, Any]:
    """The same for programs: every field of the Manifest, by its own name."""
    manifest = None if model.manifest is None else asdict(model.manifest)
    return {
        "name": model.name,
        "file": str(model.path),
        "origin": model.origin,
        "source": model.source,
        "sha256": model.sha256,
        "bytes": model.path.stat().st_size,
        "problem": model.problem,
        "manifest": manifest,
    }
