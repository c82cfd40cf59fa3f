"""Settings -> a trained run folder."""

from __future__ import annotations

import shutil
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import load_checkpoint
from models.errors import ConfigError, DeviceError, TrainingError
from models.layers import Generator
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.folder import RunFolder
from translate.training.guard import NotFinite
from translate.training.loop import Run, fit
from translate.training.method import Batch, Method
from translate.training.optimization import clip
from translate.training.pix2pix import Pix2Pix
from translate.training.samples import HighResolution, Pairs, Piles, Samples
from translate.training.srgan import SRGAN


def train(config: TrainingConfig) -> Path:
    """Train as the settings say. Returns the run folder.

    Raises:
        TranslateError: settings, device, data or an earlier run in the folder do not fit; says which and what to do.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after a checkpoint was written.
    """
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    folder, name = RunFolder(config.out), type(config).__name__.removesuffix("Config").lower()
    checkpoint = folder.find_start(name, config)
    if config.resume and checkpoint is None:
        sys.stderr.write(f"no checkpoint in {config.out} to resume: starting from the beginning\n")
    if isinstance(config, SRGANConfig) and config.stage == "adversarial" and not (checkpoint or config.start_from):
        raise ConfigError("--stage adversarial starts from a generator of the first stage: name it with --start-from.")
    torch.manual_seed(config.seed)
    torch.backends.cudnn.deterministic = True
    method, samples, validation = build(config, device)
    check_discriminators(method, config)
    sys.stderr.write(f"{samples.describe()}\n")
    if config.start_from is not None and checkpoint is None:
        start_from(config.start_from, method, config)
    for network in method.networks.values():
        network.to(memory_format=torch.channels_last)
    clip(method.optimizers, config.clip_norm)
    run = Run(method, folder, config, device, validation, precision)
    if checkpoint is not None:
        run.load_state(folder.load_state(checkpoint))
    folder.begin(name, config, run.images)
    if config.compile:
        compile_networks(method, device)
    try:
        fit(run, samples)
    except NotFinite as error:
        newest = folder.newest_checkpoint()
        kept = f"the last checkpoint, {newest}, is good" if newest else "there is no checkpoint yet"
        lower = "start again with a lower --learning-rate"
        if precision == torch.float32:
            raise NotFinite(f"{error}; {kept}. In float32 already: {lower}.") from None
        if newest is None or config.on_nan == "stop":
            go_on = "go on from it in float32 (--resume --on-nan resume or --precision fp32), or " if newest else ""
            raise NotFinite(f"{error}; {kept}: {go_on}{lower}.") from None
        sys.stderr.write(f"{error}; {kept}: going on from it in float32\n")
        run = Run(method, folder, config, device, validation, torch.float32)
        run.load_state(folder.load_state(newest))
        folder.forget_stats_after(run.images)
        fit(run, samples)
    return folder.root


def build(config: TrainingConfig, device: torch.device) -> tuple[Method, Samples, list[Batch]]:
    """Method, training samples and validation pictures of the settings.

    Raises:
        TranslateError: unknown networks, or data that cannot be used.
    """
    match config:
        case Pix2PixConfig():
            pix2pix = Pix2Pix(config, device)
            check_size(pix2pix.g, config)
            pairs = Pairs(config)
            return pix2pix, pairs, pairs.validation()
        case CycleGANConfig():
            cyclegan = CycleGAN(config, device)
            check_size(cyclegan.g_ab, config)
            piles = Piles(config)
            return cyclegan, piles, piles.validation()
        case CUTConfig():
            cut = CUT(config, device)
            check_size(cut.g, config)
            unpaired = Piles(config)
            return cut, unpaired, unpaired.validation()
        case SRGANConfig():
            srgan = SRGAN(config, device)
            check_size(srgan.g, config, srgan.g.scale)
            pictures = HighResolution(config, srgan.g.scale, srgan.g.multiple)
            return srgan, pictures, pictures.validation()
        case _:
            raise ConfigError(f"no method takes a {type(config).__name__}.")


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
                f"--size {size} does not suit {config.generator}: it must be a multiple of "
                f"{scale * generator.multiple} and at least {scale * generator.minimum}."
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


def start_from(path: Path, method: Method, config: TrainingConfig) -> None:
    """Copy the weights of a checkpoint into the run's generator.

    Raises:
        TrainingError: several generators, or another network than the settings name.
    """
    if len(method.generators()) > 1:
        raise TrainingError("--start-from names one generator; this method trains several.")
    loaded, manifest = load_checkpoint(path)
    ours = (config.generator, config.generator_arguments)
    theirs = (manifest.generator, manifest.arguments)
    if ours != theirs:
        raise TrainingError(
            f"{path} holds a {theirs[0]} {theirs[1] or ''}, and the settings ask for a {ours[0]} {ours[1] or ''}: "
            "make --generator and --generator-arguments those of the file."
        )
    for network, _ in method.generators().values():
        network.load_state_dict(loaded.state_dict())


def choose_device(name: str) -> torch.device:
    """auto: the first CUDA device if there is one, else the CPU.

    Raises:
        ConfigError: a name that is no device.
        DeviceError: CUDA was asked for and cannot be had.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        sys.stderr.write(f"training on {name} (--device auto)\n")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"no device named {name!r}: use auto, cpu, cuda or cuda:N.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "--device cuda: PyTorch finds no CUDA device. Check the driver (nvidia-smi), or use --device cpu."
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise DeviceError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0.")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """auto: bfloat16 where the device computes it natively, else float32 (on a CPU, PyTorch 2.11 cannot tell)."""
    if name == "auto":
        return torch.bfloat16 if native_bfloat16(device) else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)()  # newer than torch 2.11
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def compile_networks(method: Method, device: torch.device) -> None:
    """torch.compile in place each network that a step calls.

    Raises:
        TrainingError: no C++ compiler, which the CPU needs.
    """
    if device.type == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "cl")):
        raise TrainingError("--compile needs a C++ compiler on the CPU (g++ or clang++), and none is on the PATH.")
    for network in method.forwards():
        network.compile()
