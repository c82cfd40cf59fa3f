"""The one loop: precision, schedule, running average, logging, samples, validation, checkpoints, resume."""

from __future__ import annotations

import dataclasses
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch.utils.tensorboard import SummaryWriter

from models.checkpoint import save_checkpoint
from models.errors import TrainingError
from translate.training.config import TrainingConfig
from translate.training.data import batches, to_device
from translate.training.ema import Ema
from translate.training.folder import RunFolder
from translate.training.losses import peak_signal_to_noise
from translate.training.method import Batch, Method

SAMPLE_ROWS = 6


def learning_rate_factor(images: int, config: TrainingConfig) -> float:
    """Warm-up, constant, then a line to zero, by images seen.

    The papers' code steps once an epoch; this one goes down with each update, which is the same line, finer.
    """
    rise = min(1.0, (images + config.batch) / config.warmup_images) if config.warmup_images else 1.0
    if config.decay_from == 1:
        return rise
    progress = images / config.images
    return rise * min(1.0, (1 - progress) / (1 - config.decay_from))


class Run:
    """One training run: what has been done, and how to do the next bit of it."""

    def __init__(
        self,
        method: Method,
        folder: RunFolder,
        config: TrainingConfig,
        device: torch.device,
        validation: list[Batch],
        precision: torch.dtype,
    ) -> None:
        self.method, self.folder, self.config, self.device = method, folder, config, device
        self.precision = precision
        self.validation = validation
        self.ema = Ema({name: network for name, (network, _) in method.generators().items()}, config.ema)
        self.images = 0
        self.steps = 0
        self.metrics: dict[str, float] = {}
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.logged_at = (0, time.monotonic())

    def step(self, batch: Batch) -> None:
        """One update at the learning rate of this place in the run."""
        factor = learning_rate_factor(self.images, self.config)
        for optimizer in self.method.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * factor
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            losses = self.method.step(to_device(batch, self.device))
        self.ema.update()
        self.images += self.config.batch
        self.steps += 1
        self.summed += 1
        for name, loss in losses.items():  # summed on the device: no waiting for it here
            self.sums[name] = self.sums[name] + loss.float() if name in self.sums else loss.float()

    def log(self, board: SummaryWriter) -> None:
        """Means since the last line. Stops the run if a loss is no number.

        Raises:
            TrainingError: a loss is NaN or infinite; the last checkpoint is still good.
        """
        line = {name: float(total) / self.summed for name, total in self.sums.items()}
        bad = [name for name, value in line.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"{bad[0]} is {line[bad[0]]} after {self.images} images. The checkpoint before that is kept: "
                "go on from it in --precision fp32, or start again with a lower --learning-rate."
            )
        now = time.monotonic()
        line["images_per_second"] = (self.images - self.logged_at[0]) / max(now - self.logged_at[1], 1e-9)
        line["learning_rate"] = self.config.learning_rate * learning_rate_factor(self.images, self.config)
        self.folder.log({"images": self.images, "steps": self.steps, **line})
        for name, value in line.items():
            board.add_scalar(name, value, self.images)
        self.sums, self.summed, self.logged_at = {}, 0, (self.images, now)

    @torch.no_grad()
    def sample(self, board: SummaryWriter, shown: Batch) -> None:
        """Sheet and PSNR of the pictures kept aside, or a sheet of training pictures where there are none."""
        rows: list[dict[str, Tensor]] = []
        psnr: list[float] = []
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.config.seed)
            for batch in self.validation or [Batch(*(part[:1] for part in shown))]:
                with evaluating(*self.ema.averages.values()):  # as exported: BatchNorm must neither use nor learn these
                    columns = self.method.pictures(to_device(batch, self.device), self.ema.averages)
                if "result" in columns and "target" in columns:
                    psnr.append(float(peak_signal_to_noise(columns["result"], columns["target"]).mean()))
                if len(rows) < SAMPLE_ROWS:
                    rows.append(columns)
        self.folder.sample(self.images, rows)
        if psnr and self.validation:
            self.metrics["validation_psnr"] = sum(psnr) / len(psnr)
            self.folder.log({"images": self.images, "steps": self.steps, **self.metrics})
            board.add_scalar("validation_psnr", self.metrics["validation_psnr"], self.images)

    def state(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, as plain data."""
        random = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "images": self.images,
            "steps": self.steps,
            "ema_updates": self.ema.updates,
            "ema": {name: average.state_dict() for name, average in self.ema.averages.items()},
            "method": self.method.state(),
            "metrics": self.metrics,
            "sums": self.sums,
            "summed": self.summed,
            "random": random,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.images, self.steps, self.metrics = state["images"], state["steps"], state["metrics"]
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}
        self.summed = state["summed"]
        self.logged_at = (self.images, time.monotonic())
        self.method.load_state(state["method"])
        self.ema.updates = state["ema_updates"]
        for name, average in self.ema.averages.items():
            average.load_state_dict(state["ema"][name])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)

    def save(self) -> None:
        """A checkpoint: the averaged generators with their Manifests, and the state."""

        def write_weights(folder: Path) -> None:
            for name, (_, manifest) in self.method.generators().items():
                stamped = dataclasses.replace(manifest, steps=self.steps, metrics=self.metrics)
                save_checkpoint(folder / f"{name}.safetensors", self.ema.averages[name], stamped)

        self.folder.save_checkpoint(self.images, self.state(), write_weights)


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Networks in evaluation mode, and back in the mode they were in."""
    modes = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, training in zip(networks, modes, strict=True):
            network.train(training)


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM, so that a run can end between two steps. A second one ends it at once."""
    asked = threading.Event()

    def ask(number: int, _: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():  # only the main one may catch signals
        yield asked
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def fit(run: Run, samples: Dataset[Batch]) -> None:
    """Train from where the run stands to its end.

    Raises:
        TrainingError: a loss is NaN or infinite.
        KeyboardInterrupt: asked to stop; the checkpoint is written.
    """
    config, folder = run.config, run.folder
    total = config.images // config.batch * config.batch
    bar = Progress(
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn(),
        console=Console(stderr=True), disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with (
        SummaryWriter(str(folder.root / "tensorboard"), purge_step=run.images + 1) as board,
        bar,
        stop_requests() as asked,
    ):
        task = bar.add_task("", total=total, completed=run.images)
        saved = time.monotonic()
        batch = None
        for batch in batches(samples, config, run.images, pin=run.device.type == "cuda"):
            run.step(batch)
            bar.update(task, completed=run.images)
            if crossed(run.images, config.batch, config.log_images):
                run.log(board)
            if crossed(run.images, config.batch, config.sample_images):
                run.sample(board, batch)
            if asked.is_set():
                run.save()
                raise KeyboardInterrupt
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                run.save()
                saved = time.monotonic()
        if batch is not None:
            if run.summed:
                run.log(board)
            if not crossed(run.images, config.batch, config.sample_images):
                run.sample(board, batch)
            run.save()


def crossed(images: int, batch: int, every: int) -> bool:
    """Whether this batch passed a multiple of `every` images."""
    return images // every > (images - batch) // every
