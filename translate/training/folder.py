"""A run folder: config.json, stats.jsonl (TensorBoard beside it), samples/, checkpoints/."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.errors import TrainingError
from translate.training import processes
from translate.training.config import TrainingConfig
from translate.training.versions import SETTINGS_FILE, SETTINGS_SCHEMA, STATE_SCHEMA, read_settings, read_state

FREE_TO_CHANGE = {
    "data", "out", "resume", "start_from", "name", "source", "target", "training_data", "license",
    "device", "precision", "workers", "cache", "cache_bytes", "compile", "log_images", "sample_images",
    "checkpoint_minutes", "keep", "on_nan",
}  # fmt: skip
"""Settings that a resumed run may change without becoming another run."""
LENGTHS = {"images", "decay_from"}
"""Settings that it may change, too, to end sooner or later: what was done stays, what follows is another run's."""
PARTS = {"accumulate"}
"""And these, for less memory: the updates stay the same, or nearly."""


def write_atomic(path: Path, data: bytes) -> None:
    """All of it or nothing, under the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)  # noqa: PTH105


class RunFolder:
    """Reads and writes one run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def settings(self, method: str, config: TrainingConfig) -> dict[str, Any]:
        """What config.json holds."""
        return {"schema": SETTINGS_SCHEMA, "method": method, **_plain(dataclasses.asdict(config))}

    def settings_before(self, config: TrainingConfig) -> dict[str, Any]:
        """What the run in the folder was begun with. A setting that was not known then is at its default.

        Raises:
            TrainingError: config.json is missing, damaged or of a newer version.
        """
        known = [entry for entry in dataclasses.fields(config) if entry.default is not dataclasses.MISSING]
        try:
            return _plain({entry.name: entry.default for entry in known}) | read_settings(self.root)
        except FileNotFoundError:
            raise TrainingError(
                f"{self.root} holds checkpoints without the settings of their run ({SETTINGS_FILE}). Put a copy back, "
                "or begin another run in another folder, with --start-from if it is to begin with these weights."
            ) from None

    def find_start(self, method: str, config: TrainingConfig) -> Path | None:
        """The checkpoint to go on from, or None for a new run. Writes nothing.

        Raises:
            TrainingError: the folder holds a run and --resume is missing, or that run had other settings, or none that
                can be read.
        """
        newest = self.newest_checkpoint()
        if newest is None:
            return None
        if not config.resume:
            raise TrainingError(f"{self.root} already holds a run. Add --resume to go on, or choose another --out.")
        now, before = self.settings(method, config), self.settings_before(config)
        changed = [k for k in now if k not in FREE_TO_CHANGE and now[k] != before.get(k, now[k])]
        was = ", ".join(f"{key} was {before[key]!r} and is now {now[key]!r}" for key in changed)
        was += " (of all processes together)" if "batch" in changed and processes.count() > 1 else ""
        if set(changed) - LENGTHS - PARTS:
            raise TrainingError(f"{self.root} cannot go on with other settings: {was}.")
        if changed:
            what = "another length" if set(changed) & LENGTHS else "a batch in other parts"
            processes.say(f"going on with {what}: {was}")
        return newest

    def begin(self, method: str, config: TrainingConfig, images: int) -> None:
        """Write the settings, and forget what was logged after the first `images` images."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.forget_stats_after(images)
        write_atomic(self.root / SETTINGS_FILE, json.dumps(self.settings(method, config), indent=2).encode())

    def forget_stats_after(self, images: int) -> None:
        """Drop the lines that will be written again."""
        stats = self.root / "stats.jsonl"
        if stats.exists():
            lines = [line for line in stats.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["images"] <= images]
            write_atomic(stats, "".join(f"{line}\n" for line in kept).encode())

    def log(self, line: Mapping[str, float | str]) -> None:
        """Append one line of statistics."""
        with (self.root / "stats.jsonl").open("a") as stats:
            stats.write(
                json.dumps({k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in line.items()}) + "\n"
            )

    def sample(self, images: int, rows: list[dict[str, Tensor]]) -> None:
        """Write a sheet: a row for each picture, a column for each of its versions, [1, 3, H, W] in [-1, 1]."""
        side = max(max(part.shape[-2:]) for row in rows for part in row.values())
        names = list(rows[0])
        sheet = Image.new("RGB", (len(names) * (side + 4), 14 + len(rows) * (side + 4)), "white")
        draw = ImageDraw.Draw(sheet)
        for column, name in enumerate(names):
            draw.text((column * (side + 4) + 2, 1), name, fill="black")
            for line, row in enumerate(rows):
                image = Image.fromarray(to_pixels(row[name][0]))
                sheet.paste(image, (column * (side + 4), 14 + line * (side + 4)))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        write_atomic(self.root / "samples" / f"{images:09d}.png", buffer.getvalue())

    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        return sorted(path.parent for path in self.root.glob("checkpoints/[0-9]*/state.pt"))

    def newest_checkpoint(self) -> Path | None:
        """The checkpoint to go on from."""
        return next(reversed(self.checkpoints()), None)

    def best(self) -> dict[str, Any]:
        """Number of images, measure and value of the best checkpoint; empty if none was measured."""
        try:
            found: dict[str, Any] = json.loads((self.root / "best.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def save_checkpoint(
        self,
        images: int,
        state: dict[str, Any],
        write_weights: Callable[[Path], None],
        keep: int,
        best: Mapping[str, Any],
    ) -> None:
        """One folder for each: `write_weights(folder)` adds the .safetensors files. It appears whole or not at all.

        Args:
            keep: of the newest that stay; the older ones go, but for the best.
            best: as `best` gives it; empty if nothing has been measured.
        """
        final = self.root / "checkpoints" / f"{images:09d}"
        temporary = final.with_name(f".{final.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        write_weights(temporary)
        torch.save({"schema": STATE_SCHEMA, **state}, temporary / "state.pt")
        shutil.rmtree(final, ignore_errors=True)
        temporary.replace(final)
        if best:
            write_atomic(self.root / "best.json", json.dumps(dict(best)).encode())
        for old in self.checkpoints()[:-keep]:
            if not best or int(old.name) != best["images"]:
                shutil.rmtree(old)

    def load_state(self, checkpoint: Path) -> dict[str, Any]:
        """What `save_checkpoint` was given, by this version or an earlier one.

        Raises:
            TrainingError: damaged, not plain data, or of a newer version.
        """
        try:
            state = torch.load(checkpoint / "state.pt", weights_only=True, map_location="cpu")
        except Exception as error:  # torch raises anything from a damaged file
            raise TrainingError(
                f"cannot go on from {checkpoint} ({error}). Remove that folder to go on from the one before it."
            ) from error
        return read_state(state, checkpoint / "state.pt")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives them back."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def to_pixels(image: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """[3, H, W] in [-1, 1] -> [H, W, 3] uint8, rounded."""
    scaled = ((image.float().clamp(-1, 1) + 1) * 127.5).round()
    return scaled.permute(1, 2, 0).to("cpu", torch.uint8).numpy()
