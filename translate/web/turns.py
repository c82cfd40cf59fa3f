"""Who computes now: one network call at a time, in the order of asking, and none for a job that has ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from models.errors import TranslateError
from translate.inference.protocols import Backend, Batch, Compiled, Feeds
from translate.inference.translator import Translator


class Stopped(TranslateError):
    """A job that was cancelled, or took longer than the server allows."""


@dataclass
class Job:
    """One visitor's request, and until when it may compute."""

    seconds: float
    """Longest that it may take."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when it has ended."""
    why: str = ""
    """Why it was ended: a sentence."""
    start: float = field(default_factory=time.monotonic)

    def end(self, why: str) -> None:
        """Let it compute no more. The first reason counts."""
        self.why = self.why or why
        self.stop.set()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Stopped: not.
        """
        if time.monotonic() - self.start > self.seconds:
            self.end(f"it took longer than {self.seconds:g} seconds; that is this server's limit.")
        if self.stop.is_set():
            raise Stopped(self.why)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """What this thread computes meanwhile is for this job."""
        token = _JOB.set(self)
        try:
            yield
        finally:
            _JOB.reset(token)


_JOB: ContextVar[Job | None] = ContextVar("job", default=None)


class Turns:
    """A lock that is given in the order of asking, so that a folder leaves gaps for other visitors' pictures."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[object] = []

    @property
    def waiting(self) -> int:
        """How many have asked and not finished, the one whose turn it is among them."""
        return len(self._waiting)

    @contextlib.contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for the turn and have it.

        Raises:
            Stopped: the job that asks has ended.
        """
        ticket, job = object(), _JOB.get()
        with self._changed:
            self._waiting.append(ticket)
        try:
            with self._changed:
                while self._waiting[0] is not ticket:
                    if job:
                        job.check()
                    self._changed.wait(0.2)
            if job:
                job.check()
            yield
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()


@dataclass(frozen=True)
class Polite:
    """A backend that waits for its turn before each call."""

    backend: Backend
    turns: Turns

    @property
    def device(self) -> str:
        return self.backend.device

    @property
    def why(self) -> str:
        return self.backend.why

    @property
    def exact(self) -> Backend:
        exact = self.backend.exact
        return self if exact is self.backend else Polite(exact, self.turns)

    def run(self, batch: Batch) -> Batch:
        with self.turns.mine():
            return self.backend.run(batch)

    def compile(self, graph: bytes) -> Compiled:
        compiled = self.backend.compile(graph)

        def call(feeds: Feeds, /) -> list[Batch]:
            with self.turns.mine():
                return compiled(feeds)

        return call


def polite(translator: Translator, turns: Turns) -> Translator:
    """The same translator, waiting for its turns."""
    network = replace(translator.network, backend=Polite(translator.backend, turns))
    return replace(translator, network=network)
