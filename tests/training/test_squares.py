"""How squares are taken out of the pictures of two piles: their shape, how near they are, their light."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import ConfigError
from translate.training.config import CUTConfig, CycleGANConfig, UnpairedConfig
from translate.training.samples import Piles


@pytest.mark.parametrize("config", [CUTConfig, CycleGANConfig])
def test_a_zoom_enlarges_by_up_to_so_much(config: type[UnpairedConfig], tmp_path: Path) -> None:
    """Of a picture whose brightness rises from left to right, the slope in a square tells how much of it was cut."""
    ramp = np.broadcast_to(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], (80, 80, 3))
    for pile in "AB":
        (tmp_path / pile).mkdir()
        Image.fromarray(ramp.copy()).save(tmp_path / pile / "0.png")
    settings: dict[str, Any] = {"data": tmp_path, "out": tmp_path / "run", "size": 64, "load_size": 80, "images": 200}

    def slopes(side: int, **more: Any) -> np.ndarray[Any, Any]:
        samples = Piles(config(**settings, **more, workers=0, batch=2, flip=False))
        found = [part.numpy().astype(float) for index in range(100) for part in samples[index]]
        assert {part.shape for part in found} == {(3, side, side)}
        return np.array([(part[..., -4].mean() - part[..., 4].mean()) / (side - 8) for part in found])

    assert np.abs(slopes(64) - 3).max() < 0.1
    found = slopes(64, zoom=2.0)
    assert found.min() > 1.4
    assert 2.8 < found.max() < 3.1
    assert found.std() > 0.3
    halved = slopes(32, zoom=2.0, sizes=(32, 64))  # the first stage, whose squares show as much at half the size
    assert 2.8 < halved.min() < 3.4
    assert 5.6 < halved.max() < 6.2
    for wrong, complaint in (
        (0.0, "must be 1 or more"),
        (0.5, "must be 1 or more"),
        (9.0, "leaves less than 8 to enlarge"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            config(**settings, zoom=wrong)


@pytest.mark.parametrize(("config", "translated"), [(CUTConfig, (0,)), (CycleGANConfig, (0, 1))])
def test_only_the_light_of_what_is_translated_is_jittered(
    config: type[UnpairedConfig], translated: tuple[int, ...], tmp_path: Path
) -> None:
    pictures = np.random.default_rng(0).integers(90, 120, (2, 40, 40, 3), dtype=np.uint8)  # which no factor clips
    for pile, picture in zip("AB", pictures, strict=True):
        for folder, pixels in ((pile, picture), (f"masks/{pile}", picture[:, :, 0])):
            (tmp_path / folder).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / folder / "0.png")
    settings: dict[str, Any] = {
        "data": tmp_path, "masks": tmp_path / "masks", "out": tmp_path / "run", "size": 32, "load_size": 40,
        "images": 60, "workers": 0, "batch": 2, "validation": 0,
    }  # fmt: skip
    plain, varied, again = (Piles(config(**settings, jitter=much)) for much in (0.0, 0.5, 0.5))
    factors: list[list[float]] = [[], []]
    for index in range(60):
        for pile, (before, after, same) in enumerate(zip(plain[index], varied[index], again[index], strict=True)):
            assert torch.equal(after, same)
            assert torch.equal(before[3], after[3])  # the same cut, and its mask
            factors[pile].append(float(after[:3].float().mean() / before[:3].float().mean()))
    for pile, found in enumerate(factors):
        spread = (min(found), max(found))
        assert spread == (1, 1) or pile in translated
        assert pile not in translated or (0.49 < spread[0] < 0.6 and 1.4 < spread[1] < 1.51)
    with pytest.raises(ConfigError, match=r"--jitter 1\.5 is a part"):
        config(**settings, jitter=1.5)
    with pytest.raises(ConfigError, match="--jitter"):
        config(**settings, jitter=0.5, generator_arguments={"channels": 1})


@pytest.mark.parametrize("config", [CUTConfig, CycleGANConfig])
def test_wide_pictures_are_squeezed_or_keep_their_shape(config: type[UnpairedConfig], tmp_path: Path) -> None:
    """Of a picture twice as wide as high, the slope of its brightness tells how it was resized."""
    ramp = np.broadcast_to(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], (60, 120, 3)).copy()
    for folder in ("A", "B", "masks/A", "masks/B"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(ramp[:, :, 0] if "masks" in folder else ramp).save(tmp_path / folder / f"{number}.png")
    settings: dict[str, Any] = {
        "data": tmp_path, "masks": tmp_path / "masks", "out": tmp_path / "run", "load_size": 60, "size": 40,
        "sizes": (20, 40), "images": 8, "batch": 2, "workers": 0, "flip": False, "validation": 2,
    }  # fmt: skip

    def slopes(**more: Any) -> tuple[list[float], Piles]:
        samples = Piles(config(**settings, **more))
        parts = [part.numpy().astype(float) for index in range(8) for part in samples[index]]
        assert {part.shape for part in parts} == {(4, 20, 20), (4, 40, 40)}
        assert max(np.abs(part[0] - part[3]).max() for part in parts) <= 1  # the mask goes where its picture goes
        assert len({part[0, 0, 0] for part in parts}) > 4  # from here and there
        return [(part[..., -4].mean() - part[..., 4].mean()) / (part.shape[-1] - 8) for part in parts], samples

    for squeeze, slope in ((True, 4), (False, 2)):
        found, samples = slopes(squeeze=squeeze)
        expected = np.repeat([2 * slope, slope], 8)  # the pictures of the first stage are half as large
        assert np.abs(np.array(found) - expected).max() < 0.15
        for batch in samples.validation():
            for part in batch:
                assert part.shape == (1, 3, 40, 40)
                assert abs(float(part[..., 20].float().mean()) - 120) < 5  # the middle of the picture
                ends = float(part[..., -1].float().mean() - part[..., 0].float().mean())
                assert abs(ends - 239 * (1 if squeeze else 0.5)) < 12
