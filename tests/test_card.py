"""Model cards: what `translate export --card` writes of a run, and what of a card the Hub reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from onnx_models import make_model
from PIL import Image

from export.config import ExportConfig
from models.card import front_matter, has_front_matter, model_card
from models.errors import UsageError
from models.manifest import Manifest
from translate import exporting
from translate.exporting import export

FACTS: dict[str, Any] = {"task": "translation", "source": "a", "target": "b", "generator": "resnet_9blocks"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with two checkpoints, and an export that needs no network."""
    run = tmp_path / "run"
    for images in (1000, 2000):
        folder = run / "checkpoints" / f"{images:09d}"
        folder.mkdir(parents=True)
        (folder / "g.safetensors").write_bytes(b"")
        (run / "samples").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (images // 10, 0, 0)).save(run / "samples" / f"{images:09d}.png")
    settings = {"method": "srgan", "data": "/home/ann/secret", "out": "runs/x", "generator": "srresnet", "images": 2000,
                "size": 96, "batch": 16, "learning_rate": 1e-4, "ema": 0.5, "license": "MIT"}  # fmt: skip
    (run / "config.json").write_text(json.dumps(settings))
    lines = [
        {"images": 900, "steps": 9, "g_content": 0.5, "images_per_second": 3.0, "gradient_norm_g": 7.0},
        {"images": 1000, "steps": 10, "validation_psnr": 27.125},
        {"images": 1900, "steps": 19, "g_content": 0.25, "images_per_second": 3.0},
    ]
    (run / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"images": 20')
    (run / "best.json").write_text(json.dumps({"images": 1000, "measure": "validation_psnr", "value": 27.125}))

    def stand_in(source: Path, out: Path, *_: Any, **options: Any) -> tuple[Path, str]:
        psnr = 27.125 if options["best"] else 26.5
        return make_model(out, name="mine", license="MIT", metrics={"validation_psnr": psnr}), "verified"

    monkeypatch.setattr("export.command.export_command", stand_in)
    return run


def write(run: Path, out: Path, **options: Any) -> str:
    said = list(export(ExportConfig(source=str(run), out=out, card=True, **options)))
    assert said[-1] == (out.with_name("README.md"), "the model card")
    return said[-1][0].read_text(encoding="utf-8")


def test_the_card_of_a_run_holds_its_numbers_and_samples(run: Path, tmp_path: Path) -> None:
    card = write(run, tmp_path / "mine" / "model.onnx")
    assert has_front_matter(card)
    for row in ("| method | srgan |", "| generator | srresnet |", "| ema | 0.5 |", "| batch | 16 |",
                "| validation psnr | 26.5 |", "| g_content | 0.25 |", "| images seen | 2,000 |",
                "| best validation psnr | 27.12 after 1,000 images |", "after 2,000 images](sample.png)",
                "translate run PICTURES -m model.onnx", "Terms of the weights: MIT."):  # fmt: skip
        assert row in card
    assert "secret" not in card
    assert "gradient" not in card
    assert (tmp_path / "mine/sample.png").read_bytes() == (run / "samples/000002000.png").read_bytes()


def test_the_card_is_that_of_the_checkpoint(run: Path, tmp_path: Path) -> None:
    card = write(run, tmp_path / "mine" / "model.onnx", checkpoint="best")
    assert "| validation psnr | 27.12 |" in card
    assert "| g_content | 0.5 |" in card
    assert (tmp_path / "mine/sample.png").read_bytes() == (run / "samples/000001000.png").read_bytes()
    assert "| images seen | 2,000 |" in write(run, tmp_path / "mine" / "model.onnx")  # its own card is replaced


def test_another_readme_is_never_replaced(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text("# My project\n")
    monkeypatch.setattr(exporting, "_trained", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(UsageError, match=r"README\.md is there already, and no model card"):
        write(run, tmp_path / "model.onnx")
    assert (tmp_path / "README.md").read_text() == "# My project\n"


def test_a_model_without_a_run_gets_a_photograph(tmp_path: Path) -> None:
    source = make_model(tmp_path / "source.onnx", scale=2, name="mine")
    card = write(source, tmp_path / "new" / "model.onnx")
    assert "## Training" not in card
    with Image.open(tmp_path / "new" / "sample.png") as sample:
        assert sample.width > 320


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-or-later", {"license": "gpl-3.0"}),
        ("CC-BY-NC-SA-4.0", {"license": "cc-by-nc-sa-4.0"}),
        ("research only: don't", {"license": "other", "license_name": "research-only-don-t"}),
        ("", {"license": "other", "license_name": "not-stated"}),
    ],
)
def test_terms_as_the_hub_names_them(terms: str, expected: dict[str, str]) -> None:
    text = front_matter(Manifest(name="m", license=terms, **FACTS))
    found = yaml.safe_load(text.strip("-"))
    assert {name: found[name] for name in expected} == expected
    assert found["pipeline_tag"] == "image-to-image"


@pytest.mark.parametrize("text", ['a "quoted": name', "--- |", "{x: [y", "naïve\u2028 'and' # more", "yes"])
def test_no_word_breaks_the_front_matter_or_a_table(text: str) -> None:
    manifest = Manifest(name="m", license=text, arguments={"kind": text}, metrics={text: 1.5}, **FACTS)
    card = model_card(manifest, size=10, use="x", training=[(text, f"{text}\n|")])
    found = yaml.safe_load(card.split("\n---\n", 1)[0].removeprefix("---\n"))
    assert found["metrics"] == [text]
    assert has_front_matter(card)
    (row,) = [line for line in card.splitlines() if line.endswith("\\| |")]
    assert row.count("|") - row.count("\\|") == 3


def test_other_readmes_are_no_cards() -> None:
    for text in ("# Notes\n", "---\ntitle: a page\n---\npipeline_tag: image-to-image\n", ""):
        assert not has_front_matter(text)
