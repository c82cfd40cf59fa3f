"""One job on its way from file to file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import DiskFull, TranslateError
from translate.picture import Picture
from translate.plan import Job
from translate.report import Outcome


@dataclass
class Work:
    """One job on its way through the stages."""

    job: Job
    picture: Picture | None = None
    size_before: tuple[int, int] | None = None
    seconds: float = 0.0
    how: str = ""
    reason: str = ""
    """What went wrong; the remaining stages are left out."""
    stamp: tuple[int, int, int] = (0, 0, 0)
    sha256: str = ""
    """Of the input."""
    full: str = ""
    """That the disk is full; nothing is wrong with the picture."""

    def advance(self, stage: Callable[[], Picture]) -> Work:
        """Run one stage. Whatever happens to one file, a night's run outlives it."""
        start = time.perf_counter()
        try:
            self.picture = stage()
        except DiskFull as error:
            self.reason = self.full = str(error)
        except TranslateError as error:
            told = any(str(path) in str(error) for path in (self.job.source, self.job.target))
            self.reason = str(error) if told else f"cannot convert {self.job.source}: {error}"
        except MemoryError:
            self.reason = f"not enough memory for {self.job.source}; try a smaller --tile or --memory."
        except Exception as error:  # noqa: BLE001  runtimes raise what they like
            self.reason = f"cannot convert {self.job.source}: {type(error).__name__}: {error}"
        self.seconds += time.perf_counter() - start
        return self

    def outcome(self, model: str) -> Outcome:
        """What became of it."""
        picture = None if self.reason else self.picture
        return Outcome(
            input=self.job.source,
            output=self.job.target,
            model=model,
            status="done" if picture else "failed",
            size_before=self.size_before,
            size_after=picture.size if picture else None,
            seconds=round(self.seconds, 3),
            how=self.how if picture else "",
            reason=self.reason or self.job.reason,
            notices=(*picture.notices, *self.job.notices) if picture else (),
            origin=str(picture.mark) if picture and picture.mark else "",
        )
