"""Settings -> a trained run folder."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from pathlib import Path

import torch

from models.errors import ConfigError, TranslateError
from models.layers import Generator
from translate.training import processes
from translate.training.allocator import freed_memory_kept
from translate.training.checkpointing import restore
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.folder import RunFolder
from translate.training.guard import NotFinite
from translate.training.hardware import choose_device, choose_precision, compile_networks, compiles
from translate.training.loop import SAMPLE_ROWS, Run, fit
from translate.training.method import Backward, Method, backward
from translate.training.optimization import clip
from translate.training.pix2pix import Pix2Pix
from translate.training.samples import HighResolution, Pairs, Piles, Samples
from translate.training.scaling import LossScale
from translate.training.seen import fingerprints, merged
from translate.training.srgan import SRGAN
from translate.training.starting import start_from

INTERRUPTED = 130


def train(config: TrainingConfig) -> Path:
    """Train as the settings say, together with the other processes that torchrun started. Returns the run folder.

    Raises:
        TranslateError: settings, device, data or an earlier run in the folder do not fit; says which and what to do.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after a checkpoint was written.
        SystemExit: so or by NotFinite, but not the first of several processes, which tells.
    """
    try:
        with processes.joined(config.device) as device, freed_memory_kept():
            return train_joined(dataclasses.replace(config, device=device, batch=config.batch * processes.count()))
    except (KeyboardInterrupt, NotFinite, processes.OtherEnded) as error:
        if processes.rank() == 0:
            raise
        raise SystemExit(error.exit_code if isinstance(error, TranslateError) else INTERRUPTED) from None


def train_joined(config: TrainingConfig) -> Path:
    """Train as the settings say, `batch` being that of all processes together."""
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    folder, name = RunFolder(config.out), type(config).__name__.removesuffix("Config").lower()
    checkpoint = processes.first(lambda: folder.find_start(name, config))
    if config.resume and checkpoint is None:
        processes.say(f"no checkpoint in {config.out} to resume: starting from the beginning")
    if isinstance(config, SRGANConfig) and config.stage == "adversarial" and not (checkpoint or config.start_from):
        raise ConfigError("--stage adversarial starts from a generator of the first stage: name it with --start-from.")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.deterministic = True
    scale = LossScale(device) if precision == torch.float16 else None
    method, samples = build(config, device, scale.backward if scale else backward)
    validation = samples.validation() if processes.rank() == 0 else []
    examples = samples.examples(SAMPLE_ROWS) if processes.rank() == 0 and not validation else []
    processes.say(samples.describe())
    data = fingerprints((*samples.layout.a, *samples.layout.b)) if processes.rank() == 0 else ""
    seen = data
    judges: dict[str, str] = {}
    if config.start_from is not None and checkpoint is None:
        began = start_from(config.start_from, method, config)
        judges, seen = began.judges, merged(data, began.pictures)
    for optimizer in method.optimizers.values():
        optimizer.register_step_pre_hook(processes.average_gradients)
        if scale:
            optimizer.register_step_pre_hook(scale.unscale)
    clip(method.optimizers, config.clip_norm)
    if processes.rank() > 0:  # dropout's draws are each process's own
        torch.manual_seed(config.seed + 1_000_003 * processes.rank())
    run = Run(method, folder, config, device, validation, precision, scale, examples)
    run.judges, run.pictures, run.data = judges, seen, data
    if checkpoint is not None:
        state = folder.load_state(checkpoint)
        tell_other_pictures(state["data"], data)
        restore(run, state)
    if processes.rank() == 0:
        folder.begin(name, config, run.images)
    if compiles(config, device):
        compile_networks(method, device, precision)
    try:
        fit(run, samples)
    except NotFinite as error:
        newest = folder.newest_checkpoint()
        if precision == torch.float32 or newest is None or config.on_nan == "stop":
            raise explained(error, newest, precision) from None
        processes.say(f"{error}; the last checkpoint, {newest}, is good: going on from it in float32")
        run = Run(method, folder, config, device, validation, torch.float32, examples=examples)
        run.pictures, run.data = seen, data
        restore(run, folder.load_state(newest))
        if processes.rank() == 0:
            folder.forget_stats_after(run.images)
        try:
            fit(run, samples)
        except NotFinite as again:
            raise explained(again, folder.newest_checkpoint(), torch.float32) from None
    return folder.root


def explained(error: NotFinite, newest: Path | None, precision: torch.dtype) -> NotFinite:
    """Which loss and step, the checkpoint that is good, and what to do."""
    kept = f"the last checkpoint, {newest}, is good" if newest else "there is no checkpoint yet"
    lower = "start again with a lower --learning-rate"
    if precision == torch.float32:
        return NotFinite(f"{error}; {kept}. In float32 already: {lower}.")
    go_on = "go on from it in float32 (--resume --on-nan resume or --precision fp32), or " if newest else ""
    return NotFinite(f"{error}; {kept}: {go_on}{lower}.")


def tell_other_pictures(before: str, now: str) -> None:
    """Say so where a run goes on with other pictures than it had. Folders may move; nothing is known of early runs.

    Args:
        before, now: as `fingerprints` gives them.
    """
    if before and before != now:
        processes.say(
            "--data holds other pictures than the run had so far: it goes on with these, and the result is not that of "
            "a run never stopped"
        )


def build(config: TrainingConfig, device: torch.device, backward: Backward) -> tuple[Method, Samples]:
    """Method and training samples of the settings. The first process decodes for all, and its complaints come first.

    Raises:
        TranslateError: unknown networks, or data that cannot be used.
    """
    methods: list[Method] = []

    def find_samples() -> Samples:
        methods.append(build_method(config, device, backward))
        check_discriminators(methods[0], config)
        return build_samples(config, methods[0])

    samples = processes.first(find_samples)
    return methods[0] if methods else build_method(config, device, backward), samples


def build_method(config: TrainingConfig, device: torch.device, backward: Backward = backward) -> Method:
    """The algorithm and its networks."""
    match config:
        case Pix2PixConfig():
            pix2pix = Pix2Pix(config, device, backward)
            check_size(pix2pix.g, config)
            return pix2pix
        case CycleGANConfig():
            cyclegan = CycleGAN(config, device, backward)
            check_size(cyclegan.g_ab, config)
            return cyclegan
        case CUTConfig():
            cut = CUT(config, device, backward)
            check_size(cut.g, config)
            return cut
        case SRGANConfig():
            srgan = SRGAN(config, device, backward)
            check_size(srgan.g, config, srgan.g.scale)
            return srgan
        case _:
            raise ConfigError(f"no method takes a {type(config).__name__}.")


def build_samples(config: TrainingConfig, method: Method) -> Samples:
    """The pictures that the method is trained on."""
    if isinstance(config, Pix2PixConfig):
        return Pairs(config)
    if isinstance(config, SRGANConfig) and isinstance(method, SRGAN):
        return HighResolution(config, method.g.scale, method.g.multiple)
    if isinstance(config, CycleGANConfig | CUTConfig):
        return Piles(config)
    raise ConfigError(f"no data is known for a {type(config).__name__}.")


def check_size(generator: Generator, config: TrainingConfig, scale: int = 1) -> None:
    """Whether squares of --size pixels can be trained with.

    Args:
        scale: large side / small side that the method makes of a square.
    Raises:
        ConfigError: the generator takes no such squares, or is not for this method.
    """
    if generator.scale != scale:
        raise ConfigError(
            f"--generator {config.generator} makes pictures {generator.scale} times larger; this method needs a scale "
            f"of {scale}."
        )
    for size in config.stages:
        small, rest = divmod(size, scale)
        if rest or small % generator.multiple or small < generator.minimum:
            raise ConfigError(
                f"{'--sizes' if config.sizes else '--size'} {size} does not suit {config.generator}: it must be a "
                f"multiple of {scale * generator.multiple} and at least {scale * generator.minimum}."
            )


def check_discriminators(method: Method, config: TrainingConfig) -> None:
    """Whether the discriminators can judge squares of --size pixels: tried without computing anything.

    Raises:
        ConfigError: too small for their layers, or not the size that they are made for.
    """
    for name, network in method.networks.items():
        if not name.startswith("d"):
            continue
        copy = deepcopy(network).to("meta")
        for size in config.stages:
            try:
                copy(torch.empty(2, int(network.channels), size, size, device="meta"))  # type: ignore[arg-type]
            except (RuntimeError, ValueError):
                raise ConfigError(
                    f"--discriminator {config.discriminator} cannot judge squares of {size} pixels: choose another "
                    "--size, or other --discriminator-arguments (fewer layers or scales; for vgg its size)."
                ) from None
