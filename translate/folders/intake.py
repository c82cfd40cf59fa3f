"""Pictures on their way in: a few are read ahead, and alike ones leave together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType

from translate.convert import alike
from translate.folders.work import Work
from translate.picture import Picture
from translate.plan import Job

AHEAD = 128
"""Pictures that have been read before their turn: what bounds the memory ..."""
AHEAD_PIXELS = 64_000_000
"""... together with this: no more is read while pictures with more pixels wait."""
GATHER_SECONDS = 0.1
"""How long a picture waits for others like it that are just being read."""


class Intake:
    """Reads jobs in threads of its own, and hands them out."""

    def __init__(self, jobs: Iterable[Job], read: Callable[[Job], Work], readers: int) -> None:
        self._due, self._read = deque(jobs), read
        self._ready = deque[Work]()
        self._reading = self._pixels = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(readers)]

    def __enter__(self) -> Intake:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def group(self, together: Callable[[Picture], int]) -> list[Work]:
        """The picture that waits longest, with those read since that are best translated with it.

        Args:
            together: how many pictures like one are best translated at once.
        Returns:
            All alike; or one that could not be read; or none at the end.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or not (self._due or self._reading))
            if not self._ready:
                return []
            first = self._ready[0]
            picture = first.picture
            group = [first]
            if picture and not first.reason:
                most = together(picture)
                if most > 1:
                    self._changed.wait_for(lambda: self._full() or self._count(picture) >= most, GATHER_SECONDS)
                group = [work for work in self._ready if work is first or _fits(picture, work)][:most]
            chosen = {id(work) for work in group}
            self._ready = deque(work for work in self._ready if id(work) not in chosen)
            self._pixels -= sum(_size(work) for work in group)
            self._changed.notify_all()
            return group

    def _count(self, picture: Picture) -> int:
        return sum(_fits(picture, work) for work in self._ready)

    def _full(self) -> bool:
        """Whether no more is being read for now."""
        return not self._reading and (not self._due or not self._has_room())

    def _has_room(self) -> bool:
        return len(self._ready) + self._reading < AHEAD and self._pixels <= AHEAD_PIXELS

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or not self._due or self._has_room())
                if self._stopped or not self._due:
                    return
                job = self._due.popleft()
                self._reading += 1
            work = self._read(job)
            with self._changed:
                self._ready.append(work)
                self._reading -= 1
                self._pixels += _size(work)
                self._changed.notify_all()


def _fits(picture: Picture, work: Work) -> bool:
    return work.picture is not None and not work.reason and alike(picture, work.picture)


def _size(work: Work) -> int:
    return work.picture.size[0] * work.picture.size[1] if work.picture else 0
