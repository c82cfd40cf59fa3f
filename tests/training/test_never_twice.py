"""A run that is killed, stopped, full of NaN or out of memory costs at most what came after its last checkpoint."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from translate.training import train
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.guard import NotFinite
from translate.training.method import Batch
from translate.training.srgan import SRGAN

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks for the loaders in /proc")

SMALL: dict[str, Any] = {
    "images": 24, "batch": 2, "log_images": 4, "sample_images": 12, "workers": 2, "device": "cpu", "precision": "fp32",
    "size": 16, "ema": 0.9, "validation": 2, "checkpoint_minutes": 0.0,
}  # fmt: skip
TINY: dict[str, Any] = {
    "generator_arguments": {"width": 2, "blocks": 1}, "discriminator_arguments": {"width": 2, "layers": 1},
    "load_size": 18, "pool": 3, **SMALL,
}  # fmt: skip
METHODS: dict[str, Callable[[Path, Path], TrainingConfig]] = {
    "pix2pix": lambda data, out: Pix2PixConfig(
        data=data / "trainA", out=out,
        **{**SMALL, "size": 128, "load_size": 130, "generator": "unet_128", "generator_arguments": {"width": 2}},
        discriminator_arguments={"width": 2},
    ),
    "cyclegan": lambda data, out: CycleGANConfig(
        data=data, out=out, diffaugment=("translation",), keep_weight=1.0, keep_knee=0.1, keep_rise=0.8, **TINY
    ),
    "cut": lambda data, out: CUTConfig(data=data, out=out, patches=8, flip_equivariance=True, **TINY),
    "srgan": lambda data, out: SRGANConfig(
        data=data / "trainB", out=out, generator_arguments={"width": 4, "blocks": 1}, jpeg_chance=0.5, **SMALL
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(piles: Path) -> Path:
    return piles


def checkpoints(run: Path) -> list[int]:
    return sorted(int(path.parent.name) for path in run.glob("checkpoints/[0-9]*/state.pt"))


@pytest.fixture(scope="module")
def server() -> multiprocessing.context.ForkServerContext:
    """Starts processes of their own, with torch already imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["translate.training.run"])
    return context


def train_forking(config: TrainingConfig) -> None:
    """Loaders are forked: otherwise each of them would import torch again."""
    multiprocessing.set_start_method("fork", force=True)
    torch.set_num_threads(1)  # as here
    train(config)


def stop_in_the_middle(config: TrainingConfig, server: Any, number: int, *, all_of_it: bool = False) -> int | None:
    """Train in a process of its own and send it, or first its loaders, a signal in the second epoch: its exit code."""
    child = server.Process(target=train_forking, args=(config,))
    child.start()
    while (done := checkpoints(config.out))[-1:] < [6]:
        assert child.is_alive(), "it ended before its sixth image"
    loaders = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split() if all_of_it else []
    for loader in map(int, loaders):
        os.kill(loader, number)
    os.kill(child.pid, number)
    child.join()
    assert len(loaders) == config.workers * all_of_it
    assert done[-1] < config.images
    return int(child.exitcode)


@pytest.mark.parametrize("name", METHODS)
def test_killed_and_resumed_is_never_stopped(
    name: str, data: Path, tmp_path: Path, server: multiprocessing.context.ForkServerContext
) -> None:
    killed = METHODS[name](data, tmp_path / "killed")
    assert stop_in_the_middle(killed, server, signal.SIGKILL) == -signal.SIGKILL
    assert checkpoints(killed.out)[-1] < 24
    train(METHODS[name](data, killed.out).__class__(**{**vars(killed), "resume": True, "checkpoint_minutes": 5.0}))
    whole = train(killed.__class__(**{**vars(killed), "out": tmp_path / "whole", "checkpoint_minutes": 5.0}))
    for weights in (whole / "checkpoints" / "000000024").glob("*.safetensors"):
        ours = load_file(killed.out / "checkpoints" / "000000024" / weights.name)
        for key, tensor in load_file(weights).items():
            assert torch.equal(tensor, ours[key]), f"{weights.name}: {key}"
    assert json.loads((whole / "best.json").read_text()) == json.loads((killed.out / "best.json").read_text())


