"""What the loop hands to a method: how far the run is, and pictures and weights in the order that is fast."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import tyro
from safetensors.torch import load_file
from torch import Tensor

from models.errors import TrainingError
from translate.training import hardware, train
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig
from translate.training.cyclegan import CycleGAN
from translate.training.memory_format import in_format_of
from translate.training.method import Batch
from translate.training.srgan import SRGAN

SMALL: dict[str, Any] = {
    "images": 8, "batch": 2, "size": 16, "workers": 0, "device": "cpu",
    "generator_arguments": {"width": 2, "blocks": 1}, "discriminator_arguments": {"width": 2, "layers": 1},
}  # fmt: skip


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, bool, bool]]:
    """Of each step: how much of the run was done; whether its pictures, and its weights, were channels_last."""
    seen: list[tuple[float, bool, bool]] = []
    for kind in (CycleGAN, SRGAN):
        plain = kind.step

        def step(self: Any, batch: Batch, plain: Any = plain) -> dict[str, Tensor]:
            weights = [weight for weight in next(iter(self.networks.values())).parameters() if weight.ndim == 4]
            seen.append((self.done, by_pixel(batch.a), by_pixel(weights[1])))
            return plain(self, batch)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "step", step)
    return seen


def by_pixel(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


@pytest.mark.parametrize(("precision", "expected"), [("fp32", False), ("bf16", True)])
def test_cyclegan_is_channels_last_in_16_bits_only(
    precision: Any, expected: bool, piles: Path, tmp_path: Path, steps: list[tuple[float, bool, bool]]
) -> None:
    train(CycleGANConfig(data=piles, out=tmp_path, load_size=18, precision=precision, **SMALL))
    assert steps == [(done, expected, expected) for done in (0.0, 0.25, 0.5, 0.75)]


def test_super_resolution_is_channels_last(piles: Path, tmp_path: Path, steps: list[tuple[float, bool, bool]]) -> None:
    settings = {**SMALL, "size": 32, "discriminator_arguments": {}}
    train(SRGANConfig(data=piles / "trainB", out=tmp_path, precision="fp32", **settings))
    assert [(pictures, weights) for _, pictures, weights in steps] == [(True, True)] * 4


def test_pictures_are_put_in_the_order_of_others() -> None:
    plain = torch.rand(2, 3, 4, 5)
    ordered = plain.contiguous(memory_format=torch.channels_last)
    assert torch.equal(in_format_of(plain, ordered), plain)
    assert by_pixel(in_format_of(plain, ordered))
    assert not by_pixel(in_format_of(ordered, plain))


def test_a_run_may_be_made_longer(piles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While the learning rate does not fall yet, it is the run that was long from the start."""
    settings = {**SMALL, "load_size": 18, "precision": "fp32", "decay_from": 1.0}
    for name, lengths in (("made longer", (8, 12)), ("long", (12,))):
        for images in lengths:
            train(CycleGANConfig(data=piles, out=tmp_path / name, resume=True, **{**settings, "images": images}))
    assert "going on with another length: images was 8 and is now 12" in capsys.readouterr().err
    last = "checkpoints/000000012/ab.safetensors"
    ours, theirs = load_file(tmp_path / "made longer" / last), load_file(tmp_path / "long" / last)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_masked_generator_can_start_from_one_without(piles: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "data": piles, "load_size": 18, "precision": "fp32", "patches": 8}
    plain = train(CUTConfig(out=tmp_path / "plain", generator="resnet_6blocks_resize", **settings))
    masked = CUTConfig(
        out=tmp_path / "masked", generator="resnet_6blocks_masked", start_from=plain, learning_rate=1e-12,
        keep_weight=1.0, keep_rise=0.5, **settings,
    )  # fmt: skip
    ours, theirs = (load_file(folder / "checkpoints/000000008/g.safetensors") for folder in (train(masked), plain))
    ours["decode.2.1.weight"], ours["decode.2.1.bias"] = ours["decode.2.1.weight"][:3], ours["decode.2.1.bias"][:3]
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-9) for name in theirs)


