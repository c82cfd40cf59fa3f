"""Where each setting of a run came from: the default, a recipe or the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

NOT_GIVEN = Path("?")
"""What stands for a path that a run needs, where settings are only shown."""


def settings_table(config: Any, recipe: str, recipe_values: dict[str, Any], arguments: list[str]) -> list[list[str]]:
    """Rows of name, value and origin, in the order of the fields.

    Args:
        config: the dataclass that came of it all.
        recipe: its name, if one was asked for.
        recipe_values: what it sets.
        arguments: of the command line.
    """
    given = {word.partition("=")[0].lstrip("-").replace("-", "_") for word in arguments if word.startswith("--")}
    given |= {name.removeprefix("no_") for name in given}
    rows = []
    for field in dataclasses.fields(config):
        if getattr(config, field.name) == NOT_GIVEN:
            origin = "to be given"
        elif field.name in given:
            origin = "flag"
        elif field.name in recipe_values:
            origin = f"recipe {recipe}"
        else:
            origin = "default"
        rows.append([field.name, str(getattr(config, field.name)), origin])
    return rows
