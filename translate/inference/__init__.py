"""Run exported models: `Translator.open(name_or_path)`, several in a row: `Chain.open(names_or_paths)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.inference.chain import Chain
    from translate.inference.translator import Translator

__all__ = ["Chain", "Translator"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for (PEP 562)."""
    if name == "Chain":
        from translate.inference.chain import Chain

        return Chain
    if name == "Translator":
        from translate.inference.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
