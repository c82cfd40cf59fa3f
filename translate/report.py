"""What became of every input, or would."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["done", "skipped", "failed"]
LeftOutFiles = tuple[tuple[str, int, tuple[str, ...]], ...]
"""Reason, how many, and the first of them."""


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
    """Why it was skipped, failed, or made anew."""
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
    not_reached: int = 0
    """Inputs without an outcome."""
    problem: str = ""
    """What went wrong with none of the inputs: the disk is full, the overview could not be written."""
    notes: tuple[str, ...] = ()
    """What else was done."""
    left_out: LeftOutFiles = ()
    """Files in the folders that were not to be converted."""

    def count(self, status: Status) -> int:
        """How many inputs ended like this."""
        return Counter(outcome.status for outcome in self.outcomes)[status]

    @property
    def megapixels(self) -> float:
        """Of the pictures that were converted, as they came."""
        sizes = (outcome.size_before for outcome in self.outcomes if outcome.status == "done")
        return sum(size[0] * size[1] for size in sizes if size) / 1e6

    @property
    def megapixels_per_second(self) -> float:
        """Over the wall-clock time of the run, opening the model included."""
        return self.megapixels / self.seconds if self.seconds else 0.0

    @property
    def exit_code(self) -> int:
        """0 all done, 1 something failed, 130 interrupted."""
        return 130 if self.interrupted else int(self.count("failed") > 0 or self.problem != "")

    def to_json(self) -> str:
        """As indented JSON in ASCII, whatever bytes the names hold; paths as text."""
        content = asdict(self) | {status: self.count(status) for status in ("done", "skipped", "failed")}
        content["megapixels"] = round(self.megapixels, 6)
        content["megapixels_per_second"] = round(self.megapixels_per_second, 6)
        content["left_out"] = _left_out(self.left_out)
        content["exit_code"] = self.exit_code
        content["files"] = content.pop("outcomes")
        return json.dumps(content, indent=1, default=str)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a run would do."""

    files: tuple[tuple[Path, Path, str], ...]
    """Input, result, and what would become of it."""
    convert: int
    skip: int
    fail: int
    result_bytes: int
    """Room that the results would take, roughly."""
    free_bytes: int
    left_out: LeftOutFiles

    @property
    def exit_code(self) -> int:
        """1 if something would fail."""
        return int(self.fail > 0)

    def to_json(self) -> str:
        """As indented JSON in ASCII."""
        content = asdict(self)
        content["files"] = [{"input": source, "output": target, "what": what} for source, target, what in self.files]
        content["left_out"] = _left_out(self.left_out)
        return json.dumps(content, indent=1, default=str)


def error_json(message: str, exit_code: int) -> str:
    """What takes the report's place if nothing could be begun."""
    return json.dumps({"error": message, "exit_code": exit_code}, indent=1)


def amount(size: float) -> str:
    """Bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _left_out(found: LeftOutFiles) -> list[dict[str, Any]]:
    return [{"reason": reason, "count": count, "examples": examples} for reason, count, examples in found]
