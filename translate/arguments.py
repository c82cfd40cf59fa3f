"""Arguments of the command line become settings: what all commands share."""

from __future__ import annotations

from typing import TypeVar

from models.errors import UsageError

Config = TypeVar("Config")


def parse(config: type[Config], arguments: list[str], command: str, default: Config | None = None) -> Config:
    """What `translate COMMAND` was given, as settings; tyro ends the program where they are wrong, or for --help."""
    import tyro

    if default is None:
        return tyro.cli(config, args=arguments, prog=f"translate {command}")
    return tyro.cli(config, args=arguments, prog=f"translate {command}", default=default)


def take_option(arguments: list[str], option: str) -> tuple[str, list[str]]:
    """The value of an option that decides about the defaults of the others, and the arguments without it."""
    for index, argument in enumerate(arguments):
        if argument == option:
            if index + 1 == len(arguments):
                raise UsageError(f"{option} needs a name.")
            return arguments[index + 1], arguments[:index] + arguments[index + 2 :]
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2], arguments[:index] + arguments[index + 1 :]
    return "", arguments
