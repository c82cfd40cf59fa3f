"""Errors on their way to the page: the sentence that the command line prints, once, and never a trace."""

from __future__ import annotations

import contextlib
import functools
import html
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from models.errors import TranslateError
from translate.web.engine import sentence
from translate.web.local_gradio import gr

P = ParamSpec("P")
R = TypeVar("R")


def refusal(text: str) -> gr.Error:
    """What the page shows in its corner, and a program gets as its error."""
    # The page shows the message as HTML, and file names are the visitor's.
    return gr.Error(html.escape(text, quote=False), print_exception=False)


@contextlib.contextmanager
def saying() -> Iterator[None]:
    """What goes wrong inside becomes a sentence that the page shows.

    What nobody foresaw is written to standard error, for whoever runs the server, and the visitor is told no more than
    that it happened.
    """
    try:
        yield
    except gr.Error:
        raise
    except (TranslateError, MemoryError) as error:
        raise refusal(sentence(error)) from None
    except Exception:  # noqa: BLE001  runtimes raise what they like
        traceback.print_exc(file=sys.stderr)
        raise refusal("something went wrong in the server; its log has the details.") from None


def said(action: Callable[P, R]) -> Callable[P, R]:
    """The same action, `saying` what goes wrong."""

    @functools.wraps(action)
    def told(*arguments: P.args, **named: P.kwargs) -> R:
        with saying():
            return action(*arguments, **named)

    return told
