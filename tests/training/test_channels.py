"""Grey pictures and pictures with alpha are trained on as what they are, by every method, up to the exported file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from export.onnx import export_onnx
from models.checkpoint import load_checkpoint
from models.errors import ConfigError, DataError
from translate.inference import Translator
from translate.training import train
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig, TrainingConfig
from translate.training.data import as_rgb
from translate.training.degrade import resized
from translate.training.layout import list_pictures
from translate.training.pixels import load_pixels, load_rgb

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")
MODES = {1: "L", 2: "LA", 4: "RGBA"}
COMMON: dict[str, Any] = {
    "images": 4, "batch": 2, "log_images": 2, "sample_images": 4, "workers": 0, "device": "cpu", "precision": "fp32",
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    for pile in ("trainA", "trainB"):
        (tmp_path / "data" / pile).mkdir(parents=True)
        for index in range(4):
            channels = request.getfixturevalue("channels")
            pixels = np.random.default_rng(index).integers(0, 256, (32, 64, channels), dtype=np.uint8)
            if channels in MODES:
                Image.fromarray(pixels.squeeze(), MODES[channels]).save(tmp_path / "data" / pile / f"{index}.png")
            else:
                np.save(tmp_path / "data" / pile / f"{index}.npy", pixels)
    return tmp_path / "data"


def settings(name: str, data: Path, out: Path, channels: int) -> TrainingConfig:
    resnet = {"generator": "resnet_6blocks", "generator_arguments": {"width": 4, "blocks": 1, "channels": channels}}
    small: dict[str, Any] = {**COMMON, "out": out, "size": 16, "discriminator_arguments": {"width": 4, "layers": 1}}
    if name == "pix2pix":
        return Pix2PixConfig(data=data / "trainA", load_size=18, validation=1, **small, **resnet)
    if name == "srgan":
        own = {"generator": "msrresnet_x4", "generator_arguments": resnet["generator_arguments"]}
        return SRGANConfig(data=data / "trainA", validation=1, **{**small, "discriminator_arguments": {}}, **own)
    return (CUTConfig if name == "cut" else CycleGANConfig)(data=data, load_size=18, **small, **resnet)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut", "srgan"])
def test_every_method_trains_on_them(name: str, channels: int, data: Path, tmp_path: Path) -> None:
    out = train(settings(name, data, tmp_path / "run", channels))
    with Image.open(out / "samples" / "000000004.png") as sheet:
        assert sheet.mode == "RGB"
    (weights, *_) = sorted((out / "checkpoints" / "000000004").glob("*.safetensors"))
    generator, manifest = load_checkpoint(weights)
    assert manifest.channels == channels
    if name != "srgan":  # the path from there is the same for all
        return
    file = tmp_path / "model.onnx"
    export_onnx(generator, manifest, file)
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, channels), dtype=np.uint8)
    assert Translator.open(str(file), "cpu")(picture).shape == (16 * manifest.scale, 16 * manifest.scale, channels)


def test_files_are_read_in_the_channels_that_are_asked_for(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    assert np.array_equal(load_pixels(tmp_path / "a.png", 4), pixels)
    assert np.array_equal(load_pixels(tmp_path / "a.png", 3), pixels[..., :3])
    grey = np.asarray(Image.fromarray(pixels[..., :3]).convert("L")).astype(int)
    assert np.abs(load_pixels(tmp_path / "a.png", 1)[..., 0] - grey).max() <= 1
    Image.fromarray(pixels[..., 0], "L").save(tmp_path / "g.png")
    assert np.array_equal(load_pixels(tmp_path / "g.png", 1)[..., 0], pixels[..., 0])
    assert (load_pixels(tmp_path / "g.png", 4)[..., 3] == 255).all()
    Image.fromarray(pixels[..., 2:], "LA").save(tmp_path / "la.png")
    assert np.array_equal(load_pixels(tmp_path / "la.png", 2), pixels[..., 2:])
    assert (load_pixels(tmp_path / "g.png", 2)[..., 1] == 255).all()
    with pytest.raises(DataError, match=r"pictures of 5 channels are arrays in \.npy files"):
        load_pixels(tmp_path / "g.png", 5)


def test_arrays_have_the_channels_that_are_asked_for(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (8, 9, 5), dtype=np.uint16)
    np.save(tmp_path / "a.npy", deep)
    assert np.array_equal(load_pixels(tmp_path / "a.npy", 5), (deep / 257).round())
    assert load_rgb(tmp_path / "a.npy").shape == (8, 9, 3)
    with pytest.raises(DataError, match="has 5 channels, and the generator 3: add --generator-arguments channels 5"):
        load_pixels(tmp_path / "a.npy", 3)
    for wrong in (np.zeros((8, 8, 3)), np.zeros(8, np.uint8), np.zeros((8, 8, 17), np.uint8), np.array([{}])):
        np.save(tmp_path / "b.npy", wrong)
        with pytest.raises(DataError, match=r"cannot train on .*b\.npy: it (holds|is no array of numbers)"):
            load_pixels(tmp_path / "b.npy", 3)
    (tmp_path / "b.npy").unlink()
    assert [file.name for file in list_pictures(tmp_path)] == ["a.npy"]
    Image.new("L", (8, 8)).save(tmp_path / "g.png")
    assert [file.name for file in list_pictures(tmp_path)] == ["g.png"]


def test_sizes_of_many_channels_change_in_each_by_itself() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 6), dtype=np.uint8)
    first = resized(pixels[..., :3], (4, 4), Image.Resampling.BICUBIC)
    assert np.array_equal(resized(pixels, (4, 4), Image.Resampling.BICUBIC)[..., :3], first)


def test_alpha_is_shown_over_grey() -> None:
    pictures = torch.ones(2, 4, 2, 2)
    pictures[1, 3] = -1
    assert as_rgb(pictures)[:, :, 0, 0].tolist() == [[1, 1, 1], [0, 0, 0]]
    for channels in (1, 2, 3, 5):
        assert as_rgb(torch.ones(1, channels, 2, 2)).tolist() == torch.ones(1, 3, 2, 2).tolist()


@pytest.mark.parametrize(
    ("config", "given", "complaint"),
    [
        (CUTConfig, {"generator_arguments": {"channels": 17}}, "pictures have 1 .grey., .* files up to 16"),
        (CUTConfig, {"generator_arguments": {"channels": 4}, "diffaugment": ("color",)}, "--diffaugment color is for"),
        (Pix2PixConfig, {"generator_arguments": {"channels": 1}, "perceptual_weight": 1.0}, "for pictures of 3"),
        (SRGANConfig, {"generator_arguments": {"channels": 4}, "jpeg_chance": 1.0}, "damage .* is for pictures of 3"),
    ],
)  # fmt: skip
def test_what_needs_colours_is_refused(config: Any, given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(data=Path("d"), out=Path("o"), **given)
