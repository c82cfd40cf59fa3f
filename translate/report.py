"""What became of every input."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one input."""

    input: Path
    output: Path
    model: str
    status: Status
    size_before: tuple[int, int] | None = None
    """Width and height in pixels; None if the file was not opened."""
    size_after: tuple[int, int] | None = None
    seconds: float = 0.0
    """Reading, translating and writing together; files overlap, so these add up to more than the run took."""
    how: str = ""
    """What was done to it: at which size it was painted, in how many pieces."""
    reason: str = ""
    """Why it was skipped or failed."""
    notices: tuple[str, ...] = ()
    """What of the picture could not be kept."""
    origin: str = ""
    """The mark of origin, which is also in the file where its format has a place for it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of all inputs, in the order of the plan."""

    outcomes: tuple[Outcome, ...]
    model: str
    device: str = ""
    """What computed, in words; empty if nothing was left to do."""
    seconds: float = 0.0
    """Wall-clock time of the run."""
    interrupted: bool = False
    """Stopped before the end; inputs that were not reached have no outcome."""
    problem: str = ""
    """What went wrong with none of the inputs: the overview could not be written."""

    def count(self, status: Status) -> int:
        """How many inputs ended like this."""
        return Counter(outcome.status for outcome in self.outcomes)[status]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed, 130 interrupted."""
        return 130 if self.interrupted else int(self.count("failed") > 0 or self.problem != "")

    def to_json(self) -> str:
        """As indented JSON in ASCII, whatever bytes the names hold; paths as text."""
        content = asdict(self) | {status: self.count(status) for status in ("done", "skipped", "failed")}
        content["files"] = content.pop("outcomes")
        return json.dumps(content, indent=1, default=str)
