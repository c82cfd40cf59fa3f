"""Turn one kind of picture into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.errors import TranslateError
    from translate.inference import Chain, Translator

__all__ = ["Chain", "TranslateError", "Translator"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for (PEP 562)."""
    if name in ("Chain", "Translator"):
        import translate.inference

        return getattr(translate.inference, name)
    if name == "TranslateError":
        from models.errors import TranslateError

        return TranslateError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
