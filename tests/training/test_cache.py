"""Decoded pictures on disk: the same pixels, bounded, whole or not at all, one copy for all loaders."""

import os
import pickle
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from translate.training import cache
from translate.training.cache import fill, make_room
from translate.training.pixels import Pixels, load_rgb


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (10 + seed, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
        found.append(tmp_path / f"{seed}.png")
    return found


def one(file: Path) -> tuple[Path]:
    return (file,)


def never(file: Path) -> Pixels:
    raise AssertionError(f"{file} was decoded again")


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_pixels_come_back_also_in_another_process(where: str, files: list[Path], tmp_path: Path) -> None:
    place = where if where == "memory" else str(tmp_path / "cache")
    kept = fill(files, load_rgb, one, place, 10**6, "plain")
    assert kept is not None
    sent = pickle.dumps(kept)
    assert len(sent) < 1000  # what a loader gets is a name, not the pixels
    for copy in (kept, pickle.loads(sent)):  # noqa: S301
        for index, file in enumerate(files):
            assert np.array_equal(copy[index], load_rgb(file))
        assert copy[4] is None


def test_a_limit_is_kept(files: list[Path], tmp_path: Path) -> None:
    limit = (10 + 11) * 8 * 3
    kept = fill(files, load_rgb, one, "memory", limit, "plain")
    assert kept is not None
    assert [kept[index] is not None for index in range(4)] == [True, True, False, False]
    assert fill(files, load_rgb, one, "off", limit, "plain") is None
    none = fill(files, load_rgb, one, "memory", 0, "plain")
    assert none is not None
    assert none[0] is None


def test_a_folder_serves_the_next_run_until_something_changes(files: list[Path], tmp_path: Path) -> None:
    keep = partial(fill, files, files=one, where=str(tmp_path / "cache"), limit=10**6)
    keep(prepare=load_rgb, label="plain")
    assert keep(prepare=never, label="plain")[3] is not None
    with pytest.raises(AssertionError):
        keep(prepare=never, label="other")
    (path,) = (tmp_path / "cache").glob("*")
    path.write_bytes(path.read_bytes()[:-9])  # damaged: made again
    assert np.array_equal(keep(prepare=load_rgb, label="plain")[3], load_rgb(files[3]))
    Image.new("RGB", (9, 9)).save(files[0])
    assert keep(prepare=load_rgb, label="plain")[0].shape == (9, 9, 3)


def test_old_caches_make_room(files: list[Path], tmp_path: Path) -> None:
    for label in "abc":
        fill(files, load_rgb, one, str(tmp_path / "cache"), 10**6, label)
    size = next((tmp_path / "cache").iterdir()).stat().st_size
    make_room(tmp_path / "cache", 2 * size)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    kept = fill(files, never, one, str(tmp_path / "cache"), 10**6, "c")
    assert kept is not None


def test_nothing_is_left_behind_where_it_fails(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files[2].write_bytes(b"no picture")
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    for where in ("memory", str(tmp_path / "cache")):
        with pytest.raises(DataError, match=r"cannot train on .*2\.png"):
            fill(files, load_rgb, one, where, 10**6, "plain")
    assert not list((tmp_path / "tmp").iterdir())
    assert not list((tmp_path / "cache").iterdir())
    with pytest.raises(DataError, match="--cache off"):
        fill(files, load_rgb, one, str(files[0] / "inside"), 10**6, "plain")


def test_what_killed_runs_left_is_removed_and_what_is_being_written_is_not(files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    left, growing = folder / ".0123456789abcdef.part", folder / ".fedcba9876543210.part"
    for part, age in ((left, cache.ABANDONED + 60), (growing, cache.ABANDONED - 60)):
        part.write_bytes(b"pixels")
        os.utime(part, (time.time() - age,) * 2)
    fill(files, load_rgb, one, str(folder), 10**6, "plain")
    assert [part.exists() for part in (left, growing)] == [False, True]
    os.utime(growing, (0, 0))
    make_room(folder, 10**6)
    assert not growing.exists()


def test_few_pictures_wait_for_a_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is not written until all others are decoded, if that is how it goes."""
    count, decoded, all_of_them = 300, [], threading.Event()

    def decode(number: int) -> Pixels:
        decoded.append(number)
        if len(decoded) == count:
            all_of_them.set()
        return np.full((1, 1, 3), number % 256, np.uint8)

    waiting: list[int] = []
    plain = np.ascontiguousarray

    def write(picture: Pixels) -> Pixels:
        if not waiting:
            all_of_them.wait(0.5)
        waiting.append(len(decoded) - len(waiting))
        return plain(picture)

    monkeypatch.setattr(cache.np, "ascontiguousarray", write)
    kept = fill(range(count), decode, lambda _: (), "memory", 10**6, "plain")
    assert kept is not None
    assert all(kept[number][0, 0, 0] == number % 256 for number in range(count))  # in order
    assert max(waiting) <= 33