def test_all_generators_of_a_run_start_from_those_of_another(piles: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "data": piles, "load_size": 18, "precision": "fp32"}
    plain = train(CycleGANConfig(out=tmp_path / "plain", generator="resnet_6blocks_resize", **settings))
    again = CycleGANConfig(
        out=tmp_path / "masked", generator="resnet_6blocks_masked", start_from=plain, learning_rate=1e-12, **settings
    )
    masked, place = train(again), "checkpoints/000000008"
    for name in ("ab", "ba"):
        ours, theirs = (load_file(folder / place / f"{name}.safetensors") for folder in (masked, plain))
        ours["decode.2.1.weight"], ours["decode.2.1.bias"] = ours["decode.2.1.weight"][:3], ours["decode.2.1.bias"][:3]
        assert all(torch.allclose(ours[key], theirs[key], atol=1e-9) for key in theirs)
    one = dataclasses.replace(again, out=tmp_path / "other", start_from=plain / place / "ab.safetensors")
    with pytest.raises(TrainingError, match="is one generator, and this method trains 2: name the folder of a run"):
        train(one)


@pytest.mark.parametrize("config", [CUTConfig, CycleGANConfig])
def test_discriminators_start_from_those_of_the_run(
    config: Any, piles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SMALL, "data": piles, "load_size": 18, "precision": "fp32"}
    if config is CUTConfig:
        settings["patches"] = 8
    first = train(config(out=tmp_path / "first", **settings))
    capsys.readouterr()

    def networks(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
        state = torch.load(folder / "checkpoints/000000008/state.pt", weights_only=True)
        found: dict[str, dict[str, torch.Tensor]] = state["method"]["networks"]
        return found

    names = {CUTConfig: ["d", "contrast"], CycleGANConfig: ["d_a", "d_b"]}[config]
    still = {**settings, "learning_rate": 1e-12, "start_from": first}
    second = train(config(out=tmp_path / "second", **still))
    assert f"with its generators and its {', '.join(names)}" in capsys.readouterr().err
    for name in names:
        theirs = networks(second)[name]
        assert all(torch.allclose(weight, theirs[key], atol=1e-9) for key, weight in networks(first)[name].items())
    other = {"width": 4, "layers": 2}
    third = networks(train(config(out=tmp_path / "third", **{**still, "discriminator_arguments": other})))
    told = capsys.readouterr().err
    assert ("its contrast" in told) == (config is CUTConfig)
    assert "d_a" not in told
    assert not any(
        torch.equal(weight, networks(first)[names[0]].get(key, weight[:0])) for key, weight in third[names[0]].items()
    )


@pytest.mark.parametrize(
    ("asked", "updates", "compiler", "expected"),
    [
        ("auto", 2999, True, False),
        ("auto", 3000, True, True),
        ("auto", 3000, False, False),
        ("on", 1, True, True),
        ("off", 9999, True, False),
    ],
)
def test_long_runs_are_compiled_where_they_can_be(
    asked: Any, updates: int, compiler: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        hardware.shutil, "which", lambda name: f"/bin/{name}" if compiler and name == "clang++" else None
    )
    config = SRGANConfig(data=Path("data"), out=Path("run"), images=updates * 16, compile=asked)
    assert hardware.compiles(config, torch.device("cpu")) == expected
    unet = Pix2PixConfig(data=Path("data"), out=Path("run"), images=updates, compile=asked)
    assert hardware.compiles(unet, torch.device("cpu")) == (asked == "on")
    if asked == "on":
        monkeypatch.setattr(hardware.shutil, "which", lambda _: None)
        with pytest.raises(TrainingError, match=r"--compile on needs a C\+\+ compiler"):
            hardware.compiles(config, torch.device("cpu"))


def test_the_help_says_when_pictures_kept_aside_are_measured(
    piles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(SRGANConfig, args=["--help"])
    helped = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "measured every --sample-images images and at the end" in helped
    settings = {**SMALL, "validation": 1, "sample_images": 4, "checkpoint_minutes": 0.0, "images": 10}
    stats = train(SRGANConfig(data=piles / "trainB", out=tmp_path, precision="fp32", **settings)) / "stats.jsonl"
    lines = [json.loads(line) for line in stats.read_text().splitlines()]
    assert [line["images"] for line in lines if "validation_psnr" in line] == [4, 8, 10]
