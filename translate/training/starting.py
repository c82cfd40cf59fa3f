"""What a run begins with: weights of an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from export.command import find_checkpoint
from models.checkpoint import load_checkpoint
from models.errors import TrainingError
from models.layers import Generator
from models.manifest import Manifest
from translate.training import processes
from translate.training.config import TrainingConfig
from translate.training.folder import RunFolder
from translate.training.method import Method


def start_from(path: Path, method: Method, config: TrainingConfig) -> Manifest:
    """Copy the weights of a checkpoint into the run's generator, or those of a run into all of its networks: into its
    generators the averages, if the run had any, and into discriminators (and what else is trained) where they fit.

    Args:
        path: a .safetensors file, or a run folder, whose newest checkpoint is meant. Where the method trains several
            generators, a run folder that has them all.
    Returns:
        The Manifest of the (first) checkpoint; a run's share what this run needs to know of them.
    Raises:
        TrainingError: one file for several generators, or another network than the settings name.
        UsageError: nothing there.
    """
    generators = method.generators()
    several = len(generators) > 1
    if several and path.is_file():
        raise TrainingError(
            f"--start-from {path} is one generator, and this method trains {len(generators)}: name the folder of a "
            "run that has them all."
        )
    files = [find_checkpoint(path, name if several else "") for name in generators]
    first, *_ = [
        begin_with(network, file, config) for (network, _), file in zip(generators.values(), files, strict=True)
    ]
    if path.is_dir() and (files[0].parent / "state.pt").is_file():
        painters = {id(network) for network, _ in generators.values()}
        others = {name: network for name, network in method.networks.items() if id(network) not in painters}
        state = RunFolder(path).load_state(files[0].parent)
        taken = [name for name, network in others.items() if take(network, state["method"]["networks"].get(name, {}))]
        if taken:
            processes.say(f"starting from {path} with its generators and its {', '.join(taken)}")
    return first


def take(network: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    """Copy weights into a network if they are of one like it; whether they are."""
    ours = network.state_dict()
    alike = ours.keys() == weights.keys() and all(ours[name].shape == weights[name].shape for name in ours)
    if alike:
        network.load_state_dict(weights)
    return alike


def begin_with(network: nn.Module, path: Path, config: TrainingConfig) -> Manifest:
    """Copy the weights of a checkpoint into a generator of the run."""
    loaded, manifest = load_checkpoint(path)
    ours = (config.generator, config.generator_arguments)
    theirs = (manifest.generator, manifest.arguments)
    if ours == theirs:
        network.load_state_dict(loaded.state_dict())
    elif not (isinstance(network, Generator) and network.begin_with(loaded)):
        raise TrainingError(
            f"{path} holds a {theirs[0]} {theirs[1] or ''}, and the settings ask for a {ours[0]} {ours[1] or ''}: "
            "make --generator and --generator-arguments those of the file."
        )
    return manifest
