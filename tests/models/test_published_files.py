"""Files of published weights are unwrapped, and nothing in them is ever run."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.errors import BadModelFile, UnknownGenerator
from models.published import files
from models.published.files import read_weights

LAYERS = {"conv_first.weight": torch.rand(4, 3, 3, 3), "conv_first.bias": torch.rand(4)}
SEQUENTIAL = {"model.1.weight": torch.rand(4, 3, 7, 7), "model.1.bias": torch.rand(4)}
UNET = {"model.model.0.weight": torch.rand(4, 3, 4, 4)}
OTHER = {"net.0.weight": torch.zeros(1)}


def prefixed(prefix: str, weights: dict[str, Tensor] = LAYERS) -> dict[str, Tensor]:
    return {f"{prefix}{key}": value for key, value in weights.items()}


def check(path: Path, expected: dict[str, Tensor], generator: str = "") -> None:
    found = read_weights(path, generator)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (LAYERS, LAYERS),
        (SEQUENTIAL, SEQUENTIAL),
        (UNET, UNET),
        (OrderedDict(LAYERS), LAYERS),
        ({"params": LAYERS}, LAYERS),
        ({"params": OTHER, "params_ema": LAYERS}, LAYERS),
        ({"state_dict": prefixed("module.")}, LAYERS),
        ({"model": SEQUENTIAL, "epoch": 3}, SEQUENTIAL),
        ({"model": UNET}, UNET),
        ({"epoch": 1, "model_state_dict": prefixed("_orig_mod.module."), "optimizer": {"state": {}}}, LAYERS),
        ({"generator": LAYERS, "discriminator": OTHER}, LAYERS),
        ({"netG": {"state_dict": LAYERS}, "netD": OTHER, "netF": OTHER}, LAYERS),
        ({"g_ema": LAYERS, "g": OTHER, "d": OTHER, "g_optim": {"state": {}, "param_groups": []}}, LAYERS),
        (prefixed("netG.") | prefixed("netD.", OTHER), LAYERS),
        (prefixed("generator.") | prefixed("discriminator.") | {"step_counter": torch.zeros(1)}, LAYERS),
        (prefixed("generator.", OTHER) | prefixed("generator_ema.module."), LAYERS),
        (prefixed("model."), LAYERS),
        ({"state_dict": prefixed("generators.photo.", UNET) | prefixed("discriminators.photo.", OTHER)}, UNET),
    ],
)
def test_wrappers_and_prefixes(tmp_path: Path, content: dict[str, Any], expected: dict[str, Tensor]) -> None:
    torch.save(content, tmp_path / "w.pth")
    check(tmp_path / "w.pth", expected)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"netG_A": LAYERS, "netG_B": OTHER, "netD_A": OTHER}, ("A", "B")),
        ({"G_AB": LAYERS, "G_BA": OTHER}, ("AB", "BA")),
        (prefixed("generators.zebra.") | prefixed("generators.horse.", OTHER), ("zebra", "horse")),
    ],
)
def test_of_several_generators_one_is_asked_for(
    tmp_path: Path, content: dict[str, Any], names: tuple[str, str]
) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    check(path, LAYERS, names[0])
    check(path, OTHER, names[1])
    with pytest.raises(UnknownGenerator, match=rf"--generator {names[0]} or {names[1]}"):
        read_weights(path)


def test_half_precision_and_devices(tmp_path: Path) -> None:
    torch.save({key: value.half() for key, value in LAYERS.items()}, tmp_path / "h.pth")
    found = read_weights(tmp_path / "h.pth")
    assert {value.dtype for value in found.values()} == {torch.float32}
    torch.save({key: value.to(torch.bfloat16) for key, value in LAYERS.items()}, tmp_path / "b.pth")
    assert {value.dtype for value in read_weights(tmp_path / "b.pth").values()} == {torch.float32}
    torch.save(LAYERS, tmp_path / "c.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "c.pth").read_bytes()
    assert b"X\x03\x00\x00\x00cpu" in data
    (tmp_path / "c.pth").write_bytes(data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    check(tmp_path / "c.pth", LAYERS)


def test_safetensors(tmp_path: Path) -> None:
    save_file(prefixed("params_ema."), tmp_path / "s.safetensors")
    save_file(LAYERS, tmp_path / "t.safetensors")
    check(tmp_path / "t.safetensors", LAYERS)


class Evil:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("trace"),)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("content", [nn.Conv2d(3, 3, 1), {"model": nn.Conv2d(3, 3, 1)}, LAYERS | {"x": Evil()}])
def test_pickled_programs_are_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, old: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "w.pth", _use_new_zipfile_serialization=not old)
    with pytest.raises(BadModelFile, match=r"pickled program.*(torch\.nn|pathlib|getattr).*run code from .*Ask"):
        read_weights(Path("w.pth"))
    assert not Path("trace").exists()


def test_bare_pickles_and_programs_in_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadModelFile, match=r"pickled program|damaged"):
        read_weights(Path("p.pth"))
    with zipfile.ZipFile("s.pt", "w") as archive:
        archive.writestr("net/constants.pkl", b"")
        archive.writestr("net/data.pkl", b"")
    with pytest.raises(BadModelFile, match=r"pickled program.*TorchScript"):
        read_weights(Path("s.pt"))
    assert not Path("trace").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_truncated_files(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"w{suffix}"
    weights = {"a.weight": torch.rand(16, 16, 3, 3)}
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadModelFile, match=r"damaged|0 bytes"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"state": {0: {"step": torch.zeros(1)}}, "param_groups": [{"lr": 1.0}]}, "state of an optimizer"),
        ({"optimizer": {"state": {}}, "epoch": 3}, "no weights, only optimizer, epoch"),
        (prefixed("netD."), "netD, no generator"),
        ({}, "no weights"),
        ([LAYERS], "holds a list"),
        (LAYERS["conv_first.bias"], "holds a Tensor"),
        (LAYERS | {"conv_first.bias": torch.tensor([1.0, float("nan"), 0, 0])}, r"not finite \(conv_first.bias\)"),
        (LAYERS | {"x": torch.eye(3).to_sparse()}, "of a kind that is not read"),
        (LAYERS | {"x": torch.zeros(1).expand(2**31)}, "2,147,483,648 values"),
    ],
)
def test_what_is_no_generator_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(BadModelFile, match=reason):
        read_weights(tmp_path / "w.pth")


def test_archives_that_unpack_to_more_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data.pkl", bytes(20_000))
    assert (tmp_path / "w.pth").stat().st_size < 10_000
    with pytest.raises(BadModelFile, match="unpacks to more than 10,000 bytes"):
        read_weights(tmp_path / "w.pth")
    torch.save({"a.weight": torch.zeros(4000)}, tmp_path / "l.pth")
    with pytest.raises(BadModelFile, match="bytes"):
        read_weights(tmp_path / "l.pth")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=r"no file .*gone\.pth"):
        read_weights(tmp_path / "gone.pth")
