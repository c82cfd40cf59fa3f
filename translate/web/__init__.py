"""The web page: choose a model, drop a picture, see the difference, take the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.web.page import build_app
    from translate.web.server import serve

__all__ = ["build_app", "serve"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for (PEP 562): Gradio takes a second."""
    if name == "build_app":
        from translate.web.page import build_app

        return build_app
    if name == "serve":
        from translate.web.server import serve

        return serve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
