"""`translate export --card`: a model card beside the exported file, from the run's own numbers and samples."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from export.command import find_checkpoint
from export.config import ExportConfig
from models.card import CARD_NAME, has_front_matter, model_card
from models.errors import BadPicture, ExportError, UsageError
from translate.images import write_bytes
from translate.inference.model_file import read_manifest
from translate.sample import CAPTION, SAMPLE, make_sample

UNTOLD = {
    *("data", "out", "resume", "start_from", "device", "workers", "cache", "cache_bytes", "compile", "log_images"),
    *("sample_images", "checkpoint_minutes", "keep", "on_nan", "name", "source", "target", "training_data", "license"),
}
"""Settings that say something of the machine, or that the Manifest says already."""
NOT_LOSSES = ("images", "steps", "warning", "what", "gradient_norm", "memory", "learning_rate", "validation")


def check_place(config: ExportConfig) -> None:
    """Before work begins: whether a card may be written there.

    Raises:
        UsageError: a README.md of another kind is there.
    """
    path = _card_of(config)
    try:
        ours = has_front_matter(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise UsageError(f"{path} is there already, and no model card: name a file in a folder of its own with -o.")


def write_card(config: ExportConfig) -> Path:
    """Write the card and a sample beside the exported file.

    Raises:
        ExportError: they cannot be written.
    """
    out, path = config.out or Path(), _card_of(config)
    manifest = read_manifest(out)
    run, images = _run(config)
    if run is None:
        sample, caption = make_sample(out), CAPTION
        training, figures = [], []
    else:
        training, figures = _training(run), _figures(run, images)
        sheet = _sheet(run, images)
        caption = f"pictures kept aside, after {int(sheet.stem):,} images" if sheet else CAPTION
        sample = sheet.read_bytes() if sheet else make_sample(out)
    figures = [*((name.replace("_", " "), f"{value:.4g}") for name, value in manifest.metrics.items()), *figures]
    card = model_card(
        manifest,
        size=out.stat().st_size,
        use=f"translate run PICTURES -m {out.name} -o out",
        picture=(SAMPLE, caption),
        figures=figures,
        training=training,
    )
    try:
        write_bytes(sample, path.with_name(SAMPLE))
        write_bytes(card.encode(), path)
    except BadPicture as error:
        raise ExportError(f"{out} is written, its card is not: {error}") from None
    return path


def _card_of(config: ExportConfig) -> Path:
    return (config.out or Path()).with_name(CARD_NAME)


def _run(config: ExportConfig) -> tuple[Path | None, int]:
    """The run folder that was exported from, and the images that its checkpoint had seen."""
    source = Path(config.source)
    if not (source.is_dir() or source.suffix == ".safetensors"):
        return None, 0
    folder = find_checkpoint(source, config.generator, best=config.checkpoint == "best").parent
    run = folder.parent.parent
    if folder.parent.name == "checkpoints" and folder.name.isdecimal() and (run / "config.json").is_file():
        return run, int(folder.name)
    return None, 0


def _training(run: Path) -> list[tuple[str, str]]:
    """The method, and each setting that is not its default."""
    from translate.training import config as known
    from translate.training.versions import read_settings

    settings = read_settings(run)
    method = str(settings.pop("method", "unknown"))
    kinds = (known.Pix2PixConfig, known.CycleGANConfig, known.CUTConfig, known.SRGANConfig)
    kind = next((k for k in kinds if k.__name__.removesuffix("Config").lower() == method), known.TrainingConfig)
    always = ("generator", "images", "size", "batch", "learning_rate")
    usual = {field.name: field.default for field in fields(kind)}
    rows = [("method", method)]
    for name, value in settings.items():
        plain = json.loads(json.dumps(usual.get(name), default=str)) != value
        if name not in UNTOLD and (name in always or (plain and not isinstance(value, dict))):
            rows.append((name.replace("_", " "), json.dumps(value, ensure_ascii=False).strip('"')))
    return rows


def _figures(run: Path, images: int) -> list[tuple[str, str]]:
    """The last losses before the checkpoint, and the run's best validation."""
    line: dict[str, Any] = {}
    try:
        for text in (run / "stats.jsonl").read_text(encoding="utf-8").splitlines():
            entry = json.loads(text)
            if entry["images"] <= images and "images_per_second" in entry:
                line = entry
    except (OSError, ValueError, KeyError):  # a run that was just killed may end in half a line
        pass
    rows = [("images seen", f"{images:,}")]
    rows += [(name, f"{value:.4g}") for name, value in line.items() if not name.startswith(NOT_LOSSES)]
    try:
        best = json.loads((run / "best.json").read_text(encoding="utf-8"))
        rows.append(
            (f"best {best['measure']}".replace("_", " "), f"{best['value']:.4g} after {best['images']:,} images")
        )
    except (OSError, ValueError, KeyError):
        pass
    return [row for row in rows if row[0] != "images per second"]


def _sheet(run: Path, images: int) -> Path | None:
    """The newest sheet of samples that the checkpoint had made, or the first at all."""
    sheets = sorted(file for file in (run / "samples").glob("*.png") if file.stem.isdecimal())
    before = [file for file in sheets if int(file.stem) <= images]
    return before[-1] if before else next(iter(sheets), None)
