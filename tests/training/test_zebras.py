"""benchmarks.zebras: pairs differ where the horse is only, and what is painted loses the horse's colour."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.zebras import Settings, bleached, dressed, main, painted_small, pairs, redness, smaller, square
from models.errors import DataError
from translate.training.pixels import load_rgb

BROWN, MEADOW = (150, 90, 50), (70, 130, 60)
MASK = np.zeros((120, 160), np.float32)
MASK[30:90, 40:120] = 1


def horse(colour: tuple[int, int, int] = BROWN) -> np.ndarray:
    """A brown oblong on a meadow that is not quite even."""
    picture = np.full((120, 160, 3), MEADOW, np.uint8)
    picture[MASK > 0] = colour
    return picture + np.random.default_rng(0).integers(0, 12, (120, 160, 1), np.uint8)


def paint(picture: np.ndarray) -> np.ndarray:
    """Stripes of 4 pixels, brownish, over all of it."""
    striped = picture.copy()
    striped[:, np.arange(picture.shape[1]) // 4 % 2 == 0] //= 3
    return striped


def colourful(picture: np.ndarray) -> float:
    return float(np.ptp(picture.astype(float), axis=2).mean())


def test_brown_is_red() -> None:
    assert redness(horse(), MASK) == pytest.approx(100, abs=1)
    assert redness(horse((90, 90, 90)), MASK) == pytest.approx(0, abs=1)


def test_a_zebra_painted_small_has_wide_stripes_and_fine_detail() -> None:
    assert np.allclose(painted_small(horse(), MASK, paint, 0.5, 1)[MASK == 0], horse()[MASK == 0])
    row = painted_small(horse(), MASK, paint, 0.5, 0)[60, 40:120] @ [0.299, 0.587, 0.114]
    changes = np.diff(row > row.mean()).sum()
    assert changes == 9  # of 80 pixels in stripes of 8
    rough = [cv2.Laplacian(painted_small(horse(), MASK, paint, 0.5, fine), -1).var() for fine in (0, 1)]
    assert rough[1] > rough[0] * 1.1


def test_what_is_painted_becomes_black_and_white() -> None:
    zebra = paint(horse()).astype(np.float32)
    colours = []
    for seed in range(40):
        made = bleached(zebra, MASK, np.random.default_rng(seed))
        assert np.array_equal(made[MASK == 0], zebra[MASK == 0])
        body = made[40:80, 60:100].astype(float)
        assert body.std() > zebra[40:80, 60:100].std() * 0.9
        colours.append(colourful(body))
    assert np.median(colours) < 0.45 * colourful(zebra[40:80, 60:100])


def test_most_of_the_horses_colour_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.zebras.BLUE_BLACK", (0, 0))
    monkeypatch.setattr("benchmarks.zebras.BLUE_WHITE", (0, 0))
    zebra = paint(horse()).astype(np.float32)
    for seed in range(40):
        made = bleached(zebra, MASK, np.random.default_rng(seed))
        assert colourful(made[40:80, 60:100]) < 0.62 * colourful(zebra[40:80, 60:100])


def test_black_and_white_can_be_blue_or_yellow() -> None:
    zebra = paint(horse()).astype(np.float32)
    blue = []
    for seed in range(60):
        body = bleached(zebra, MASK, np.random.default_rng(seed))[40:80, 60:100].reshape(-1, 3).astype(float)
        white = body.mean(axis=1) > body.mean()
        blue.append([(body[chosen, 2] - body[chosen, 0]).mean() for chosen in (~white, white)])
    blacks, whites = np.transpose(blue)
    assert blacks.max() > 5
    assert whites.max() > 10
    assert blacks.min() < -15
    assert whites.min() < -40
    assert np.abs(np.corrcoef(blacks, whites)[0, 1]) < 0.6  # each has its own


def test_squares_show_the_animal() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        found = square(MASK, 2, random)
        assert MASK[found].shape == (60, 60)
        assert MASK[found].mean() > 0.25


def test_a_hide_is_stretched_over_the_horse() -> None:
    zebra = np.zeros((100, 100, 3), np.uint8)
    zebra[20:60, 10:90] = np.arange(80)[None, :, None] // 4 % 2 * 200 + 20
    shown = (zebra.max(axis=2) > 0).astype(np.float32)
    red = np.full_like(horse(), (255, 0, 0))
    for seed in range(8):
        made = dressed(horse(), MASK, red, (zebra, shown), np.random.default_rng(seed))
        assert np.array_equal(made[MASK == 0], red[MASK == 0])
        middle = made[40:80, 52:108].astype(float)
        assert (np.ptp(middle, axis=2) > 60).mean() < 0.4  # most of it is hide, not what was painted
        assert np.percentile(middle[:, :, 1], 90) > 130
        assert np.percentile(middle[:, :, 1], 10) < 60


def test_pairs_are_alike_where_no_horse_is() -> None:
    def paint_horse(picture: np.ndarray) -> np.ndarray:
        where = cv2.resize(MASK, picture.shape[1::-1]) > 0
        return np.where(where[..., None], paint(picture), picture)

    animal = horse(), MASK
    random = np.random.default_rng(0)
    made = [pair for _ in range(4) for pair in pairs(animal, [paint_horse], [animal], random)]
    assert len(made) == 12
    same = [(np.abs(zebra.astype(int) - target) <= 1).all(axis=2).mean() for zebra, target in made]
    assert max(same) < 0.9
    assert np.mean(same) > 0.2


def test_smaller_ones_are_whole_and_alike() -> None:
    target = np.zeros((256, 256, 3), np.uint8)
    target[64:192, 64:192] = 255
    for seed in range(8):
        zebra, small = smaller((255 - target, target), np.random.default_rng(seed))
        assert small.shape == (256, 256, 3)
        assert np.abs(zebra.astype(int) + small - 255).max() <= 1
        found, _ = cv2.connectedComponents((small[:, :, 0] > 127).astype(np.uint8))
        assert found - 1 >= 1  # the square, and perhaps its mirror images
        assert 0.1 < (small > 127).mean() < 0.45


def test_brown_horses_only(tmp_path: Path) -> None:
    data, masks = tmp_path / "data", tmp_path / "masks"
    for name in ("trainA", "trainB"):
        (data / name).mkdir(parents=True)
        (masks / name[-1]).mkdir(parents=True)
    for name, colour in (("trainA/a", BROWN), ("trainA/b", (60, 60, 60)), ("trainB/z", (200, 200, 200))):
        Image.fromarray(horse(colour)).save(data / f"{name}.png")
    settings = Settings(data, masks, tmp_path / "pairs", each=1, kept=0)
    Image.fromarray((MASK * 255).astype(np.uint8)).save(masks / "B" / "other.png")
    with pytest.raises(DataError, match=r"no mask for \S*z\.png"):
        main(settings)
    for name in ("A/a", "A/b", "B/z"):
        Image.fromarray((MASK * 255).astype(np.uint8)).save(masks / f"{name}.png")
    main(settings)
    for name in ("input", "target"):
        files = sorted((tmp_path / "pairs" / name).iterdir())
        assert [file.name for file in files] == [f"a-{number}.png" for number in range(5)]
        assert {load_rgb(file).shape for file in files} == {(256, 256, 3)}
