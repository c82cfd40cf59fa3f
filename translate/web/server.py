"""The page on the network: who may reach it, where, and until when."""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
import threading
from types import FrameType

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import ConfigError
from translate.config import AppConfig
from translate.web.local_gradio import gr
from translate.web.page import build_app

PORTS_TRIED = 100
MAX_UPLOAD = "200mb"


def serve(config: AppConfig, app: gr.Blocks | None = None) -> None:
    """Serve the page until Ctrl-C (or SIGTERM), and say where it is on standard error.

    Args:
        config: address, accounts, device and limits.
        app: a page that is already built; device and limits are then its own.
    Raises:
        ConfigError: an address other than this machine's own without --auth, --auth that is no user:password,
            or an address or port that cannot be had.
    """
    accounts = _accounts(config)
    port = free_port(config.host, config.port)
    app = app or build_app(config.device, config.max_pixels)
    signal.signal(signal.SIGTERM, _stop)
    launch(app, f"[{config.host}]" if ":" in config.host else config.host, port, accounts, config.open)
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


def launch(app: gr.Blocks, host: str, port: int, accounts: list[tuple[str, str]] | None, browse: bool = False) -> None:
    """Start serving and return; `app.local_url` is the address, `app.close()` the end.

    Everything that would send something out of this machine, or keep something of the visitor's, is off.
    """
    fonts = ("system-ui", "sans-serif")
    app.launch(
        server_name=host,
        server_port=port,
        auth=accounts,
        inbrowser=browse,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        ssr_mode=False,
        mcp_server=False,
        footer_links=["api"],
        max_file_size=MAX_UPLOAD,
        app_kwargs={"middleware": [Middleware(_NoAddresses)]},
        theme=gr.themes.Default(font=fonts, font_mono=("ui-monospace", "monospace")),
    )


class _NoAddresses:
    """Refuses Gradio's `/file=http://...`, with which this machine would fetch addresses for its visitors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "file=http" in scope["path"].lower():
            await PlainTextResponse("web addresses are not opened.", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _accounts(config: AppConfig) -> list[tuple[str, str]] | None:
    accounts = []
    for number, entry in enumerate(config.auth, start=1):
        user, colon, password = entry.partition(":")
        if not (user and colon and password):
            # Not quoted: it may be a password.
            raise ConfigError(f"--auth number {number} is not user:password.")
        accounts.append((user, password))
    if not accounts and not _is_local(config.host):
        raise ConfigError(
            f"--host {config.host} lets other machines use this page: say who may, with --auth user:password,"
            " or leave out --host."
        )
    return accounts or None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
