"""Comparing what checkpoints hold: nested dictionaries and lists of tensors and plain values."""

from collections.abc import Iterator
from typing import Any

import torch


def leaves(state: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Each value within, or empty one of these, and where it is."""
    if isinstance(state, dict) and state:
        for key, value in state.items():
            yield from leaves(value, f"{where}.{key}")
    elif isinstance(state, list) and state:
        for index, value in enumerate(state):
            yield from leaves(value, f"{where}[{index}]")
    else:
        yield where, state


def differences(one: Any, other: Any, tolerance: float) -> list[str]:
    """Where two, of the same structure, differ; tensors by more than `tolerance` somewhere."""
    a, b = dict(leaves(one)), dict(leaves(other))
    assert a.keys() == b.keys()
    return [
        where
        for where, value in a.items()
        if not (
            (value.shape, value.dtype) == (b[where].shape, b[where].dtype)
            and bool(((value.double() - b[where].double()).abs() <= tolerance).all())
            if isinstance(value, torch.Tensor)
            else value == b[where]
        )
    ]
