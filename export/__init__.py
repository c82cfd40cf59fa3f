"""A generator leaves PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# ONNX Runtime would send events to its maker, and reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from export.command import export_command
    from export.contract import check_contract
    from export.onnx import export_onnx
    from export.verify import Parity, verify

__all__ = ["Parity", "check_contract", "export_command", "export_onnx", "verify"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are asked for (PEP 562): most of them bring PyTorch."""
    if name == "export_command":
        from export.command import export_command

        return export_command
    if name == "check_contract":
        from export.contract import check_contract

        return check_contract
    if name == "export_onnx":
        from export.onnx import export_onnx

        return export_onnx
    if name in ("Parity", "verify"):
        from export import verify as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
