"""The README says what is so: its commands, options, links and model table are checked against the code."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from models.zoo import build_generator
from translate.cli import COMMANDS, main
from translate.store import find_model, list_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line.strip() for line in README.splitlines() if line.startswith("    ")]


def help_of(*command: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*command, "--help"]) == 0
    return out.getvalue()


@pytest.mark.parametrize("line", [line for line in LINES if re.match(r"(\S*bin/)?translate ", line)])
def test_commands_and_their_options_exist(line: str) -> None:
    _, command, *words = line.split()
    assert command in COMMANDS
    method = words[:1] if command == "train" or words[:1] in (["import"], ["pull"], ["push"]) else []
    known = help_of(command, *method)
    for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line):
        assert option in known or option == "--recipe", f"{option} is not in translate {command} --help"


def test_options_named_in_the_text_exist() -> None:
    helps = "".join(
        help_of(*c)
        for c in (
            ["run"],
            ["export"],
            ["evaluate"],
            ["data", "check"],
            ["report"],
            ["models"],
            ["models", "import"],
            ["models", "pull"],
            ["models", "push"],
            ["app"],
            ["train"],
            ["train", "srgan"],
            ["train", "pix2pix"],
        )
    )
    for option in set(re.findall(r"`(--[a-z][a-z-]*)", README)):
        assert option in helps, option


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_shipped_model_is_in_the_table_as_it_is() -> None:
    shipped = [model for model in list_models() if model.origin == "shipped"]
    assert shipped
    for model in shipped:
        assert model.manifest is not None
        parameters = sum(p.numel() for p in build_generator(
            model.manifest.generator, **model.manifest.arguments).parameters())  # fmt: skip
        (row,) = [line for line in README.splitlines() if line.startswith(f"| [`{model.name}`]")]
        assert f"| {parameters:,} |" in row
        assert f"| {model.manifest.license} |" in row
        card = (find_model(model.name).parent / "README.md").read_text(encoding="utf-8")
        for fact in (f"{parameters:,}", model.manifest.license, f"{model.manifest.steps:,}"):
            assert fact in card, f"the card of {model.name} does not say {fact}"
        assert find_model(model.name).stat().st_size <= 16 * 2**20
