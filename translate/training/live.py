"""What a running training shows: on a terminal one line, and warnings above it; and its TensorBoard."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from translate.training import processes
from translate.training.folder import RunFolder

MOST = 4
"""Numbers beside the bar."""


class Live:
    """Progress with the last losses and the time left; without a terminal only the warnings, as plain lines."""

    def __init__(self, bar: Progress, total: int, done: int) -> None:
        self.bar = bar
        self.task = bar.add_task("", total=total, completed=done, losses="")

    def advanced(self, images: int) -> None:
        """So many images are done."""
        self.bar.update(self.task, completed=images)

    def logged(self, line: Mapping[str, float]) -> None:
        """The first losses of a log line, and the speed."""
        losses = " ".join(f"{name} {value:.3g}" for name, value in list(line.items())[:MOST])
        self.bar.update(self.task, losses=f"{losses}, {line['images_per_second']:.3g} images/s")

    def warn(self, text: str) -> None:
        """A line that stays."""
        if self.bar.disable:
            sys.stderr.write(f"{text}\n")
        else:
            self.bar.console.print(text, markup=False, highlight=False)


@contextmanager
def live(total: int, done: int, *, shown: bool = True) -> Iterator[Live]:
    """The line, as long as training goes on; nothing if not `shown`."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("training"), BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("images"),
        TimeRemainingColumn(), TextColumn("{task.fields[losses]}", markup=False),
        console=console, disable=not shown or not sys.stderr.isatty(),
    )  # fmt: skip
    with bar:
        yield Live(bar, total, done)


@contextmanager
def tensorboard(folder: RunFolder, images: int) -> Iterator[SummaryWriter | None]:
    """The run's board, from that many images on; none but in the first process."""
    if processes.rank() > 0:
        yield None
        return
    with SummaryWriter(str(folder.root / "tensorboard"), purge_step=images + 1) as board:
        yield board
