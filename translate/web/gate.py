"""What every request passes first: refuses what the page never asks for, and answers /health."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from translate.version import VERSION

MAX_BODY = 1_000_000
"""Bytes of a request that is no upload: names, numbers and paths."""


class Gate:
    """ASGI middleware.

    Refuses Gradio's `/file=http://...`, with which this machine would fetch addresses for its visitors, and bodies
    of more than `MAX_BODY` bytes where no file is uploaded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/health":
            await JSONResponse({"status": "ok", "version": VERSION})(scope, receive, send)
        elif "file=http" in scope["path"].lower():
            await PlainTextResponse("web addresses are not opened.", 403)(scope, receive, send)
        elif scope["path"].rstrip("/").endswith("/upload"):
            await self._app(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length) > MAX_BODY:
            refusal = PlainTextResponse(f"a request has at most {MAX_BODY:,} bytes; upload files.", 413)
            await refusal(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # Without a length, or with a wrong one, the rest is never read.
            return {"type": "http.disconnect"} if seen > MAX_BODY else message

        await self._app(scope, counted, send)
