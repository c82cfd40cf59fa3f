"""Models to and from the Hugging Face Hub: `pull(config)`, `push(config)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.hub.pulling import Pulled, pull
    from translate.hub.pushing import Pushed, push

__all__ = ["Pulled", "Pushed", "pull", "push"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for (PEP 562)."""
    if name in ("Pulled", "pull"):
        from translate.hub import pulling

        return getattr(pulling, name)
    if name in ("Pushed", "push"):
        from translate.hub import pushing

        return getattr(pushing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
