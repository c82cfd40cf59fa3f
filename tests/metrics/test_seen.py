"""A model is not measured with pictures that it was trained on or chosen by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import make_model
from PIL import Image

from export.command import find_checkpoint
from models.checkpoint import load_checkpoint
from models.errors import ConfigError
from translate.cli import main
from translate.config_training import EvaluateConfig
from translate.metrics.evaluate import evaluate
from translate.training import train
from translate.training.config import SRGANConfig
from translate.training.seen import BYTES, KEPT, find_seen, fingerprints, merged


def write(folder: Path, count: int, seed: int) -> list[Path]:
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    files = [folder / f"{number}.png" for number in range(count)]
    for file in files:
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    return files


def test_it_is_refused_or_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen, others = write(tmp_path / "train", 4, 0), write(tmp_path / "test", 4, 1)
    model = make_model(tmp_path / "model.onnx", paint="identity", pictures=fingerprints(seen))
    assert evaluate(EvaluateConfig(model=str(model), data=tmp_path, device="cpu")).note == ""
    others[2].write_bytes(seen[1].read_bytes())  # under another name
    with pytest.raises(ConfigError, match=r"tiny was trained on.* 1 or more of these 4 pictures \(such as .*2\.png"):
        evaluate(EvaluateConfig(model=str(model), data=tmp_path, device="cpu"))
    command = ["evaluate", str(model), "--data", str(tmp_path), "-d", "cpu"]
    assert main(command) == 2
    capsys.readouterr()
    assert main([*command, "--allow-seen"]) == 0
    assert "note: tiny was trained on, or chosen by, 1 or more of these 4 pictures" in capsys.readouterr().out
    assert main([*command, "--allow-seen", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["note"].startswith("tiny was trained on")
    assert found["part"] == "test"


def test_training_pictures_of_another_model_are_said(tmp_path: Path) -> None:
    write(tmp_path / "train", 2, 0)
    model = make_model(tmp_path / "model.onnx", paint="identity")
    found = evaluate(EvaluateConfig(model=str(model), data=tmp_path, device="cpu"))
    assert (found.part, found.inputs) == ("train", str(tmp_path / "train"))
    assert found.note.startswith("training pictures")


def test_training_notes_what_it_sees(tmp_path: Path) -> None:
    """Pictures kept aside too, since the best checkpoint is chosen by them; and those of a run that it started from."""
    first, second = write(tmp_path / "first" / "train", 3, 0), write(tmp_path / "second", 2, 1)
    others = write(tmp_path / "first" / "test", 2, 2)
    small: dict[str, Any] = {
        "generator": "compact_x4", "generator_arguments": {"width": 8, "convs": 1}, "images": 2, "batch": 1, "size": 32,
        "validation": 1, "workers": 0, "device": "cpu", "cache": "off",
    }  # fmt: skip
    for name, start in (("first", None), ("second", tmp_path / "runs" / "first")):
        train(SRGANConfig(data=tmp_path / name, out=tmp_path / "runs" / name, start_from=start, **small))
    kept = [load_checkpoint(find_checkpoint(tmp_path / "runs" / name))[1].pictures for name in ("first", "second")]
    assert find_seen(kept[0], [*first, *others, *second]) == first
    assert find_seen(kept[1], [*first, *others, *second]) == [*first, *second]


def test_of_many_pictures_the_smallest_fingerprints_are_kept(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(KEPT + 100)]
    for number, file in enumerate(files):
        file.write_bytes(str(number).encode())
    kept = fingerprints(files)
    assert len(kept) == KEPT * BYTES * 4 // 3
    assert len(find_seen(kept, files)) == KEPT
    assert merged(fingerprints(files[:300]), fingerprints(files[200:])) == kept
    assert find_seen("", [tmp_path / "none.png"]) == []
    assert fingerprints([*files[:2], tmp_path / "none.png"]) == fingerprints(files[:2])
    assert find_seen(kept, [tmp_path / "none.png"]) == []
