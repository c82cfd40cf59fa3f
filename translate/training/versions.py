"""What earlier versions wrote into run folders, brought to the form of this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from models.migration import BadSchema, Migration, Values, migrated

SETTINGS_FILE = "config.json"


def _compile_on_or_off(settings: Values) -> Values:
    """Schema 0, without a number: --compile was a switch. (Settings that it lacks are at their defaults.)"""
    was = settings.get("compile")
    return {**settings, "compile": "on" if was else "off"} if isinstance(was, bool) else settings


def _several_feature_networks(settings: Values) -> Values:
    """Schema 1: --perceptual-features named one network, or none."""
    was = settings.get("perceptual_features", [])
    return settings if isinstance(was, list) else {**settings, "perceptual_features": [was] if was else []}


def _memories_of_later_versions(state: Values) -> Values:
    """Schema 0, without a number: the first runs had no sums between two log lines, nothing was found best, no network
    judged, no loss was scaled, there was one process, and nobody wrote down which pictures there were."""
    later: Values = {"sums": {}, "summed": 0, "best": {}, "judges": {}, "scale": {}, "others": []}
    later |= {"pictures": "", "data": ""}
    return {**later, **state}


SETTINGS_MIGRATIONS: tuple[Migration, ...] = (_compile_on_or_off, _several_feature_networks)
"""Of config.json. A new setting needs none where its default is what was done without it."""
STATE_MIGRATIONS: tuple[Migration, ...] = (_memories_of_later_versions,)
"""Of state.pt."""
SETTINGS_SCHEMA, STATE_SCHEMA = len(SETTINGS_MIGRATIONS), len(STATE_MIGRATIONS)


def read_settings(run: Path) -> dict[str, Any]:
    """What config.json in a run folder holds, in the newest form and without its number.

    Raises:
        FileNotFoundError: there is none.
        TrainingError: damaged, or of a newer version.
    """
    path = run / SETTINGS_FILE
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(settings, dict):
            raise TypeError("no JSON object")
    except FileNotFoundError:
        raise
    except (OSError, TypeError, ValueError) as error:
        raise TrainingError(
            f"cannot read the settings of the run, {path} ({error}). Put a copy back, or begin another run in another "
            "folder; the checkpoints can be exported, and named with --start-from, without it."
        ) from None
    try:
        settings = migrated(settings, SETTINGS_MIGRATIONS)
    except BadSchema as error:
        raise TrainingError(f"{path} {error}.") from None
    return {name: value for name, value in settings.items() if name != "schema"}


def read_state(state: object, path: Path) -> dict[str, Any]:
    """What state.pt in a checkpoint holds, in the newest form.

    Args:
        state: as loaded from `path`.
    Raises:
        TrainingError: no state of a run, or of a newer version.
    """
    if not isinstance(state, dict):
        raise TrainingError(f"{path} holds no state of a run. Remove its folder to go on from the one before it.")
    try:
        return migrated(state, STATE_MIGRATIONS)
    except BadSchema as error:
        raise TrainingError(f"{path} {error}.") from None
