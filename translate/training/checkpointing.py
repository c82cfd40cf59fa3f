"""What a run remembers: everything needed to go on bit for bit, and the generators that training is for."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.checkpoint import save_checkpoint
from translate.training import processes
from translate.training.guard import Trail, check_weights
from translate.training.seen import merged

if TYPE_CHECKING:
    from translate.training.loop import Run


def state_of(run: Run) -> dict[str, Any]:
    """Plain data that `restore` goes on from. All processes take part."""
    random = {"cpu": torch.get_rng_state()}
    if run.device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(run.device)
    of_all = processes.gather(random)  # dropout's draws are a process's own
    return {
        "images": run.images,
        "steps": run.steps,
        "ema_updates": run.ema.updates,
        "ema": {name: average.state_dict() for name, average in run.ema.averages.items()},
        "method": run.method.state(),
        "scale": run.scale.state() if run.scale else {},
        "metrics": run.metrics,
        "best": run.best,
        "judges": run.judges,
        "pictures": run.pictures,
        "data": run.data,
        "sums": run.sums,
        "summed": run.summed,
        "random": of_all[0],
        "others": of_all[1:],
    }


def restore(run: Run, state: dict[str, Any]) -> None:
    """Go on from what `state_of` gave."""
    run.images, run.steps, run.metrics = state["images"], state["steps"], state["metrics"]
    run.sums = {name: total.to(run.device) for name, total in state["sums"].items()}
    run.summed, run.best, run.judges = state["summed"], state["best"], state["judges"]
    run.pictures = merged(run.pictures, state["pictures"])
    run.trail = Trail()
    run.logged_at = (run.images, time.monotonic())
    run.method.load_state(state["method"])
    if run.scale and state["scale"]:
        run.scale.load_state(state["scale"])
    run.ema.updates = state["ema_updates"]
    for name, average in run.ema.averages.items():
        average.load_state_dict(state["ema"][name])
    for random in [state["random"], *state["others"]][processes.rank() :][:1]:  # none if there were fewer
        torch.set_rng_state(random["cpu"])
        if run.device.type == "cuda" and "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"], run.device)


def write_checkpoint(run: Run) -> None:
    """The averaged generators with their Manifests, and the state.

    Raises:
        NotFinite: a loss or a weight is no number; nothing is written.
    """
    run.trail.check(run.config.batch)
    check_weights(run.method.networks, run.steps)
    state = state_of(run)
    if processes.rank() > 0:
        return

    def write_weights(folder: Path) -> None:
        for name, (_, manifest) in run.method.generators().items():
            chosen_by = {run.network.family: run.network.origin} if run.network else {}
            judges = {**run.judges, **manifest.judges, **chosen_by}
            stamped = dataclasses.replace(
                manifest, judges=judges, pictures=run.pictures, steps=run.steps, metrics=run.metrics
            )
            save_checkpoint(folder / f"{name}.safetensors", run.ema.averages[name], stamped)

    run.folder.save_checkpoint(run.images, state, write_weights, run.config.keep, run.best)
