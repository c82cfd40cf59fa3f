"""benchmarks.nights: skies are found in days and blackened in nights, and nothing else is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.nights import DUSKS, Settings, dusk, main, sky, with_dark_sky


def street() -> np.ndarray:
    """Blue above, rough grey below, and a white wall that does not reach the upper edge."""
    random = np.random.default_rng(0)
    day = np.full((96, 128, 3), (120, 170, 230), np.uint8)
    day[40:] = random.integers(0, 200, (56, 128, 1), np.uint8)
    day[46:56, 20:60] = 220
    return day


def test_a_sky_hangs_together_with_the_upper_edge() -> None:
    found = sky(street())
    assert found[:30].min() > 0.95
    assert found[46:].max() < 0.05
    warm = street()[:, :, ::-1].copy()
    assert sky(warm).max() == 0  # a light wall is warmer than grey


@pytest.mark.parametrize("dark", [False, True])
def test_only_the_sky_is_made_dark(dark: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.nights.jpeg", lambda night, _: night)  # it moves flat colours by up to 2
    night = np.full((96, 128, 3), 60, np.uint8)
    where = sky(street())
    made = [with_dark_sky(night, where, np.random.default_rng(seed), dark=dark).astype(int) for seed in range(60)]
    above, below = (np.array([one[rows].mean() for one in made]) for rows in (slice(0, 30), slice(50, None)))
    assert above.min() < 20
    if dark:
        assert below.max() < 60
    else:
        assert np.allclose(below, 60, atol=1.5)
    blue = np.array([(one[:30, :, 2] - one[:30, :, 0]).mean() for one in made])
    assert DUSKS / 2 < (blue > 16).mean() < DUSKS * 2
    monkeypatch.setattr("benchmarks.nights.DUSKS", 0)
    black = [with_dark_sky(night, where, np.random.default_rng(seed), dark=dark)[:30].mean() for seed in range(60)]
    assert max(black) < 60


def test_a_dusk_is_blue_above_and_warmer_below() -> None:
    for seed in range(20):
        sky = dusk(90, np.random.default_rng(seed))
        assert sky.shape == (90, 1, 3)
        assert sky.min() >= 0
        assert sky.max() < 0.9
        assert sky[0, 0, 2] > sky[0, 0, 0]
        assert (np.diff(sky.mean(axis=(1, 2))) >= 0).all()
        assert sky[-1, 0, 0] - sky[0, 0, 0] >= (sky[-1, 0, 2] - sky[0, 0, 2]) * 0.8


def test_each_day_becomes_two_pairs(tmp_path: Path) -> None:
    for name in ("days", "nights"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "days" / "a.png"), street()[:, :, ::-1])
    Image.fromarray(street()).save(tmp_path / "nights" / "b.png")
    settings = Settings(tmp_path / "days", tmp_path / "nights", tmp_path / "pairs")
    with pytest.raises(SystemExit, match="holds no night of a: translate all of"):
        main(settings)
    Image.fromarray(street() // 4).save(tmp_path / "nights" / "a.jpg")
    main(settings)
    for name in ("a-0.png", "a-1.png"):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "pairs" / "target" / name)), street())
        assert np.asarray(Image.open(tmp_path / "pairs" / "input" / name)).mean() < 50
