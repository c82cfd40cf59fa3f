"""Train a translator: one step per method, one loop for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate.training.run import train

__all__ = ["train"]


def __getattr__(name: str) -> Any:
    """Import torch only when training is asked for (PEP 562)."""
    if name == "train":
        from translate.training.run import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
