"""The page on the network: who may reach it, where, and until when."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

from starlette.middleware import Middleware

from models.errors import ConfigError, MissingExtra
from translate.config import AppConfig
from translate.web.access import Accounts, on_spaces, read_accounts
from translate.web.gate import Gate
from translate.web.local_gradio import gr
from translate.web.page import build_app

PORTS_TRIED = 100


def serve(config: AppConfig, app: gr.Blocks | None = None) -> None:
    """Serve the page until Ctrl-C (or SIGTERM), and say where it is on standard error.

    On Hugging Face Spaces it listens where Spaces looks for it.

    Args:
        config: address, accounts, device and limits.
        app: the page of this configuration, if it is already built.
    Raises:
        ConfigError: an address other than this machine's own without accounts, an account that is no user:password,
            --runs without a folder, or an address or port that cannot be had.
        MissingExtra: --mcp without its packages.
    """
    if on_spaces():
        host = os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0")  # noqa: S104  that is what Spaces is for
        config = dataclasses.replace(config, host=host)
    accounts = read_accounts(config)
    if config.mcp and not importlib.util.find_spec("mcp"):
        raise MissingExtra("mcp", "--mcp")
    if config.runs and not config.runs.is_dir():
        raise ConfigError(f"--runs {config.runs} is no folder.")
    port = free_port(config.host, config.port)
    app = app or build_app(config)
    signal.signal(signal.SIGTERM, _stop)
    launch(app, config, port, accounts)
    note = "" if port == config.port else f"port {config.port} is taken; "
    sys.stderr.write(f"The page is at {app.local_url} ({note}Ctrl-C stops it)\n")
    sys.stderr.flush()
    try:
        # With a limit, because Windows cannot interrupt an endless wait.
        while not threading.Event().wait(1.0):
            continue
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
    finally:
        app.close(verbose=False)


def launch(app: gr.Blocks, config: AppConfig, port: int, accounts: Accounts | None) -> None:
    """Start serving and return; `app.local_url` is the address, `app.close()` the end.

    Everything that would send something out of this machine, or keep something of the visitor's, is off.
    """
    app.launch(
        server_name=f"[{config.host}]" if ":" in config.host else config.host,
        server_port=port,
        auth=accounts,
        inbrowser=config.open,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        ssr_mode=False,
        mcp_server=config.mcp,
        footer_links=[],
        max_file_size=config.max_upload,
        app_kwargs={"middleware": [Middleware(Gate)]},
        theme=_theme(),
        css_paths=Path(__file__).with_name("page.css"),
        js=Path(__file__).with_name("page.js").read_text(encoding="utf-8"),
    )


def _theme() -> gr.themes.Base:
    """Fonts of this machine; white on the button and the small print at least 4.5 : 1 from what is behind them."""
    theme = gr.themes.Default(font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace"))
    return theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )


def free_port(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on.

    Raises:
        ConfigError: no such address here, or `PORTS_TRIED` ports in a row are taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, first, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--host {host} is no address of this machine: {error}.") from None
    reason: OSError | None = None
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket(family, kind, protocol) as probe:
            if sys.platform != "win32":  # there it would also share a port that is taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address[0], port))
            except OSError as error:
                reason = error
            else:
                return port
    raise ConfigError(f"no port from --port {first} on is free on {host}: {reason}.")


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
