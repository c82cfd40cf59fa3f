"""A way out of a large picture: whoever waits for it may have it given up between two of its pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_wanted: ContextVar[Callable[[], bool] | None] = ContextVar("wanted", default=None)


class Cancelled(BaseException):
    """The picture was given up. No error of the picture's: nothing that deals with those may catch it."""


@contextmanager
def cancellable(wanted: Callable[[], bool]) -> Iterator[None]:
    """Within it, this thread's translations end by `Cancelled` once they are not wanted any more."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def checkpoint() -> None:
    """Between two pieces of a picture.

    Raises:
        Cancelled: it is not wanted any more.
    """
    wanted = _wanted.get()
    if wanted is not None and not wanted():
        raise Cancelled
