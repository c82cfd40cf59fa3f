"""AVIF and HEIC keep what they can hold, and more than 8 bits where they have them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import noise
from PIL import Image

from models.errors import BadPicture
from translate.formats import avif, heic
from translate.formats.options import EncodingOptions
from translate.images import Picture, read_picture, write_picture

SOFT = cv2.resize(noise(8, 8, 4), (48, 32), interpolation=cv2.INTER_CUBIC)


def exif() -> bytes:
    block = Image.Exif()
    block[315] = "me"
    return block.tobytes()


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(("form", "lossless"), [("AVIF", False), ("AVIF", True), ("HEIF", False)])
def test_pixels_and_metadata_come_back(tmp_path: Path, form: str, lossless: bool, grey: bool, alpha: bool) -> None:
    color = SOFT[..., 0] if grey else SOFT[..., :3]
    cover = SOFT[..., 3] if alpha else None
    picture = Picture(
        color=color, alpha=cover, format=form, lossless=lossless, exif=exif(), icc_profile=b"profile" * 30
    )
    path = tmp_path / "x"
    write_picture(picture, path)
    back = read_picture(path)
    assert (back.format, back.icc_profile, back.notices) == (form, b"profile" * 30, ())
    assert back.exif is not None
    assert b"me" in back.exif
    assert (back.color.ndim == 2) == (grey and not alpha)  # grey with alpha is stored as RGB
    shown = back.color if back.color.ndim == color.ndim else back.color[..., 0]
    assert np.abs(shown.astype(int) - color).max() <= (0 if lossless else 24)
    assert (back.alpha is not None) == alpha
    if alpha:
        assert np.abs(back.alpha.astype(int) - cover).max() <= (0 if lossless else 6)  # type: ignore[union-attr]


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3), (32, 48, 4)])
def test_more_than_8_bits_stay(tmp_path: Path, bits: int, shape: tuple[int, ...]) -> None:
    values = noise(*shape, dtype=np.uint16) >> (16 - bits)
    how = [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, bits]
    path = tmp_path / "x.avif"
    path.write_bytes(bytes(cv2.imencode(".avif", values, how)[1]))
    picture = read_picture(path)
    color = values if values.ndim == 2 else values[..., 2::-1]
    np.testing.assert_array_equal(avif.from_16_bits(picture.color, bits), color)
    assert picture.color.max() > 65_000
    write_picture(picture.replace(exif=exif()), path)
    back = read_picture(path)
    np.testing.assert_array_equal(back.color, picture.color)
    assert (back.layout, back.exif is not None) == ((("depth", bits),), True)
    if len(shape) == 3 and shape[2] == 4:
        np.testing.assert_array_equal(back.alpha, picture.alpha)


def test_orientation_is_applied_once(tmp_path: Path) -> None:
    block = Image.Exif()
    block[274] = 6
    for form in ("AVIF", "HEIF"):
        heic.prepare()
        path = tmp_path / "x"
        Image.fromarray(SOFT[..., :3].copy()).save(path, form, exif=block.tobytes(), quality=100)
        for _ in range(2):
            picture = read_picture(path)
            assert picture.size == (32, 48)
            upright = SOFT[..., :3].swapaxes(0, 1)[:, ::-1]
            assert np.abs(picture.color.astype(int) - upright).mean() < 20  # 4:2:0
            write_picture(picture, path)


def test_quality_counts(tmp_path: Path) -> None:
    for form in ("AVIF", "HEIF", "JPEG", "WEBP"):
        picture = Picture(color=noise(64, 64, 3), format=form, lossless=False)
        sizes = []
        for quality in (20, 95):
            write_picture(picture, tmp_path / "x", EncodingOptions(quality=quality))
            sizes.append((tmp_path / "x").stat().st_size)
        assert sizes[0] < 0.7 * sizes[1]


def test_heic_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.heic"
    write_picture(Picture(color=SOFT[..., :3], format="HEIF"), path)
    forgotten: dict[str, Any] = {key: value for key, value in Image.OPEN.items() if key != "HEIF"}
    monkeypatch.setattr(Image, "OPEN", forgotten)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(BadPicture, match="HEIC needs pillow-heif: pip install"):
        read_picture(path)


def test_an_opencv_without_avif_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: False)
    with pytest.raises(BadPicture, match="--format png"):
        write_picture(Picture(color=noise(4, 4, dtype=np.uint16), format="AVIF"), tmp_path / "x.avif")
    write_picture(Picture(color=noise(4, 4), format="AVIF", lossless=False), tmp_path / "x.avif")


def test_animated_avif_is_never_called_lossless(tmp_path: Path) -> None:
    frame = Picture(color=noise(8, 8, 3), format="AVIF", lossless=True)
    with pytest.raises(BadPicture, match="animated AVIF"):
        write_picture(frame.replace(frames=(frame, frame), durations=(9, 9)), tmp_path / "x.avif")


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, form: str, part: float) -> None:
    path = tmp_path / "x"
    write_picture(Picture(color=noise(64, 64, 3), format=form, lossless=False), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BadPicture, match=r"cannot read .*x: "):
        read_picture(path)
