"""A model card: what a model is, for readers and for the Hub's index, written from its Manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from models.manifest import Manifest

CARD_NAME = "README.md"
PIPELINE = "pipeline_tag: image-to-image"
"""By this line of the front matter a card is known."""

_LICENSES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "unlicense", "cc0-1.0"),
    *(f"cc-by-{kind}{version}" for kind in ("", "sa-", "nc-", "nc-sa-") for version in ("2.0", "3.0", "4.0")),
    *(f"{kind}gpl-{version}" for kind in ("", "l", "a") for version in ("2.0", "2.1", "3.0")),
}
"""Names that the Hub has for terms; whatever else is `other` to it."""


def model_card(
    manifest: Manifest,
    *,
    size: int,
    use: str,
    picture: tuple[str, str] | None = None,
    figures: Sequence[tuple[str, str]] = (),
    training: Sequence[tuple[str, str]] = (),
) -> str:
    """The whole card, front matter included.

    Args:
        size: bytes of the .onnx file.
        use: the command that converts pictures with it.
        picture: file beside the card that shows before and after, and what is seen there.
        figures: name and value of what was measured; the Manifest's own metrics if there are none.
        training: name and value of what is known of the training, further than the Manifest.
    """
    figures = figures or [(name.replace("_", " "), f"{value:.4g}") for name, value in manifest.metrics.items()]
    parts = [f"{front_matter(manifest)}\n# {manifest.name}", f"From {manifest.source} to {manifest.target}."]
    if picture:
        parts.append(f"![{picture[1]}]({picture[0]})")
    parts += [_table(_facts(manifest, size)), f"## Use\n\n    {use}", f"## Data and terms\n\n{_terms(manifest)}"]
    if training:
        parts.append(f"## Training\n\n{_table(training)}")
    parts.append("## Figures\n\n" + (_table(figures) if figures else "Nothing was measured."))
    return "\n\n".join(parts) + "\n"


def front_matter(manifest: Manifest) -> str:
    """What the Hub sorts and shows a model by, as YAML between lines of dashes."""
    terms = re.sub(r"-(or-later|only)$", "", manifest.license.lower())
    values: dict[str, Any] = {"license": terms if terms in _LICENSES else "other"}
    if terms not in _LICENSES:
        values["license_name"] = re.sub(r"[^a-z0-9.]+", "-", terms)[:60].strip("-.") or "not-stated"
    tags = ["translate-images", "onnx", manifest.task, manifest.generator]
    values |= {"library_name": "onnx", "tags": list(dict.fromkeys(tags))}
    if manifest.metrics:
        values["metrics"] = sorted(manifest.metrics)
    # JSON's strings and lists are YAML, but for three characters that it takes for ends of lines
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    lines = [re.sub("[\x85\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", line) for line in lines]
    return "\n".join(["---", PIPELINE, *lines, "---"])


def has_front_matter(card: str) -> bool:
    """Whether a text is a card for the Hub, rather than any other README."""
    head = card.split("\n---", 1)[0]
    return card.startswith("---\n") and PIPELINE in head.splitlines()


def _facts(manifest: Manifest, size: int) -> list[tuple[str, str]]:
    arguments = ", ".join(f"{name} {value}" for name, value in manifest.arguments.items())
    sides = "any" if manifest.multiple == manifest.minimum == 1 else (
        f"multiples of {manifest.multiple} from {manifest.minimum} pixels"
    )  # fmt: skip
    near = ", ".join(f"{name} {value:.1f} dB" for name, value in manifest.precisions.items())
    work = f"{manifest.work_size} pixels on the long side" if manifest.work_size else ""
    whole = "by the whole picture" if manifest.normalization == "picture" else ""
    facts = [
        ("task", f"{manifest.task}, x{manifest.scale}" if manifest.scale > 1 else manifest.task),
        ("network", f"`{manifest.generator}`" + (f" ({arguments})" if arguments else "")),
        ("file", f"ONNX, {manifest.channels} channels in [0, 1], free batch and size, {size / 1e6:.1f} MB"),
        ("sides", sides),
        ("work size", work),
        ("normalises", whole),
        ("lower precision, against fp32", near),
        ("updates", f"{manifest.steps:,}" if manifest.steps else ""),
        ("made by", manifest.created_by),
    ]
    return [(name, value) for name, value in facts if value]


def _terms(manifest: Manifest) -> str:
    data = manifest.training_data or "What it was trained on is not stated"
    return f"{data.rstrip('.')}.\n\nTerms of the weights: {manifest.license or 'not stated'}."


def _table(rows: Sequence[tuple[str, str]]) -> str:
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(["| | |", "|---|---|", *(f"| {' | '.join(row)} |" for row in cells)])
