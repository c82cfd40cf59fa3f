"""Who may use the page: this machine's user, people with an account, or everybody where that is asked for."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from models.errors import ConfigError
from translate.config import AppConfig

Accounts = list[tuple[str, str]]


def on_spaces() -> bool:
    """Whether this is a Hugging Face Space, which has its own rules on who may come in."""
    return bool(os.environ.get("SPACE_ID"))


def is_local(host: str) -> bool:
    """Whether only this machine reaches a host's address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def may_manage(config: AppConfig) -> bool:
    """Whether visitors may install and remove models: only where they sit at this machine."""
    return is_local(config.host) and not on_spaces()


def read_accounts(config: AppConfig) -> Accounts | None:
    """The accounts of --auth and --auth-file; None where everybody is let in.

    Raises:
        ConfigError: an account that is none, a file that cannot be read, or an address of other machines without
            accounts.
    """
    accounts = [_account(entry, f"--auth number {number}") for number, entry in enumerate(config.auth, start=1)]
    if config.auth_file:
        accounts += _in_file(config.auth_file)
    if not accounts and not (config.no_auth or is_local(config.host) or on_spaces()):
        raise ConfigError(
            f"--host {config.host} lets other machines use this page: say who may, with --auth user:password or "
            "--auth-file FILE, or let everybody in with --no-auth, or leave out --host."
        )
    return accounts or None


def _in_file(path: Path) -> Accounts:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise ConfigError(f"cannot read --auth-file {path}: {reason}.") from None
    entries = [(number, line.strip()) for number, line in enumerate(lines, start=1)]
    accounts = [
        _account(line, f"line {number} of {path}") for number, line in entries if line and not line.startswith("#")
    ]
    if not accounts:
        raise ConfigError(f"--auth-file {path} holds no account; write user:password, one on each line.")
    return accounts


def _account(entry: str, where: str) -> tuple[str, str]:
    user, colon, password = entry.partition(":")
    if not (user and colon and password):
        # Not quoted: it may be a password.
        raise ConfigError(f"{where} is not user:password.")
    return user, password
