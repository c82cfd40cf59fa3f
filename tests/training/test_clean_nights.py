"""benchmarks.clean_nights: the day's detail as dark as the night, lights kept, skies even and without rims."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.clean_nights import Settings, like_the_day, main, sky_colours, with_leaves, with_sky
from benchmarks.nights import sky

TOWN = slice(50, None)


def street() -> np.ndarray:
    """Blue above, rough grey below."""
    day = np.full((96, 128, 3), (120, 170, 230), np.uint8)
    rough = np.random.default_rng(0).integers(0, 24, (56, 128, 1), np.uint8)
    day[40:] = 60 + cv2.resize(rough, (64, 28)).repeat(2, 0).repeat(2, 1)[..., None] * 2
    return day


def painted() -> np.ndarray:
    """A quarter of the day, brownish, with a fine weave, a rim of light above the roofs, and a lamp."""
    night = street() * np.array([0.3, 0.25, 0.2])
    night[::2, ::2] += 12
    night[36:40] = (120, 200, 220)
    night[70:76, 30:36] = 250
    return night.round().astype(np.uint8)


def test_the_weave_goes_and_detail_and_light_stay() -> None:
    clean = like_the_day(street(), painted())
    wanted = street()[TOWN] * np.array([0.3, 0.25, 0.2]) + 3
    elsewhere = np.ones(wanted.shape[:2], bool)
    elsewhere[8:40, 15:51] = False
    assert np.abs(clean[TOWN] - wanted)[elsewhere].mean() < 1.5
    assert np.abs(painted()[TOWN] - wanted)[elsewhere].mean() > 4
    assert clean[71:75, 31:35].min() > 220


def test_skies_are_even_and_have_no_rims() -> None:
    day, high, low = street(), np.float32([12, 11, 10]), np.float32([24, 20, 18])
    where = with_leaves(day, sky(day))
    assert where[:36].min() > 0.9
    assert where[TOWN].max() < 0.1
    clean = with_sky(day, painted().astype(np.float32), where, high, low).astype(int)
    assert clean[:34].max() <= 26
    assert clean[:, 0].min() >= 2
    assert clean[34:42].max() < 80 < painted()[36:40].min() + 1
    assert np.array_equal(clean[TOWN], painted()[TOWN])
    assert (clean[2] <= clean[30]).all()


def test_each_day_becomes_two_squares(tmp_path: Path) -> None:
    for name in ("days", "painted", "nights"):
        (tmp_path / name).mkdir()
    Image.fromarray(street()).save(tmp_path / "days" / "a.png")
    Image.fromarray(painted()).save(tmp_path / "painted" / "b.png")
    Image.fromarray(street()).save(tmp_path / "nights" / "light.png")
    settings = Settings(*(tmp_path / name for name in ("days", "painted", "nights", "pairs")))
    with pytest.raises(SystemExit, match="holds no night of a: translate all of"):
        main(settings)
    Image.fromarray(painted()).save(tmp_path / "painted" / "a.png")
    with pytest.raises(SystemExit, match="holds no photograph with a dark sky"):
        main(settings)
    Image.fromarray(street() // 8).save(tmp_path / "nights" / "dark.png")
    assert len(sky_colours(sorted((tmp_path / "nights").iterdir()))) == 1
    main(settings)
    for name in ("a-0.png", "a-1.png"):
        night, day = (np.asarray(Image.open(tmp_path / "pairs" / kind / name)) for kind in ("target", "input"))
        assert night.shape == day.shape == (96, 96, 3)
        assert night[:30].max() < 40 < day[:30].min()
