"""Folders -> batches: layouts, augmentation, degradation, and independence of who loads what."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import ConfigError, DataError
from translate.training.config import CycleGANConfig, Pix2PixConfig, SRGANConfig
from translate.training.data import batches, find_piles, hold_out, list_pictures, load_rgb, to_device
from translate.training.degrade import degrade, palette, shrink
from translate.training.samples import HighResolution, Pairs, Piles


def save(path: Path, seed: int, width: int = 64, height: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_pairs_are_cut_and_mirrored_alike(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for seed in range(3):
        half = np.asarray(Image.open(save(tmp_path / "half.png", seed)))
        Image.fromarray(np.hstack([half, 255 - half])).save(tmp_path / "data" / f"{seed}.png")
    config = Pix2PixConfig(data=tmp_path / "data", out=tmp_path / "run", size=32, load_size=40)
    for index in range(8):
        a, b = Pairs(config)[index]
        assert a.shape == b.shape == (3, 32, 32)
        assert int((a.int() + b.int() - 255).abs().max()) <= 1  # the bicubic resize rounds each half by itself


def test_direction_swaps_input_and_target(tmp_path: Path) -> None:
    left = np.zeros((32, 32, 3), np.uint8)
    Image.fromarray(np.hstack([left, left + 255])).save(tmp_path / "pair.png")
    shared = {"data": tmp_path, "out": tmp_path / "run", "size": 32, "load_size": 32}
    a, b = Pairs(Pix2PixConfig(**shared))[0]
    assert (int(a.max()), int(b.min())) == (0, 255)
    a, b = Pairs(Pix2PixConfig(**shared, direction="right-to-left"))[0]
    assert (int(a.min()), int(b.max())) == (255, 0)


def test_piles_go_their_own_ways(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / "trainA" / f"{index}.png", index)
    for index in range(3):
        save(tmp_path / "trainB" / f"{index}.png", 10 + index)
    samples = Piles(CycleGANConfig(data=tmp_path, out=tmp_path / "run", size=32, load_size=32, flip=False))
    seen = [samples[index] for index in range(12)]
    for part, count in ((0, 4), (1, 3)):
        first_epoch = {batch[part].numpy().tobytes() for batch in seen[:count]}
        assert len(first_epoch) == count  # each picture once before any comes twice
    partners = {(batch.a.numpy().tobytes(), batch.b.numpy().tobytes()) for batch in seen}
    assert len(partners) > 4


def test_a_sample_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    for index in range(5):
        save(tmp_path / f"{index}.png", index)

    def config(seed: int = 0, workers: int = 0) -> SRGANConfig:
        return SRGANConfig(
            data=tmp_path, out=tmp_path / "run", size=32, images=12, batch=4, seed=seed, workers=workers,
            jpeg_chance=0.5, palette_chance=0.5, rotate=True, shrink={"box": 1, "nearest": 1},
        )  # fmt: skip

    whole = list(batches(HighResolution(config(), 4), config(), 0))
    later = list(batches(HighResolution(config(), 4), config(workers=2), 8))
    other = list(batches(HighResolution(config(seed=1), 4), config(seed=1), 0))
    assert len(whole) == 3
    assert all(torch.equal(x, y) for x, y in zip(whole[2], later[0], strict=True))
    assert not torch.equal(whole[0].b, other[0].b)
    assert whole[0].a.shape == (4, 3, 8, 8)
    on_device = to_device(whole[0], torch.device("cpu"))
    assert on_device.b.min() >= -1
    assert on_device.b.max() <= 1


def test_hold_out_depends_on_names_alone() -> None:
    files = [Path("x") / f"{index}.png" for index in range(20)]
    elsewhere = [Path("y") / file.name for file in reversed(files)]
    training, aside = hold_out(files, 5)
    assert {f.name for f in hold_out(elsewhere, 5)[1]} == {f.name for f in aside}
    assert sorted([*training, *aside]) == sorted(files)
    with pytest.raises(DataError, match="nothing to train on"):
        hold_out(files, 20)


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        list_pictures(tmp_path / "missing")
    with pytest.raises(DataError, match="no pictures in"):
        list_pictures(tmp_path)
    with pytest.raises(DataError, match="neither trainA and trainB nor A and B"):
        find_piles(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    with pytest.raises(DataError, match=r"cannot train on .*bad\.png"):
        load_rgb(tmp_path / "bad.png")
    (tmp_path / "bad.png").unlink()
    save(tmp_path / "small.png", 0, width=20)
    with pytest.raises(DataError, match="20 x 64 pixels, smaller than --size 32"):
        HighResolution(SRGANConfig(data=tmp_path, out=tmp_path / "run", size=32), 4)


def test_box_shrinking_averages_cells() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    expected = image.reshape(2, 4, 3, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrink(image, 4, "box") - expected).max() <= 0.5


@pytest.mark.parametrize("dither", [False, True])
def test_palettes_have_no_more_colours_than_asked(dither: bool) -> None:
    ramp = np.stack(np.meshgrid(np.arange(64) * 4, np.arange(64) * 4), -1).astype(np.uint8)
    image = np.concatenate([ramp, ramp[..., :1]], -1)
    reduced = palette(image, 16, dither=dither)
    assert 8 <= len(np.unique(reduced.reshape(-1, 3), axis=0)) <= 16
    undithered = palette(image, 16, dither=False)
    assert (reduced != undithered).any() == dither


def test_chances_decide_the_damage() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    where = {"data": Path("data"), "out": Path("run")}
    clean = SRGANConfig(**where, shrink={"box": 1})
    assert np.array_equal(degrade(image, 4, clean, np.random.default_rng(0)), shrink(image, 4, "box"))
    for chance in ("jpeg_chance", "palette_chance"):
        damaged = SRGANConfig(**where, shrink={"box": 1}, palette_colors=(2, 8), **{chance: 1.0})
        assert not np.array_equal(degrade(image, 4, damaged, np.random.default_rng(0)), shrink(image, 4, "box"))


def test_deep_and_grey_pictures_are_trained_on_as_they_look(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "height.png")
    loaded = load_rgb(tmp_path / "height.png")
    assert loaded.shape == (64, 64, 3)
    assert np.abs(loaded[:, :, 1].astype(int) - np.rint(ramp / 257)).max() <= 1


@pytest.mark.parametrize(
    ("flip", "rotate", "ways"), [(False, False, 1), (True, False, 2), (False, True, 4), (True, True, 8)]
)
def test_turns_and_mirrors_are_those_asked_for(flip: bool, rotate: bool, ways: int, tmp_path: Path) -> None:
    save(tmp_path / "a.png", 0, width=16, height=16)
    config = SRGANConfig(data=tmp_path, out=tmp_path / "run", size=16, flip=flip, rotate=rotate)
    samples = HighResolution(config, 4)
    assert len({samples[index].b.numpy().tobytes() for index in range(64)}) == ways


def test_recolored_squares_are_as_often_as_asked_and_some_are_of_one_pure_color(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 0, width=16, height=16)
    plain, recolored = (
        HighResolution(SRGANConfig(data=tmp_path, out=tmp_path / "run", size=16, flip=False, recolor=chance), 4)
        for chance in (0.0, 0.5)
    )
    changed = [recolored[index].b for index in range(200) if not recolored[index].b.equal(plain[index].b)]
    assert 70 <= len(changed) <= 130
    pure = [square for square in changed if sum(channel.any().item() for channel in square) == 1]
    assert len(pure) >= 10
    assert recolored[7].b.equal(recolored[7].b)


def test_recolor_is_a_chance_and_for_rgb_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--recolor 1\.5 is a chance"):
        SRGANConfig(data=tmp_path, out=tmp_path / "run", recolor=1.5)
    with pytest.raises(ConfigError, match="--recolor"):
        SRGANConfig(data=tmp_path, out=tmp_path / "run", recolor=0.5, generator_arguments={"channels": 4})
