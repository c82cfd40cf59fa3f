"""Masks of training pictures: they go where their pictures go, and decide what is judged, held and painted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models.errors import ConfigError, DataError
from translate.training import train
from translate.training.config import CUTConfig, CycleGANConfig, UnpairedConfig
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.data import batches, to_device
from translate.training.losses import kept
from translate.training.masks import split, unlike
from translate.training.method import Batch
from translate.training.samples import Piles

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")

CPU = torch.device("cpu")
METHODS: list[Any] = [(CUT, CUTConfig), (CycleGAN, CycleGANConfig)]
CONFIGS = [config for _, config in METHODS]
WHERE: dict[str, Any] = {"data": Path("data"), "out": Path("run"), "masks": Path("masks")}
TINY: dict[str, Any] = {
    "generator": "resnet_6blocks_masked", "generator_arguments": {"width": 4, "blocks": 1},
    "discriminator_arguments": {"width": 4, "layers": 1},
}  # fmt: skip


def draw(folder: Path, count: int = 4, channels: int = 3) -> tuple[Path, Path]:
    """Piles of dark pictures with a light rectangle each, and its mask."""
    data, masks = folder / "data", folder / "masks"
    for number, (pile, of_masks) in enumerate((("trainA", "A"), ("trainB", "B"))):
        (data / pile / "more").mkdir(parents=True)
        (masks / of_masks / "more").mkdir(parents=True)
        for index in range(count):
            top, left, height, width = np.random.default_rng((number, index)).integers(6, 20, 4)
            mask = np.zeros((40, 40), np.uint8)
            mask[top : top + height, left : left + width] = 255
            pixels = np.dstack([mask // 2 + 64] * 3 + [np.full_like(mask, 255)] * (channels - 3))
            name = f"more/{index}" if index == 0 else str(index)
            Image.fromarray(pixels).save(data / pile / f"{name}.png")
            Image.fromarray(mask).resize((80, 80), Image.Resampling.NEAREST).save(masks / of_masks / f"{name}.bmp")
    return data, masks


def batch_of(side: int, seed: int = 0) -> Batch:
    """Two pictures of each pile, and masks of their left and of their upper half."""
    a, b = torch.rand((2, 2, 3, side, side), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    left, upper = torch.full((2, 2, 1, side, side), -1.0)
    left[..., : side // 2] = 1
    upper[..., : side // 2, :] = 1
    return Batch(torch.cat([a, left], 1), torch.cat([b, upper], 1))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("config", CONFIGS)
def test_masks_are_cut_and_mirrored_with_their_pictures(
    config: type[UnpairedConfig], channels: int, tmp_path: Path
) -> None:
    data, masks = draw(tmp_path, channels=channels)
    settings = config(
        data=data, masks=masks, out=tmp_path / "run", size=32, load_size=40, sizes=(16, 32), images=24, batch=4,
        workers=0, generator_arguments={"channels": channels}, validation=2,
    )  # fmt: skip
    samples = Piles(settings)
    seen = [part for batch in batches(samples, settings, 0) for part in to_device(batch, CPU)]
    assert {tuple(part.shape[1:]) for part in seen} == {(channels + 1, 16, 16), (channels + 1, 32, 32)}
    for part in seen:
        pictures, mask = split(part, channels)
        light = ((pictures[:, :1] + 1) * 127.5 - 64) / 127
        assert 0.05 < float(mask.mean()) < 0.5
        assert float((light - mask).abs().max()) < 0.15  # bicubic edges swing; also where it is black, no alpha
    assert {part.shape[1] for batch in samples.validation() for part in batch} == {channels}
    assert {part.shape[1] for batch in samples.examples(2) for part in batch} == {channels}


def test_a_picture_without_a_mask_is_named(tmp_path: Path) -> None:
    data, masks = draw(tmp_path)
    (masks / "B/more/0.bmp").unlink()
    (masks / "B/2.bmp").unlink()
    settings: dict[str, Any] = {"data": data, "out": tmp_path / "run", "size": 16, "load_size": 20, "images": 4}
    with pytest.raises(DataError, match=r"no mask for .*2\.png in .*masks.B, nor for 1 others: each picture needs"):
        Piles(CUTConfig(masks=masks, **settings))
    with pytest.raises(DataError, match="neither trainA and trainB nor A and B"):
        Piles(CUTConfig(masks=data / "trainA", **settings))
    with pytest.raises(ConfigError, match=r"--mask-weight 2\.0 needs --masks"):
        CUTConfig(mask_weight=2.0, **settings)
    (masks / "A/1.png").write_bytes((masks / "A/1.bmp").read_bytes())
    with pytest.raises(DataError, match=r"1\.bmp and 1\.png have the same name"):
        Piles(CUTConfig(masks=masks, **settings))


def test_a_list_of_pictures_has_no_names_for_masks(tmp_path: Path) -> None:
    _, masks = draw(tmp_path)
    rows = [f"data/trainA/{number}.png,data/trainB/{number}.png" for number in (1, 2, 3)]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    settings: dict[str, Any] = {"out": tmp_path / "run", "size": 16, "load_size": 20, "images": 4}
    with pytest.raises(DataError, match=r"--masks needs --data of two folders.*list\.csv is a list"):
        Piles(CUTConfig(data=tmp_path / "list.csv", masks=masks, **settings))
    assert len(Piles(CUTConfig(data=tmp_path / "list.csv", **settings)).layout.b) == 3


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_a_weight_of_masks_that_nobody_paints_is_refused(method: Any, config: Any) -> None:
    plain = {**TINY, "generator": "resnet_6blocks"}
    with pytest.raises(ConfigError, match=r"--mask-weight 2\.0: resnet_6blocks paints no mask"):
        method(config(**WHERE, **plain, mask_weight=2.0), CPU)


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_only_what_lies_in_the_masks_is_judged(method: Any, config: Any) -> None:
    def losses(outside: float, inside: float) -> dict[str, float]:
        torch.manual_seed(0)
        trained = method(config(**WHERE, **TINY), CPU)
        a, b = batch_of(32)
        b = b.clone()
        b[:, :3, 16:] += outside
        b[:, :3, :16] += inside
        found = trained.step(Batch(a, b))
        return {name: float(value) for name, value in found.items() if name in ("d_real", "d_b")}

    assert losses(0.5, 0) == losses(0, 0) != losses(0, 0.5)


@pytest.mark.parametrize(("method", "config"), METHODS)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_mask_is_learned_and_what_lies_outside_stays(method: Any, config: Any, mirror: bool) -> None:
    more: dict[str, Any] = {"flip_equivariance": mirror} if config is CUTConfig else {}
    torch.manual_seed(0)
    arguments = {**TINY, "generator_arguments": {"width": 8, "blocks": 1}}
    trained = method(config(**WHERE, **arguments, mask_weight=5.0, learning_rate=5e-3, **more), CPU)
    a, b = batch_of(32)
    a[:, :3] = 0.8 * a[:, 3:] + 0.1 * a[:, :3]  # the left half is light, which a mirrored mask would not fit
    found = [trained.step(Batch(a, b)) for _ in range(80)]
    assert float(found[-1]["g_mask"]) < 0.4 * float(found[0]["g_mask"])
    network = trained.g if method is CUT else trained.g_ab
    with torch.no_grad():
        told = network(a[:, :3])
        result = network.eval()(a[:, :3])
    assert told.shape[1] == 4
    assert result.shape[1] == 3
    change = (result - a[:, :3]).abs().mean((0, 1, 2))
    assert float(change[:12].mean()) > 3 * float(change[20:].mean())


@pytest.mark.parametrize(("method", "config"), METHODS)
def test_parts_of_a_batch_with_masks_add_up(method: Any, config: Any) -> None:
    found = []
    for accumulate in (1, 2):
        torch.manual_seed(0)
        settings = config(**WHERE, **TINY, batch=2, accumulate=accumulate, keep_weight=1.0, pool=0)
        found.append({name: float(value) for name, value in method(settings, CPU).step(batch_of(32)).items()})
    assert {"g_mask", "g_keep"} <= found[0].keys()
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_generator_without_a_mask_is_held_outside() -> None:
    result, picture = torch.rand(2, 2, 3, 8, 8)
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., :4] = 1
    outside = (result - picture)[..., 4:].abs().mean() / 2
    assert torch.allclose(kept(result, picture, 1, masks=mask), outside)
    assert torch.equal(kept(result, picture, 1, masks=mask[:, :0]), kept(result, picture, 1))
    torch.manual_seed(0)
    trained = CUT(CUTConfig(**WHERE, **{**TINY, "generator": "resnet_6blocks"}, keep_weight=1.0), CPU)
    found = trained.step(batch_of(32))
    assert "g_keep" in found
    assert "g_mask" not in found


def test_masks_are_compared_by_cross_entropy() -> None:
    half, full = torch.full((1, 1, 4, 4), 0.5), torch.ones(1, 1, 4, 4)
    assert float(unlike(half, full)) == pytest.approx(np.log(2), abs=2e-3)
    assert 0 < float(unlike(full, full)) < 0.02
    assert float(unlike(1 - full, full)) == pytest.approx(np.log(512), rel=0.01)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_run_with_masks_stops_and_goes_on(config: type[UnpairedConfig], tmp_path: Path) -> None:
    data, masks = draw(tmp_path)
    settings: dict[str, Any] = {
        **TINY, "data": data, "masks": masks, "size": 16, "load_size": 20, "batch": 2, "images": 8, "validation": 2,
        "log_images": 4, "sample_images": 4, "workers": 0, "device": "cpu", "precision": "fp32", "decay_from": 1.0,
    }  # fmt: skip
    for name, lengths in (("stopped", (4, 8)), ("whole", (8,))):
        for images in lengths:
            train(config(out=tmp_path / name, resume=True, **{**settings, "images": images}))
    (one, other) = (
        sorted((tmp_path / name / "checkpoints/000000008").glob("*.safetensors")) for name in ("stopped", "whole")
    )
    ours, theirs = load_file(one[0]), load_file(other[0])
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert len(list((tmp_path / "whole/samples").glob("*.png"))) >= 1
    assert '"g_mask"' in (tmp_path / "whole/stats.jsonl").read_text()
