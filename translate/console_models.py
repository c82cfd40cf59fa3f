"""What the command line shows of models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Any

from rich.table import Table

from translate.console import new_table, show_table
from translate.describe import SHORT_HASH, as_json, described
from translate.report import amount

if TYPE_CHECKING:
    from translate.foreign import Imported
    from translate.hub import Pulled, Pushed
    from translate.store import InstalledModel


def print_models(models: Sequence[InstalledModel], *, json: bool = False) -> None:
    """One line a model, or JSON."""
    if json:
        print(dumps([as_json(model) for model in models], indent=1))
        return
    table = new_table("name", "task", "scale", "what for", "licence", "size", "origin", "sha256")
    for model in models:
        size = f"{model.path.stat().st_size / 1e6:.1f} MB"
        if model.manifest is None:
            table.add_row(model.name, "broken", "", model.problem, "", size, model.origin, model.sha256[:SHORT_HASH])
            continue
        manifest = model.manifest
        purpose = f"{manifest.source} → {manifest.target}"
        table.add_row(
            *(model.name, manifest.task, f"x{manifest.scale}", purpose, manifest.license, size),
            *(model.origin, model.sha256[:SHORT_HASH]),
        )
    if models:
        show_table(table)
    else:
        print("no models installed.")


def print_model(model: InstalledModel, *, json: bool = False) -> None:
    """What a model says of itself, one line each, or JSON."""
    if json:
        print(dumps(as_json(model), indent=1))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in described(model):
        table.add_row(name, value)
    show_table(table)


def print_imported(imported: Imported) -> None:
    """What was found out about a model, why, and what says otherwise; doubts on standard error."""
    table = new_table("what", "found", "because", "otherwise")
    for fact in imported.facts:
        table.add_row(fact.name, fact.value, fact.reason, fact.option)
    show_table(table)
    for warning in imported.warnings:
        print(f"translate: {imported.manifest.name}: {warning}", file=sys.stderr)
    name = imported.path.parent.name
    print(f"{name} is in {imported.path}. Try it: translate run PHOTO -m {name} -o out")


def print_pulled(pulled: Pulled) -> None:
    """What is here now, and from where exactly."""
    name = pulled.path.parent.name
    print(f"{name} {'is in' if pulled.fetched else 'was here already, in'} {pulled.path}")
    print(f"from {pulled.place}, SHA-256 {pulled.sha256}")
    print(f"Terms: {pulled.manifest.license or 'not stated'}. Try it: translate run PHOTO -m {name} -o out")


def print_pushed(pushed: Pushed) -> None:
    """What was sent, and how others get exactly that; doubts on standard error."""
    table = new_table("file", "size")
    for name, size in pushed.files.items():
        table.add_row(name, amount(size))
    show_table(table)
    for warning in pushed.warnings:
        print(f"translate: {warning}", file=sys.stderr)
    if pushed.address:
        print(f"published: {pushed.address}\nOthers get it by: translate models pull {pushed.place}")
    else:
        print(f"would be sent to {pushed.place}; nothing was.")


def print_zoo(networks: Sequence[Any]) -> None:
    """One line a network."""
    table = new_table(*(name.replace("_", " ") for name in asdict(networks[0])))
    for network in networks:
        cells = asdict(network).values()
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells))
    show_table(table)
