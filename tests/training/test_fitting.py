"""Out of memory: what is suggested is accepted, fits, and can be gone on with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import tyro
from torch import Tensor

from models.errors import TrainingError
from translate.training import train
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.fitting import allowed, options, out_of_memory, ways
from translate.training.loop import Run
from translate.training.method import Batch
from translate.training.run import build_method
from translate.training.srgan import SRGAN

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

PLACE: dict[str, Any] = {"data": Path("data"), "out": Path("run")}
SMALL: dict[str, Any] = {"generator_arguments": {"width": 2, "blocks": 1}, "discriminator_arguments": {"width": 2}}
CONFIGS: list[TrainingConfig] = [
    Pix2PixConfig(**PLACE, batch=4, generator="unet_128", generator_arguments={"width": 2}),
    CycleGANConfig(**PLACE, **SMALL, batch=8, accumulate=4),
    CycleGANConfig(**PLACE, **SMALL, batch=6, sizes=(128, 192, 256), keep_weight=1.0, keep_pixels=8),
    CUTConfig(**PLACE, **SMALL, sizes=(128, 256), keep_weight=1.0, keep_pixels=40),
    SRGANConfig(**PLACE, batch=12, accumulate=3, generator_arguments={"width": 4, "blocks": 1}),
    SRGANConfig(
        **PLACE, **{**SMALL, "generator_arguments": {"width": 4, "blocks": 1}}, batch=2, stage="adversarial",
        discriminator="patchgan", judged_shift=40, perceptual_weight=0,
    ),
]  # fmt: skip


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_what_is_suggested_is_accepted(config: TrainingConfig) -> None:
    method = build_method(config, torch.device("cpu"))
    (_, generator), *_ = method.generators().values()
    found = list(ways(config, config.batch, generator))
    accepted = [options(changes) for way in found for changes in allowed(config, config.batch, way)]
    assert accepted
    for words in accepted:
        given = tyro.cli(type(config), args=words.split(), default=config)
        build_method(given, torch.device("cpu"))  # which checks the sizes, too
        assert given.batch % given.accumulate == 0
    parts = [way.pictures // config.accumulate for way in found]
    assert parts == sorted(parts, reverse=True)
    assert (config.batch == config.accumulate) or "--accumulate" in accepted[0]


def srgan(data: Path, out: Path, **settings: Any) -> SRGANConfig:
    small: dict[str, Any] = {
        "images": 24, "batch": 8, "size": 32, "workers": 0, "device": "cpu", "precision": "fp32", "validation": 2,
        "log_images": 4, "sample_images": 12, "generator_arguments": {"width": 4, "blocks": 1},
    }  # fmt: skip
    return SRGANConfig(data=data / "trainB", out=out, **{**small, **settings})


def room_for(most: float, monkeypatch: pytest.MonkeyPatch, *, from_step: int = 0) -> None:
    """A device with room for so many squares of 32 pixels at a time."""
    plain, count = SRGAN.step, iter(range(10**6))

    def step(self: SRGAN, batch: Batch) -> dict[str, Tensor]:
        if next(count) >= from_step and batch.b.numel() / self.config.accumulate > most * 3 * 32 * 32:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, batch)

    monkeypatch.setattr(SRGAN, "step", step)


@pytest.mark.parametrize(
    ("most", "settings", "hint"),
    [
        (3, {}, r"--batch 8 --size 32: a step fits with --accumulate 4, or with --batch 2; else .*, or --precision"),
        (
            1, {"accumulate": 4},
            r"--batch 8 --accumulate 4 --size 32: a step fits with --accumulate 8, or with --batch 1 --accumulate 1;",
        ),
        (0.3, {}, "a step fits with --accumulate 8 --size 16;"),
        (0, {}, "no smaller part of a batch and no smaller size fits; try"),
        (3, {"precision": "bf16"}, r"a step fits with .*width N\)\.$"),
    ],
)  # fmt: skip
def test_out_of_memory_says_what_would_fit(
    most: float, settings: dict[str, Any], hint: str, piles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_for(most, monkeypatch)
    with pytest.raises(TrainingError, match=rf"out of memory on cpu with .*{hint}"):
        train(srgan(piles, tmp_path / "run", **settings))


def test_a_run_that_runs_out_of_memory_can_go_on_in_parts(
    piles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room_for(4, monkeypatch, from_step=2)
    with pytest.raises(TrainingError, match=r"With --accumulate 2 --resume goes on from .*000000016\."):
        train(srgan(piles, tmp_path / "run", checkpoint_minutes=0.0))
    train(srgan(piles, tmp_path / "run", accumulate=2, resume=True))
    assert "a batch in other parts: accumulate was 1 and is now 2" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoints" / "000000024").is_dir()


def test_sizes_that_come_later_are_tried_too() -> None:
    """The step that failed was at 128 pixels: with half of all sizes the last one is 128, too."""
    config = CONFIGS[2]
    (_, generator), *_ = build_method(config, torch.device("cpu")).generators().values()
    tried: list[tuple[int, ...]] = []

    def step(batch: Batch) -> None:
        tried.append(tuple(batch.b.shape))
        if batch.b.shape[-1] > 128:
            raise torch.OutOfMemoryError

    batch = Batch(*(torch.zeros(6, 3, 128, 128, dtype=torch.uint8) for _ in range(2)))
    said = str(out_of_memory(step, batch, config, torch.device("cpu"), torch.float32, generator, None))
    assert "fits with --accumulate 6 --sizes 64 96 128 --size 128 --load-size 143;" in said
    assert tried[-3:] == [(1, 3, 64, 64), (1, 3, 96, 96), (1, 3, 128, 128)]
    assert (3, 3, 256, 256) in tried


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_no_memory_for_samples_does_not_end_a_run(
    error: type[Exception], piles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    plain: Callable[..., Any] = Run.look

    def look(run: Run, *arguments: Any) -> Any:
        if run.images < 20:
            raise error("no room")
        return plain(run, *arguments)

    monkeypatch.setattr(Run, "look", look)
    if error is RuntimeError:  # another failure is no lack of memory
        with pytest.raises(RuntimeError, match="no room"):
            train(srgan(piles, tmp_path / "run"))
        return
    run = train(srgan(piles, tmp_path / "run"))
    assert "after 16 images: no samples: out of memory on cpu" in capsys.readouterr().err
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines if line.get("warning") == "no samples"] == [16]
    assert [line["images"] for line in lines if "validation_psnr" in line] == [24]
