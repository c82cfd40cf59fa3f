"""Run folders: what they hold, and that stopping and resuming equals never having stopped."""

import dataclasses
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from training_states import differences

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ConfigError, TrainingError
from translate.training import loop, train
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.data import to_device
from translate.training.folder import RunFolder
from translate.training.losses import peak_signal_to_noise
from translate.training.samples import HighResolution

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

SMALL: dict[str, Any] = {
    "images": 12, "batch": 2, "log_images": 4, "sample_images": 8, "workers": 0, "device": "cpu", "precision": "fp32",
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for pile in ("trainA", "trainB"):
        (tmp_path / "data" / pile).mkdir(parents=True)
        for index in range(5):
            pixels = np.random.default_rng(index).integers(0, 256, (32, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / pile / f"{index}.png")
    return tmp_path / "data"


def pix2pix(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    small: dict[str, Any] = {"generator": "unet_128", "generator_arguments": {"width": 2}, "validation": 1}
    return Pix2PixConfig(
        data=data / "trainA", out=out, size=128, load_size=130, ema=0.9,
        **{**SMALL, **small, "discriminator_arguments": {"width": 2}, **settings},
    )  # fmt: skip


def cyclegan(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    small: dict[str, Any] = {"size": 16, "discriminator_arguments": {"width": 2, "layers": 1}}
    return CycleGANConfig(
        data=data, out=out, pool=2, generator_arguments={"width": 2, "blocks": 1},
        **{"load_size": 18, **SMALL, **small, **settings},
    )  # fmt: skip


def srgan(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    return SRGANConfig(
        data=data, out=out,
        **{**SMALL, "size": 16, "validation": 2, "generator_arguments": {"width": 4, "blocks": 1}, **settings},
    )  # fmt: skip


def cut(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    small: dict[str, Any] = {"size": 16, "discriminator_arguments": {"width": 2, "layers": 1}}
    return CUTConfig(
        data=data, out=out, pool=2, generator_arguments={"width": 2, "blocks": 1},
        flip_equivariance=True, patches=8, ema=0.9, **{"validation": 2, "load_size": 18, **SMALL, **small, **settings},
    )  # fmt: skip


def helped(configure: Callable[..., TrainingConfig], data: Path, out: Path, **settings: Any) -> TrainingConfig:
    """With all that helps where pictures are few, and that has a state of its own or changes on the way."""
    growing = {"size": 20, "sizes": (16, 20), "load_size": 22}
    return configure(
        data, out, diffaugment=("color", "translation", "cutout"), r1_weight=1.0, r1_every=2, **growing, **settings
    )


def doubted(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    """With all that keeps a discriminator from being too sure, and that has a state of its own."""
    return pix2pix(
        data, out, label_smoothing=0.1, label_flips=0.3, instance_noise=0.2, r1_weight=1.0, r1_every=2, pool=3,
        spectral_norm=True, clip_norm=0.5, schedule="cosine", discriminator_learning_rate=4e-4, accumulate=2, **settings
    )  # fmt: skip


def critical(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    """Against a critic, whose penalty draws a place between real and fake."""
    return cyclegan(data, out, objective="wgan-gp", **settings)


def grown_pairs(data: Path, out: Path, **settings: Any) -> TrainingConfig:
    """At a small size first."""
    return Pix2PixConfig(
        data=data / "trainA", out=out, size=20, sizes=(16, 20), load_size=22, generator="resnet_6blocks",
        generator_arguments={"width": 2, "blocks": 1}, discriminator_arguments={"width": 2, "layers": 1},
        **{**SMALL, "validation": 1, **settings},
    )  # fmt: skip


METHODS = [pix2pix, cyclegan, cut, srgan]
HELPED = [
    partial(helped, cut), partial(helped, cyclegan), doubted, critical, grown_pairs,
    partial(srgan, size=32, sizes=(16, 32)),
]  # fmt: skip
Configure = Callable[..., TrainingConfig]


@pytest.mark.parametrize("configure", METHODS)
def test_a_run_leaves_what_the_design_says(configure: Configure, data: Path, tmp_path: Path) -> None:
    out = train(configure(data, tmp_path / "run", source="noise", target="more noise", license="CC0-1.0"))
    assert json.loads((out / "config.json").read_text())["images"] == 12
    stats = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    assert {line["images"] for line in stats} >= {4, 8, 12}
    assert list((out / "tensorboard").iterdir())
    assert [path.name for path in sorted((out / "samples").iterdir())] == ["000000008.png", "000000012.png"]
    checkpoint = out / "checkpoints" / "000000012"
    for weights in checkpoint.glob("*.safetensors"):
        generator, manifest = load_checkpoint(weights)
        assert manifest.steps == 6
        assert manifest.license == "CC0-1.0"
        assert {manifest.source, manifest.target} == {"noise", "more noise"}
        assert manifest.name == ("run" if weights.stem == "g" else f"run-{weights.stem}")
        assert next(generator.parameters()).isfinite().all()
        with safe_open(weights, "pt") as file:
            assert "translate.manifest" in file.metadata()
    assert torch.load(checkpoint / "state.pt", weights_only=True)["steps"] == 6


@pytest.mark.parametrize("configure", [*METHODS, *HELPED])
def test_stop_and_resume_equals_never_having_stopped(
    configure: Configure, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(configure(data, tmp_path / "whole"))

    asked = iter([False, False, True])  # Ctrl-C in the middle of the run, between two log lines

    @contextmanager
    def stop_after_three() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(is_set=lambda: next(asked))

    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_requests", stop_after_three)
        with pytest.raises(KeyboardInterrupt):
            train(configure(data, tmp_path / "parts"))
    assert [path.name for path in (tmp_path / "parts" / "checkpoints").iterdir()] == ["000000006"]
    with pytest.raises(TrainingError, match="Add --resume"):
        train(configure(data, tmp_path / "parts"))
    with pytest.raises(TrainingError, match=r"learning_rate was .* and is now 0\.1"):
        train(configure(data, tmp_path / "parts", resume=True, learning_rate=0.1))
    parts = train(configure(data, tmp_path / "parts", resume=True, workers=1))

    for weights in (whole / "checkpoints" / "000000012").glob("*.safetensors"):
        ours = load_file(parts / "checkpoints" / "000000012" / weights.name)
        for name, tensor in load_file(weights).items():
            assert torch.equal(tensor, ours[name]), f"{weights.name}: {name}"
    states = [torch.load(run / "checkpoints" / "000000012" / "state.pt", weights_only=True) for run in (whole, parts)]
    assert not differences(*states, 0.0)
    sheets = [(run / "samples" / "000000012.png").read_bytes() for run in (whole, parts)]
    assert sheets[0] == sheets[1]


@pytest.mark.parametrize("configure", METHODS)
def test_bfloat16_trains_too(configure: Configure, data: Path, tmp_path: Path) -> None:
    out = train(configure(data, tmp_path / "run", precision="bf16", images=4))
    (weights, *_) = (out / "checkpoints" / "000000004").glob("*.safetensors")
    assert all(tensor.dtype == torch.float32 or "num_batches" in name for name, tensor in load_file(weights).items())


def test_samples_show_what_is_exported_and_change_nothing(data: Path, tmp_path: Path) -> None:
    """SRResNet has BatchNorm: neither may the pictures kept aside move its statistics, nor be measured by their own."""
    often, never = (
        train(srgan(data, tmp_path / name, sample_images=images)) for name, images in (("often", 2), ("never", 12))
    )
    weights = [load_file(run / "checkpoints" / "000000012" / "g.safetensors") for run in (often, never)]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())

    config = srgan(data, tmp_path)
    assert isinstance(config, SRGANConfig)
    generator, manifest = load_checkpoint(often / "checkpoints" / "000000012" / "g.safetensors")
    with torch.no_grad():
        measured = [
            peak_signal_to_noise(generator(low), high)
            for low, high in (to_device(b, torch.device("cpu")) for b in HighResolution(config, 4).validation())
        ]
    assert manifest.metrics["validation_psnr"] == pytest.approx(float(torch.stack(measured).mean()), abs=1e-3)


@pytest.mark.parametrize("configure", METHODS)
def test_sheets_of_a_run_show_the_same_training_pictures(configure: Configure, data: Path, tmp_path: Path) -> None:
    out = train(configure(data, tmp_path / "run", validation=0, sample_images=4))
    sheets = [np.asarray(Image.open(path)) for path in sorted((out / "samples").iterdir())]
    assert len(sheets) == 3
    rows, rest = divmod(sheets[0].shape[0] - 14, {"pix2pix": 132, "srgan": 68}.get(configure.__name__, 20))
    assert (rows, rest) == ({"srgan": 6}.get(configure.__name__, 5), 0)
    pictures = [sheet[14:, :20] for sheet in sheets]  # of the first column, what is read
    assert all(np.array_equal(pictures[0], later) for later in pictures[1:])


@pytest.mark.parametrize("keep", [1, 3])
def test_checkpoints_by_the_clock_keep_the_last_ones_and_the_best(keep: int, data: Path, tmp_path: Path) -> None:
    out = train(srgan(data, tmp_path / "run", checkpoint_minutes=0.0, keep=keep, sample_images=2))
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    measured = {line["images"]: line["validation_psnr"] for line in lines if "validation_psnr" in line}
    assert list(measured) == [2, 4, 6, 8, 10, 12]
    best = max(measured, key=lambda images: measured[images])
    assert json.loads((out / "best.json").read_text())["images"] == best
    kept = {*list(measured)[-keep:], best}
    assert {int(path.name) for path in (out / "checkpoints").iterdir()} == kept


def test_piles_choose_the_best_by_distance(data: Path, tmp_path: Path) -> None:
    out = train(cyclegan(data, tmp_path / "run", validation=2, sample_images=4, keep=1))
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    measured = {line["images"]: line["validation_swd"] for line in lines if "validation_swd" in line}
    assert json.loads((out / "best.json").read_text())["images"] == min(measured, key=lambda images: measured[images])


@pytest.mark.parametrize(
    ("configure", "settings", "complaint"),
    [
        (pix2pix, {"generator": "unet_256"}, "must be a multiple of 256 and at least 256"),
        (
            pix2pix,
            {"generator": "srresnet_x4", "generator_arguments": {}},
            "makes pictures 4 times larger; this method needs a scale of 1",
        ),
        (cyclegan, {"size": 18}, "must be a multiple of 4"),
        (cut, {"size": 18}, "must be a multiple of 4"),
        (cut, {"generator": "srresnet_x4"}, "cut contrasts layers of a ResNet"),
        (srgan, {"size": 18}, "must be a multiple of 4"),
        (srgan, {"stage": "adversarial"}, "name it with --start-from"),
        (cyclegan, {"discriminator_arguments": {}}, "patchgan cannot judge squares of 16 pixels"),
        (cyclegan, {"discriminator": "multiscale"}, "multiscale cannot judge squares of 16 pixels"),
        (cut, {"discriminator": "vgg", "discriminator_arguments": {"size": 32}}, "vgg cannot judge squares of 16"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    configure: Configure, settings: dict[str, Any], complaint: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        train(configure(data, tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("discriminator", ["pixel", "unet_sn", "vgg", "multiscale"])
@pytest.mark.parametrize("configure", [pix2pix, cyclegan, cut])
def test_every_discriminator_can_be_chosen(
    configure: Configure, discriminator: str, data: Path, tmp_path: Path
) -> None:
    width = {"width": 2} | ({"size": 128 if configure is pix2pix else 16} if discriminator == "vgg" else {})
    width |= {"layers": 1, "scales": 2} if discriminator == "multiscale" else {}
    train(configure(data, tmp_path / "run", discriminator=discriminator, discriminator_arguments=width, images=2))


def test_a_damaged_checkpoint_is_named(data: Path, tmp_path: Path) -> None:
    train(srgan(data, tmp_path / "run"))
    state = tmp_path / "run" / "checkpoints" / "000000012" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"cannot go on from .*000000012"):
        train(srgan(data, tmp_path / "run", resume=True))


def test_a_run_can_start_from_another_generator(data: Path, tmp_path: Path) -> None:
    first = train(srgan(data, tmp_path / "first"))
    weights = first / "checkpoints" / "000000012" / "g.safetensors"
    generator, manifest = load_checkpoint(weights)
    save_checkpoint(weights, generator, dataclasses.replace(manifest, judges={"VGG-19": "a file"}))
    second = train(
        srgan(data, tmp_path / "second", start_from=first, stage="adversarial", perceptual_weight=0.0,
              size=32, discriminator_arguments={"width": 4}, learning_rate=1e-12)
    )  # fmt: skip
    before, after = load_file(weights), load_file(second / "checkpoints" / "000000012" / "g.safetensors")
    learned = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in learned)
    assert load_checkpoint(second / "checkpoints" / "000000012" / "g.safetensors")[1].judges == {"VGG-19": "a file"}
    assert torch.load(second / "checkpoints" / "000000012" / "state.pt", weights_only=True)["judges"]  # for --resume
    with pytest.raises(TrainingError, match="make --generator and --generator-arguments those of the file"):
        train(srgan(data, tmp_path / "third", start_from=weights, generator="msrresnet_x4"))


def test_statistics_keep_what_counts(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log({"images": 12_345_678, "learning_rate": 1.23456789e-7})
    assert json.loads((tmp_path / "stats.jsonl").read_text()) == {"images": 12_345_678, "learning_rate": 1.23457e-7}
    folder.log({"images": 12_345_680, "learning_rate": 0.0})
    folder.forget_stats_after(12_345_679)
    assert len((tmp_path / "stats.jsonl").read_text().splitlines()) == 1


def test_a_signal_stops_between_two_steps() -> None:
    before = signal.getsignal(signal.SIGINT)
    with loop.stop_requests() as asked:
        assert not asked.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_nan_stops_the_run_and_names_the_loss(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"g_pixel is (nan|inf) in step \d, after \d+ images"):
        train(srgan(data, tmp_path / "run", learning_rate=1e30))