@pytest.mark.parametrize("all_of_it", [False, pytest.param(True, marks=LINUX)])
def test_sigterm_writes_a_checkpoint_first(
    all_of_it: bool, data: Path, tmp_path: Path, server: multiprocessing.context.ForkServerContext
) -> None:
    config = METHODS["srgan"](data, tmp_path / "run")
    ended = stop_in_the_middle(config, server, signal.SIGTERM, all_of_it=all_of_it)
    assert ended == 1  # KeyboardInterrupt, uncaught here
    stats = [json.loads(line) for line in (config.out / "stats.jsonl").read_text().splitlines()]
    assert checkpoints(config.out)[-1] >= stats[-1]["images"]


def breaking(at: int, monkeypatch: pytest.MonkeyPatch, *, in_float32: bool) -> None:
    """From its step `at` on, SRGAN's loss is NaN, in bfloat16 only or always; weights, too, one step later."""
    plain, count = SRGAN.step, iter(range(10**6))

    def step(self: SRGAN, batch: Batch) -> dict[str, Tensor]:
        losses = plain(self, batch)
        if next(count) >= at - 1 and (in_float32 or torch.is_autocast_enabled("cpu")):
            losses["g_pixel"] = losses["g_pixel"] * float("nan")
            with torch.no_grad():
                next(self.g.parameters()).fill_(float("nan"))
        return losses

    monkeypatch.setattr(SRGAN, "step", step)


def srgan(data: Path, out: Path, **settings: Any) -> SRGANConfig:
    tiny = {"generator_arguments": {"width": 4, "blocks": 1}}
    return SRGANConfig(data=data / "trainB", out=out, **{**SMALL, "workers": 0, **tiny, **settings})


def test_nan_stops_and_keeps_the_last_good_checkpoint(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(5, monkeypatch, in_float32=False)
    with pytest.raises(NotFinite, match=r"g_pixel is nan in step 5, after 10 images; .*000000008, is good: go on"):
        train(srgan(data, tmp_path / "run", precision="bf16"))
    assert checkpoints(tmp_path / "run")[-1] == 8
    for weights in (tmp_path / "run").glob("checkpoints/*/*.safetensors"):
        assert all(bool(tensor.isfinite().all()) for tensor in load_file(weights).values())


def test_loaders_end_with_a_run_that_fails(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They do not heed SIGTERM: a process that ends before them would wait for them for good."""
    breaking(2, monkeypatch, in_float32=True)
    with pytest.raises(NotFinite) as failure:  # whose traceback holds the loop that failed
        train(srgan(data, tmp_path / "run", precision="fp32", workers=2))
    assert failure.tb
    assert multiprocessing.active_children() == []


def test_nan_can_be_gone_on_from_in_float32(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(5, monkeypatch, in_float32=False)
    run = train(srgan(data, tmp_path / "run", precision="bf16", on_nan="resume"))
    assert "going on from it in float32" in capsys.readouterr().err
    assert checkpoints(run)[-1] == 24
    assert all(
        bool(t.isfinite().all()) for t in load_file(run / "checkpoints" / "000000024" / "g.safetensors").values()
    )


def test_a_second_nan_says_as_much_as_the_first(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where float32 does not help."""
    breaking(5, monkeypatch, in_float32=True)
    with pytest.raises(NotFinite, match=r"g_pixel is nan in step 5, after 10 images; .*000000008, is good\. In fl"):
        train(srgan(data, tmp_path / "run", precision="bf16", on_nan="resume"))
    assert checkpoints(tmp_path / "run")[-1] == 8


@pytest.mark.parametrize("on_nan", ["stop", "resume"])
def test_nan_in_float32_ends_the_run(on_nan: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(3, monkeypatch, in_float32=True)
    with pytest.raises(NotFinite, match="In float32 already: start again with a lower --learning-rate"):
        train(srgan(data, tmp_path / "run", on_nan=on_nan))
