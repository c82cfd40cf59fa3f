"""The one loop: precision, schedule, running average, logging, samples, validation, checkpoints, resume."""

from __future__ import annotations

import dataclasses
import itertools
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch.utils.tensorboard import SummaryWriter

from models.checkpoint import save_checkpoint
from translate.bench import peak_megabytes
from translate.training.config import TrainingConfig
from translate.training.data import as_rgb, batches, to_device
from translate.training.ema import Ema
from translate.training.folder import RunFolder
from translate.training.guard import Trail, check_weights, gradient_norms, is_out_of_memory, out_of_memory
from translate.training.health import Watch, measure, verdict_gaps
from translate.training.live import Live, live
from translate.training.method import Batch, Method
from translate.training.optimization import learning_rates, set_learning_rates
from translate.training.validate import SMALLER_IS_BETTER, validate

SAMPLE_ROWS = 6
PROBES = 8
"""Pictures by which is judged whether a run goes wrong."""
Columns = dict[str, Tensor]


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
        self.trail = Trail()
        self.best: dict[str, Any] = {}
        self.watch = Watch()
        self.seen: deque[Batch] = deque(maxlen=PROBES)

    def step(self, batch: Batch) -> None:
        """One update at the learning rate of this place in the run."""
        set_learning_rates(self.method.optimizers, self.images, self.config)
        losses = self.update(batch)
        self.ema.update()
        self.seen.append(Batch(*(part[:1] for part in batch)))
        self.images += self.config.batch
        self.steps += 1
        self.summed += 1
        self.trail.add(self.steps, losses)
        for name, loss in (losses | self.method.verdicts).items():  # summed on the device: no waiting for it here
            self.sums[name] = self.sums[name] + loss.float() if name in self.sums else loss.float()

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the method, in the run's precision."""
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            return self.method.step(to_device(batch, self.device))

    def log(self, board: SummaryWriter, shown: Live) -> None:
        """Means since the last line.

        Raises:
            NotFinite: a loss is NaN or infinite; the last checkpoint is still good.
        """
        self.trail.check(self.config.batch)
        line = {name: float(total) / self.summed for name, total in self.sums.items()}
        now = time.monotonic()
        line["images_per_second"] = (self.images - self.logged_at[0]) / max(now - self.logged_at[1], 1e-9)
        rates = learning_rates(self.images, self.config)
        line |= {"learning_rate": rates["g"]} | ({"learning_rate_d": rates["d"]} if rates["d"] != rates["g"] else {})
        line |= gradient_norms(self.method.optimizers) | {"memory_mb": peak_memory(self.device)}
        self.write(board, line)
        shown.logged(line)
        self.warn(verdict_gaps(line), shown)
        self.sums, self.summed, self.logged_at = {}, 0, (self.images, now)

    def write(self, board: SummaryWriter, line: dict[str, float]) -> None:
        """A line in stats.jsonl, and the same for TensorBoard."""
        self.folder.log({"images": self.images, "steps": self.steps, **line})
        for name, value in line.items():
            board.add_scalar(name, value, self.images)

    def warn(self, measures: dict[str, float], shown: Live) -> None:
        """Tell each sign that something goes wrong, and remember it in stats.jsonl."""
        for sign, measured in self.watch.look(measures):
            text = f"{sign.what} ({measured}). Try {sign.advice}."
            shown.warn(f"after {self.images:,} images: {sign.name}: {text}")
            self.folder.log({"images": self.images, "steps": self.steps, "warning": sign.name, "what": text})

    @torch.no_grad()
    def sample(self, board: SummaryWriter, shown: Live) -> None:
        """A sheet of the pictures kept aside, or of training pictures where there are none; what the former are worth,
        and whether something goes wrong. A new best is kept as a checkpoint."""
        probes = list(self.seen)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.config.seed)
            aside = [self.columns(batch) for batch in self.validation]
            probed = [self.columns(batch) for batch in probes] if len(aside) < PROBES else aside[:PROBES]
        self.folder.sample(self.images, aside[:SAMPLE_ROWS] or probed[-1:])
        signs = measure([row for row in probed if same_shape(row, probed[-1])])
        measures = validate(aside)
        self.metrics |= measures
        self.write(board, measures | signs)
        self.warn(signs, shown)
        for name, value in itertools.islice(measures.items(), 1):
            if not self.best or (value < self.best["value"]) == (name in SMALLER_IS_BETTER):
                self.best = {"images": self.images, "measure": name, "value": value}
                self.save()

    def columns(self, batch: Batch) -> Columns:
        """A row of the sample sheet."""
        with evaluating(*self.ema.averages.values()):  # as exported: BatchNorm must neither use nor learn these
            pictures = self.method.pictures(to_device(batch, self.device), self.ema.averages)
        return {name: as_rgb(part) for name, part in pictures.items()}

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
            "best": self.best,
            "sums": self.sums,
            "summed": self.summed,
            "random": random,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.images, self.steps, self.metrics = state["images"], state["steps"], state["metrics"]
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}
        self.summed, self.best = state["summed"], state.get("best", {})
        self.trail = Trail()
        self.logged_at = (self.images, time.monotonic())
        self.method.load_state(state["method"])
        self.ema.updates = state["ema_updates"]
        for name, average in self.ema.averages.items():
            average.load_state_dict(state["ema"][name])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)

    def save(self) -> None:
        """A checkpoint: the averaged generators with their Manifests, and the state.

        Raises:
            NotFinite: a loss or a weight is no number; nothing is written.
        """
        self.trail.check(self.config.batch)
        check_weights(self.method.networks, self.steps)

        def write_weights(folder: Path) -> None:
            for name, (_, manifest) in self.method.generators().items():
                stamped = dataclasses.replace(manifest, steps=self.steps, metrics=self.metrics)
                save_checkpoint(folder / f"{name}.safetensors", self.ema.averages[name], stamped)

        self.folder.save_checkpoint(self.images, self.state(), write_weights, self.config.keep, self.best)


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
        NotFinite: a loss is NaN or infinite; the last checkpoint is good.
        TrainingError: memory does not suffice.
        KeyboardInterrupt: asked to stop; the checkpoint is written.
    """
    config, folder = run.config, run.folder
    total = config.images // config.batch * config.batch
    with (
        SummaryWriter(str(folder.root / "tensorboard"), purge_step=run.images + 1) as board,
        live(total, run.images) as shown,
        stop_requests() as asked,
    ):
        saved, start = time.monotonic(), run.images
        for batch in batches(samples, config, run.images, pin=run.device.type == "cuda"):
            try:
                run.step(batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise out_of_memory(run.update, batch, config, run.device) from None
            shown.advanced(run.images)
            if crossed(run.images, config.batch, config.log_images):
                run.log(board, shown)
            if crossed(run.images, config.batch, config.sample_images):
                run.sample(board, shown)
            if asked.is_set():
                run.save()
                raise KeyboardInterrupt
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                run.save()
                saved = time.monotonic()
        if run.images > start:
            if run.summed:
                run.log(board, shown)
            if not crossed(run.images, config.batch, config.sample_images):
                run.sample(board, shown)
            run.save()


def crossed(images: int, batch: int, every: int) -> bool:
    """Whether this batch passed a multiple of `every` images."""
    return images // every > (images - batch) // every


def same_shape(one: Columns, other: Columns) -> bool:
    """Whether the pictures of two rows have the same sizes: those from before a change of size are left out."""
    return all(part.shape == other[name].shape for name, part in one.items())


def peak_memory(device: torch.device) -> float:
    """Most memory so far, in MB: what PyTorch took of a GPU, or what the process has resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e6
    return peak_megabytes() or 0.0
