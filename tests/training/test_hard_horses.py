"""benchmarks.hard_horses: a horse gets harder to see, its zebra keeps its light, and what is around is the same."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.hard_horses import Settings, behind, harder, main, wall
from translate.training.pixels import load_rgb

MASK = np.zeros((96, 128), np.float32)
MASK[20:76, 30:100] = 1
HORSE = np.full((96, 128, 3), (70, 130, 60), np.uint8)
HORSE[MASK > 0] = (150, 90, 50)
ZEBRA = HORSE.copy()
ZEBRA[MASK > 0] = 200
PLANKS = (90, 60, 30)


@pytest.fixture
def planks(tmp_path: Path) -> Path:
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (60, 200), PLANKS).save(tmp_path / "walls" / "planks.png")
    return tmp_path / "walls"


def test_walls_are_even_and_some_nearly_black() -> None:
    walls = [wall(40, 60, np.random.default_rng(seed)) for seed in range(40)]
    assert all(one.shape == (40, 60, 3) and one.min() >= 0 and one.max() <= 1 for one in walls)
    assert max(np.abs(np.diff(one, axis=axis)).max() for one in walls for axis in (0, 1)) < 0.03
    assert 10 <= sum(one.max() < 0.2 for one in walls) <= 30


def test_backgrounds_are_other_pictures_walls_or_its_own(planks: Path) -> None:
    own = np.full((96, 128, 3), 0.5, np.float32)
    made = [behind(own, [planks / "planks.png"], np.random.default_rng(seed)) for seed in range(60)]
    assert {one.shape for one in made} == {own.shape}
    elsewhere = sum(np.allclose(one * 255, PLANKS, atol=1) for one in made)
    unchanged = sum(np.array_equal(one, own) for one in made)
    assert elsewhere >= 10
    assert unchanged >= 10
    assert elsewhere + unchanged < 60


def test_what_is_around_is_the_same_in_both(planks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.hard_horses.square", lambda *_: (slice(None), slice(None)))
    animal, around = cv2.erode(MASK, np.ones((9, 9))) > 0, cv2.dilate(MASK, np.ones((9, 9))) == 0
    horses, zebras = [], []
    for seed in range(30):
        source, target = harder((HORSE, MASK), ZEBRA, [planks / "planks.png"], np.random.default_rng(seed))
        assert np.array_equal(source[around], target[around])
        assert (source[animal].mean(axis=1) < target[animal].mean(axis=1)).all()
        horses.append(source[animal].mean())
        zebras.append(target[animal].mean())
    assert min(horses) < 50  # in the dark
    assert min(zebras) > 100  # where zebras are still seen


def test_horses_that_are_not_painted_are_left_out(
    planks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, picture in (("data/trainA", HORSE), ("masks/A", (MASK * 255).astype(np.uint8))):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / folder / "a.png")
    settings = Settings(tmp_path / "data", tmp_path / "masks", planks, tmp_path / "pairs", each=2, kept=0)

    class Painter:
        result = staticmethod(lambda picture: picture)

        def __call__(self, picture: np.ndarray) -> np.ndarray:
            return np.asarray(self.result(picture))

    monkeypatch.setattr("benchmarks.hard_horses.Translator.open", lambda *_, **__: Painter())
    main(settings)
    assert not (tmp_path / "pairs").exists()
    Painter.result = staticmethod(lambda picture: 255 - picture)
    main(settings)
    for kind in ("input", "target"):
        files = sorted((tmp_path / "pairs" / kind).iterdir())
        assert [file.name for file in files] == ["a-0.png", "a-1.png"]
        assert {load_rgb(file).shape for file in files} == {(256, 256, 3)}
