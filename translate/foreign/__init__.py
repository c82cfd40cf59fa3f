"""Other programs' ONNX files, brought to the contract of this application: `import_model(config)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.foreign.importing import Fact, Imported, import_model

__all__ = ["Fact", "Imported", "import_model"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for (PEP 562)."""
    if name in __all__:
        from translate.foreign import importing

        return getattr(importing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
