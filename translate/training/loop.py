"""The one loop: precision, schedule, running average, logging, samples, validation, checkpoints, resume."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torch.utils.tensorboard import SummaryWriter

from models.errors import TrainingError
from translate.bench import peak_megabytes
from translate.metrics.features import open_features
from translate.training import processes
from translate.training.checkpointing import write_checkpoint
from translate.training.config import TrainingConfig
from translate.training.data import as_rgb, batches, to_device
from translate.training.ema import Ema
from translate.training.fitting import give_back, is_out_of_memory, out_of_memory
from translate.training.folder import RunFolder
from translate.training.guard import Trail, gradient_norms
from translate.training.health import Watch, advise, discriminator_losses, measure
from translate.training.live import Live, live, tensorboard
from translate.training.memory_format import choose_memory_format
from translate.training.method import Batch, Method
from translate.training.optimization import learning_rates, set_learning_rates
from translate.training.scaling import LossScale
from translate.training.stopping import stop_requests
from translate.training.validate import SMALLER_IS_BETTER, choose, validate

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
        scale: LossScale | None = None,
        examples: Sequence[Batch] = (),
    ) -> None:
        self.method, self.folder, self.config, self.device = method, folder, config, device
        self.precision, self.scale = precision, scale
        self.validation, self.examples = validation, examples
        generators = [network for network, _ in method.generators().values()]
        self.memory_format = choose_memory_format(generators, device, precision)
        for network in method.networks.values():
            network.to(memory_format=self.memory_format)
        self.ema = Ema({name: network for name, (network, _) in method.generators().items()}, config.ema)
        self.images = 0
        self.steps = 0
        self.metrics: dict[str, float] = {}
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.logged_at = (0, time.monotonic())
        self.trail = Trail()
        self.best: dict[str, Any] = {}
        self.judges: dict[str, str] = {}  # of the weights that it started from
        self.network = open_features(config.validation_features) if config.validation_features else None
        self.pictures = ""  # that it has seen, as in a Manifest
        self.data = ""  # its own pictures, written in the same way
        self.watch = Watch()
        self.seen: deque[Batch] = deque(maxlen=PROBES)

    def step(self, batch: Batch) -> None:
        """One update at the learning rate of this place in the run."""
        set_learning_rates(self.method.optimizers, self.images, self.config)
        self.method.done = self.images / self.config.images
        losses = self.update(batch)
        processes.average_statistics(self.method.networks.values())
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
            return self.method.step(to_device(batch, self.device, self.memory_format))

    def too_large(self, batch: Batch) -> TrainingError:
        """What to say when the memory does not suffice for a step. The run is over."""
        (_, manifest), *_ = self.method.generators().values()
        newest = self.folder.newest_checkpoint()
        return out_of_memory(self.update, batch, self.config, self.device, self.precision, manifest, newest)

    def log(self, board: SummaryWriter | None, shown: Live) -> None:
        """Means since the last line, over all processes.

        Raises:
            NotFinite: a loss is NaN or infinite; the last checkpoint is still good.
        """
        self.trail.check(self.config.batch)
        means = processes.average(torch.stack(list(self.sums.values()))) / self.summed
        line = dict(zip(self.sums, means.tolist(), strict=True))
        now = time.monotonic()
        line["images_per_second"] = (self.images - self.logged_at[0]) / max(now - self.logged_at[1], 1e-9)
        rates = learning_rates(self.images, self.config)
        line |= {"learning_rate": rates["g"]} | ({"learning_rate_d": rates["d"]} if rates["d"] != rates["g"] else {})
        line |= gradient_norms(self.method.optimizers) | {"memory_mb": peak_memory(self.device)}
        self.write(board, line)
        shown.logged(line)
        self.warn(discriminator_losses(line, self.config), shown)
        self.sums, self.summed, self.logged_at = {}, 0, (self.images, now)

    def write(self, board: SummaryWriter | None, line: dict[str, float]) -> None:
        """A line in stats.jsonl, and the same for TensorBoard, which the first process writes."""
        if board is None:
            return
        self.folder.log({"images": self.images, "steps": self.steps, **line})
        for name, value in line.items():
            board.add_scalar(name, value, self.images)

    def warn(self, measures: dict[str, float], shown: Live) -> None:
        """Tell each sign that something goes wrong, and remember it in stats.jsonl."""
        for sign, measured in self.watch.look(measures):
            self.tell(sign.name, f"{sign.what} ({measured}). Try {advise(sign, self.config)}.", shown)

    def tell(self, name: str, text: str, shown: Live) -> None:
        """A warning, from the first process."""
        if processes.rank() == 0:
            shown.warn(f"after {self.images:,} images: {name}: {text}")
            self.folder.log({"images": self.images, "steps": self.steps, "warning": name, "what": text})

    def sample(self, board: SummaryWriter | None, shown: Live) -> None:
        """What the pictures kept aside are worth, as the first process finds. A new best is kept as a checkpoint."""
        measures = processes.first(lambda: self.look_if_it_fits(board, shown))
        self.metrics |= measures
        name = choose(measures, self.config.validation_measure)
        if name and (not self.best or (measures[name] < self.best["value"]) == (name in SMALLER_IS_BETTER)):
            self.best = {"images": self.images, "measure": name, "value": measures[name]}
            write_checkpoint(self)

    def look_if_it_fits(self, board: SummaryWriter | None, shown: Live) -> dict[str, float]:
        """As `look`; nothing where the memory does not suffice for it: training does not need it."""
        try:
            return self.look(board, shown)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        give_back(self.device)
        text = (
            f"out of memory on {self.device}, of which whole pictures need more than a step: no samples and no "
            "validation this time, the training goes on. Free memory there if you want them."
        )
        self.tell("no samples", text, shown)
        return {}

    @torch.no_grad()
    def look(self, board: SummaryWriter | None, shown: Live) -> dict[str, float]:
        """A sheet of the pictures kept aside, or of the same training pictures each time where there are none; what the
        former are worth, and whether something goes wrong."""
        probes = list(self.seen)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(self.config.seed)
            aside = [self.columns(batch) for batch in self.validation]
            probed = [self.columns(batch) for batch in probes] if len(aside) < PROBES else aside[:PROBES]
            sheet = aside or [self.columns(batch) for batch in self.examples]
        self.folder.sample(self.images, sheet[:SAMPLE_ROWS])
        signs = measure([row for row in probed if same_shape(row, probed[-1])])
        measures = validate(aside, self.network)
        self.write(board, measures | signs)
        self.warn(signs, shown)
        return measures

    def columns(self, batch: Batch) -> Columns:
        """A row of the sample sheet."""
        with evaluating(*self.ema.averages.values()):  # as exported: BatchNorm must neither use nor learn these
            pictures = self.method.pictures(to_device(batch, self.device, self.memory_format), self.ema.averages)
        return {name: as_rgb(part) for name, part in pictures.items()}


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
        tensorboard(folder, run.images) as board,
        live(total, run.images, shown=processes.rank() == 0) as shown,
        stop_requests() as asked,
        closing(batches(samples, config, run.images, pin=run.device.type == "cuda")) as found,
    ):
        saved, start = time.monotonic(), run.images
        for batch in found:
            try:
                run.step(batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                processes.leave()
                raise run.too_large(batch) from None
            shown.advanced(run.images)
            if crossed(run.images, config.batch, config.log_images):
                run.log(board, shown)
            if crossed(run.images, config.batch, config.sample_images):
                run.sample(board, shown)
            stop, due = processes.any_of(asked.is_set(), time.monotonic() - saved > 60 * config.checkpoint_minutes)
            if stop:
                write_checkpoint(run)
                raise KeyboardInterrupt
            if due:
                write_checkpoint(run)
                saved = time.monotonic()
        if run.images > start:
            if run.summed:
                run.log(board, shown)
            if not crossed(run.images, config.batch, config.sample_images):
                run.sample(board, shown)
            write_checkpoint(run)


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
