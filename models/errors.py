"""Every failure a user can cause or fix. The message says what was wrong, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest, after a space; nothing where none is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class TranslateError(Exception):
    """Root of the tree. The command line prints the message without a traceback and exits with `exit_code`."""

    exit_code = 1


class UsageError(TranslateError):
    """What was asked for does not make sense, whatever the files hold: options, names, settings."""

    exit_code = 2


class ConfigError(UsageError):
    """Settings that are unknown, out of range, or contradict each other."""


class UnknownNameError(UsageError):
    """A name that is not in a registry. Answers with near ones and all that are known."""

    kind = "name"

    def __init__(self, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        super().__init__(
            f"no {self.kind} named {name!r}.{did_you_mean(name, known)} Known: {', '.join(known) or 'none'}."
            f"{' ' + hint if hint else ''}"
        )


class UnknownGenerator(UnknownNameError):
    kind = "generator"


class UnknownDiscriminator(UnknownNameError):
    kind = "discriminator"


class UnknownModel(UnknownNameError):
    kind = "model"


class UnknownRecipe(UnknownNameError):
    kind = "recipe"


class BadManifest(TranslateError):
    """A Manifest that is missing, damaged, or of a schema this version does not know."""


class BadModelFile(TranslateError):
    """A model file that cannot be used, or that is not safe to open."""


class BadCheckpoint(BadModelFile):
    """Weights that do not fit the network their Manifest names."""


class BadPicture(TranslateError):
    """A picture that cannot be read or written faithfully."""


class DiskFull(TranslateError):
    """The disk has no room left: what comes after would fail as well."""


class TooLarge(TranslateError):
    """A picture, result or file beyond a configured limit; names the option that raises it."""


class DeviceError(TranslateError):
    """A device or precision that was asked for by name and cannot be had; says why."""


class DataError(TranslateError):
    """A folder of training pictures that cannot be used as it is."""


class TrainingError(TranslateError):
    """A run that cannot start, resume or go on."""


class ExportError(TranslateError):
    """An exported file that does not compute what the network computes; it was not kept."""


class HubError(TranslateError):
    """A repository of models that cannot be reached, or whose files are not to be trusted."""


class MissingExtra(TranslateError):
    """A part of the application that is not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install '.[{extra}]' in the application's source")
