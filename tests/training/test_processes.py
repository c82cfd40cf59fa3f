"""Several processes are one: the same pictures, weights and pools as one process with the whole batch."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from training_states import differences, leaves

from models.checkpoint import save_checkpoint
from models.errors import ConfigError, DeviceError, TrainingError
from models.zoo import build_generator
from translate.training import loop, processes, train
from translate.training import run as run_module
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.data import shares
from translate.training.method import Batch, describe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

WORLD = 2
SMALL: dict[str, Any] = {
    "images": 16, "batch": 2, "log_images": 4, "sample_images": 16, "workers": 0, "device": "cpu", "precision": "fp32",
    "size": 16, "ema": 0.9, "validation": 2, "cache": "off",
}  # fmt: skip
TINY: dict[str, Any] = {
    "generator_arguments": {"width": 2, "blocks": 1}, "discriminator_arguments": {"width": 2, "layers": 1},
    "load_size": 18, "pool": 3, "diffaugment": ("color", "translation", "cutout"), "r1_weight": 1.0, "r1_every": 2,
    **SMALL, "validation": 0,
}  # fmt: skip
PLAIN_UNET = {"width": 2, "depth": 4, "norm": "instance", "dropout": False}
PIX2PIX: dict[str, Any] = {
    **SMALL, "load_size": 18, "generator_arguments": PLAIN_UNET,
    "discriminator_arguments": {"width": 2, "layers": 1, "norm": "instance"},
}  # fmt: skip
PLAIN_SR: dict[str, Any] = {**SMALL, "generator": "msrresnet_x4", "generator_arguments": {"width": 4, "blocks": 1}}
Configure = Callable[..., TrainingConfig]


def pix2pix(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return Pix2PixConfig(data=data / "trainA", out=out, **{**PIX2PIX, **settings})


def cyclegan(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return CycleGANConfig(data=data, out=out, **{**TINY, **settings})


def cut(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return CUTConfig(data=data, out=out, patches=8, flip_equivariance=True, **{**TINY, **settings})


def srgan(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return SRGANConfig(data=data / "trainB", out=out, **{**PLAIN_SR, **settings})


def adversarial(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    first = {"stage": "adversarial", "start_from": data / "g.safetensors", "perceptual_weight": 0.0}
    judge = {"discriminator": "patchgan", "discriminator_arguments": {"width": 2, "layers": 1}}
    return srgan(data, out, **first, **judge, **settings)


def batch_norm(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return srgan(data, out, generator="srresnet_x4", **settings)


def dropout(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return pix2pix(data, out, generator_arguments={"width": 2, "depth": 6}, size=64, load_size=66, **settings)


@pytest.fixture(scope="module")
def data(piles: Path) -> Path:
    torch.manual_seed(1)
    generator: Any = build_generator("msrresnet_x4", **PLAIN_SR["generator_arguments"])
    config = srgan(piles, piles / "g")
    save_checkpoint(piles / "g.safetensors", generator, describe(generator, config, "super-resolution", "a", "b"))
    return piles


class Together:
    """Processes as torchrun starts them, with torch imported already."""

    def __init__(self) -> None:
        self.server: Any = multiprocessing.get_context("forkserver")
        self.server.set_forkserver_preload(["translate.training.run", "accelerate"])

    def start(self, work: Callable[..., None], *arguments: Any, world: int = WORLD) -> list[Any]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        children = [
            self.server.Process(target=as_rank, args=(rank, world, port, work, *arguments)) for rank in range(world)
        ]
        for child in children:
            child.start()
        return children

    def run(self, work: Callable[..., None], *arguments: Any, world: int = WORLD) -> list[int]:
        children = self.start(work, *arguments, world=world)
        for child in children:
            child.join()
        return [child.exitcode for child in children]


def as_rank(rank: int, world: int, port: int, work: Callable[..., None], *arguments: Any) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    torch.set_num_threads(1)
    work(*arguments)


@pytest.fixture(scope="module")
def together() -> Together:
    return Together()


def precise(configs: list[TrainingConfig]) -> None:
    """Train in float64, one run after the other, and leave the state of this process in each run folder."""
    as_double = lambda batch, *_: Batch(*(part.double() / 127.5 - 1 for part in batch))  # noqa: E731
    plain = run_module.fit

    def fit(run: Any, samples: Any) -> None:
        assert processes.count() == int(os.environ.get("WORLD_SIZE", "1"))
        plain(run, samples)
        averages = {name: average.state_dict() for name, average in run.ema.averages.items()}
        torch.save({"method": run.method.state(), "ema": averages}, run.folder.root / f"{processes.rank()}.pt")

    torch.set_default_dtype(torch.float64)
    loop.to_device, run_module.fit = as_double, fit  # type: ignore[assignment]
    with processes.joined("cpu") as device:
        processes.joined = lambda _: nullcontext(device)  # type: ignore[assignment]  # for all runs once
        for config in configs:
            train(config)


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


GAME: dict[str, Any] = {"label_flips": 0.3, "instance_noise": 0.3, "clip_norm": 0.01, "spectral_norm": True, "pool": 3}
DAMAGE = ("resize 0.5 1.5 0.5", "noise 5 20 0.7", "shrink", "poisson 1 2 0.7", "palette 4 16 0.5")
ALIKE: dict[str, Configure] = {
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "cut": cut,
    "srgan": srgan,
    "adversarial": adversarial,
    "relativistic": partial(adversarial, objective="relativistic", **GAME),
    "wgan-gp": partial(pix2pix, objective="wgan-gp", instance_noise=0.3, clip_norm=0.01),
    "parts": partial(cyclegan, accumulate=2, objective="relativistic-least-squares"),
    "parts, damaged": partial(srgan, accumulate=2, degradations=DAMAGE, clip_norm=0.01),
}


@pytest.fixture(scope="module")
def runs(data: Path, together: Together, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders one/CASE and two/CASE."""
    root = tmp_path_factory.mktemp("runs")
    for world, folder in ((1, "one"), (2, "two")):
        configs = [
            *(configure(data, root / folder / name, batch=4 // world) for name, configure in ALIKE.items()),
            batch_norm(data, root / folder / "batch norm", batch=4 // world, images=4),
        ]
        assert together.run(precise, configs, world=world) == [0] * world
    return root


@pytest.mark.parametrize("name", ALIKE)
def test_two_processes_compute_what_one_with_twice_the_batch_does(name: str, runs: Path) -> None:
    one, two, other = (load(runs / run) for run in (f"one/{name}/0.pt", f"two/{name}/0.pt", f"two/{name}/1.pt"))
    assert not differences(two, other, 0.0)
    assert not differences(one, two, 1e-8)
    weights = [tensor for where, tensor in leaves(one["method"]["networks"]) if where.endswith("weight")]
    assert all(weight.dtype == torch.float64 for weight in weights)
    stats = [(runs / folder / name / "stats.jsonl").read_text().splitlines() for folder in ("one", "two")]
    assert len(stats[0]) == len(stats[1])


def test_batch_statistics_are_those_of_all(runs: Path) -> None:
    """Each process normalises by its own share: what the first layer remembers is the mean; all remember the same."""
    one, two, other = (
        load(runs / run) for run in ("one/batch norm/0.pt", "two/batch norm/0.pt", "two/batch norm/1.pt")
    )
    assert not differences(two, other, 0.0)
    remembered = [
        next(tensor for where, tensor in leaves(state["method"]["networks"]) if where.endswith("running_mean"))
        for state in (one, two)
    ]
    assert torch.allclose(*remembered, atol=1e-8)
    assert float(remembered[0].abs().max()) > 1e-3


def stop_soon(config: TrainingConfig, after: int) -> None:
    """Train, and be asked to stop after so many steps, in the last process alone."""
    plain = loop.Run.step

    def step(run: loop.Run, batch: Batch) -> None:
        plain(run, batch)
        if run.steps == after and processes.rank() == processes.count() - 1:
            signal.raise_signal(signal.SIGTERM)

    loop.Run.step = step  # type: ignore[method-assign]
    train(config)


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_stopped_in_one_is_stopped_in_all_and_resumed_is_never_stopped(
    data: Path, tmp_path: Path, together: Together
) -> None:
    """With dropout, whose draws each process makes by itself."""
    assert together.run(train, dropout(data, tmp_path / "whole")) == [0, 0]
    codes = together.run(stop_soon, dropout(data, tmp_path / "parts"), 2)
    assert codes == [1, run_module.INTERRUPTED]  # the first one's KeyboardInterrupt is not caught here
    assert checkpoints(tmp_path / "parts") == ["000000008"]
    assert together.run(train, dropout(data, tmp_path / "parts", resume=True)) == [0, 0]
    states = [load(tmp_path / run / "checkpoints" / "000000016" / "state.pt") for run in ("whole", "parts")]
    assert not differences(*states, 0.0)
    assert not torch.equal(states[0]["random"]["cpu"], states[0]["others"][0]["cpu"])


def test_another_number_of_processes_goes_on_with_the_same_whole_batch(
    data: Path, tmp_path: Path, together: Together
) -> None:
    run = tmp_path / "run"
    together.run(stop_soon, srgan(data, run), 2)
    with pytest.raises(TrainingError, match="batch was 4 and is now 2"):
        train(srgan(data, run, resume=True))
    train(srgan(data, run, resume=True, batch=4))
    assert checkpoints(run)[-1] == "000000016"
    together.run(train, srgan(data, tmp_path / "whole"))
    states = [load(path / "checkpoints" / "000000016" / "state.pt") for path in (run, tmp_path / "whole")]
    networks = [state["method"]["networks"] for state in states]
    assert not differences(*networks, 1e-4)  # float32, and sums in another order


def die_soon(config: TrainingConfig, how: str) -> None:
    """Train; the second process dies in its second step."""
    plain = loop.Run.step

    def step(run: loop.Run, batch: Batch) -> None:
        if run.steps == 1 and processes.rank() == 1:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError("CUDA out of memory") if how == "error" else torch.OutOfMemoryError("CUDA out of memory.")
        plain(run, batch)

    loop.Run.step = step  # type: ignore[method-assign]
    try:
        train(config)
    except processes.OtherEnded as error:
        sys.exit(7 if "process 0 cannot reach the others" in str(error) else 8)


@pytest.mark.parametrize(("how", "code"), [("killed", -signal.SIGKILL), ("error", 1), ("memory", 1)])
def test_one_that_dies_ends_the_others(how: str, code: int, data: Path, tmp_path: Path, together: Together) -> None:
    assert together.run(die_soon, srgan(data, tmp_path / "run", images=4000), how) == [7, code]


def turn_nan(config: TrainingConfig) -> None:
    """Train; a loss of the second process alone is no number from its third step on."""
    plain = loop.Run.update

    def update(run: loop.Run, batch: Batch) -> dict[str, torch.Tensor]:
        losses = plain(run, batch)
        broken = run.steps >= 2 and processes.rank() == 1
        return {name: loss * float("nan") if broken else loss for name, loss in losses.items()}

    loop.Run.update = update  # type: ignore[method-assign]
    train(config)


def test_nan_in_one_stops_all(data: Path, tmp_path: Path, together: Together) -> None:
    assert together.run(turn_nan, srgan(data, tmp_path / "run")) == [1, 1]
    assert (tmp_path / "run" / "stats.jsonl").read_text().count("images_per_second") == 2
    assert not (tmp_path / "run" / "checkpoints" / "000000016").exists()


def test_shares_are_the_parts_of_each_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for rank in range(3):
        monkeypatch.setattr(processes, "_place", processes.Place(rank, 3))
        parts.append(list(shares(6, 20, 6)))
    assert parts == [[6, 7, 12, 13], [8, 9, 14, 15], [10, 11, 16, 17]]
    assert list(shares(6, 20, 6, 2)) == [8, 11, 14, 17]  # of each of the two parts in which a batch is computed


@pytest.mark.parametrize(
    ("device", "error", "complaint"),
    [("cuda:0", ConfigError, "one GPU for 2 processes"), ("cuda", DeviceError, "finds 1 CUDA devices for 2 processes")],
)
def test_each_process_has_its_own_gpu(
    device: str, error: type[Exception], complaint: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(error, match=complaint):
        train(srgan(data, tmp_path / "run", device=device))


def test_several_machines_are_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="on one machine"):
        train(srgan(data, tmp_path / "run"))


@pytest.mark.slow
def test_torchrun_starts_them_and_ctrl_c_writes_a_checkpoint(data: Path, tmp_path: Path) -> None:
    run, port = tmp_path / "run", ["--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, "-m", "torch.distributed.run", *port, "-m", "translate.cli", "train", "srgan"]
    settings = ["--data", str(data / "trainB"), "--out", str(run), "--images", "400000", "--checkpoint-minutes", "0"]
    small = ["--size", "16", "--batch", "2", "--device", "cpu", "--workers", "0", "--generator-arguments", "width", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    started = subprocess.Popen(
        [*command, *settings, *small], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    while not list(run.glob("checkpoints/[0-9]*/state.pt")):
        assert started.poll() is None, started.communicate()[1]
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    out, said = started.communicate()
    assert started.returncode != 0
    assert said.count("2 processes, each with its share of the batch, on the CPU") == 1
    assert said.count("data: ") == 1
    assert said.count("translate: interrupted.") == 1
    assert not out
    newest = load(run / "checkpoints" / checkpoints(run)[-1] / "state.pt")
    assert newest["images"] == 4 * newest["steps"] > 0
    assert len(newest["others"]) == 1
