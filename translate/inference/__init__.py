"""Run exported models: `Translator.open(name_or_path)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.inference.translator import Translator

__all__ = ["Translator"]


def __getattr__(name: str) -> Any:
    """Import the public name when it is asked for (PEP 562)."""
    if name == "Translator":
        from translate.inference.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
