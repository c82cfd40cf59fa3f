"""--format, --quality, --png-effort and --lossless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from folders import config, doubling, draw, tree
from pictures import encoded, noise
from PIL import Image

from models.errors import BadPicture, ConfigError, UsageError
from translate.batch import run
from translate.formats.options import EncodingOptions
from translate.images import Picture, read_picture, write_picture
from translate.picture import EXTENSIONS, OPTIONS
from translate.plan import plan


@pytest.mark.parametrize("option", OPTIONS)
def test_every_format_can_be_asked_for(tmp_path: Path, option: str) -> None:
    draw(tmp_path / "in/deep/a.photo.png", side=32)
    report = run(config(tmp_path / "in", out=tmp_path / "out", format=option), doubling())
    assert report.exit_code == 0, report.outcomes
    name = f"deep/a.photo{OPTIONS[option]}"
    assert tree(tmp_path / "out") == {name}
    back = read_picture(tmp_path / "out" / name)
    assert (back.format, back.size) == (EXTENSIONS[OPTIONS[option]], (64, 64))
    with Image.open(tmp_path / "in/deep/a.photo.png") as image:
        error = np.abs(back.color.astype(int) - np.asarray(image).repeat(2, 0).repeat(2, 1))
    assert error.max() == 0 or option in ("jpeg", "heic", "gif")


def test_names_get_the_extension_of_the_format(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPEG", "c.jpg", "d.v2.tga"):
        draw(tmp_path / "in" / name)
    odd = draw(tmp_path / "e.png").rename(tmp_path / "e.texture")
    jobs = plan(config(tmp_path / "in", odd, out=tmp_path / "out", format="jpeg")).jobs
    assert [job.target.name for job in jobs] == ["a.jpg", "b.JPEG", "c.jpg", "d.v2.jpg", "e.texture.jpg"]


def test_two_inputs_that_would_meet_are_found(tmp_path: Path) -> None:
    draw(tmp_path / "in/a.png")
    draw(tmp_path / "in/a.tga")
    assert len(plan(config(tmp_path / "in", out=tmp_path / "out")).jobs) == 2
    with pytest.raises(UsageError, match=r"a.png and .*a.tga would both become .*a.webp"):
        plan(config(tmp_path / "in", out=tmp_path / "out", format="webp"))


def test_alpha_into_jpeg_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    draw(tmp_path / "in/a.png")
    Image.fromarray(np.full((4, 4, 4), 77, np.uint8)).save(tmp_path / "in/b.png")
    Image.fromarray(np.full((4, 4, 4), 255, np.uint8)).save(tmp_path / "in/c.png")
    chain = doubling()
    report = run(config(tmp_path / "in", out=tmp_path / "out", format="jpeg"), chain)
    assert [outcome.status for outcome in report.outcomes] == ["done", "failed", "done"]
    assert "alpha, which JPEG cannot hold" in report.outcomes[1].reason
    assert chain.steps[0].calls == 2  # type: ignore[attr-defined]


def test_what_a_format_costs_is_told() -> None:
    deep = Picture(color=np.array([[0, 128, 129, 65535]], np.uint16))
    fitted = EncodingOptions(format="WEBP").fit(deep)
    np.testing.assert_array_equal(fitted.color, [[0, 0, 1, 255]])
    assert "16 bits a channel became 8" in fitted.notices[0]
    assert EncodingOptions(format="TIFF").fit(deep).notices == ()
    assert "became 12" in EncodingOptions(format="AVIF").fit(deep).notices[0]
    assert EncodingOptions().fit(deep) is deep


def test_lossless_is_as_the_input_was_unless_asked_for(tmp_path: Path) -> None:
    for form, lossless in (("JPEG", False), ("PNG", True)):
        picture = Picture(color=noise(32, 32, 3), format=form, lossless=lossless)
        for target, head in (("WEBP", b"VP8L"), ("AVIF", b"")):
            for asked in (None, True):
                options = EncodingOptions(format=target, lossless=asked)
                write_picture(options.fit(picture), tmp_path / "x", options)
                exact = (read_picture(tmp_path / "x").color == picture.color).all()
                assert exact == (lossless or asked is True), (form, target, asked)
                assert not head or (head in (tmp_path / "x").read_bytes()) == exact


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_effort_buys_size_and_loses_nothing(tmp_path: Path, dtype: Any) -> None:
    white = np.iinfo(dtype).max
    soft = cv2.resize(noise(9, 9, 3), (300, 200), interpolation=cv2.INTER_CUBIC).astype(dtype) * (white // 255)
    sizes = []
    for effort in range(10):
        write_picture(Picture(color=soft), tmp_path / "x.png", EncodingOptions(png_effort=effort))
        sizes.append((tmp_path / "x.png").stat().st_size)
        np.testing.assert_array_equal(read_picture(tmp_path / "x.png").color, soft)
    assert sizes[0] > sizes[1] > sizes[3] > sizes[9]
    write_picture(Picture(color=soft), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size == sizes[1]


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    for setting in ({"quality": 0}, {"quality": 101}, {"png_effort": -1}, {"png_effort": 10}):
        with pytest.raises(ConfigError, match=f"--{next(iter(setting)).replace('_', '-')} "):
            config(tmp_path, out=tmp_path, **setting)


def test_a_picture_with_a_wrong_name_goes_where_it_was_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "in/x.heic"
    path.parent.mkdir()
    path.write_bytes(encoded("JPEG"))
    run(config(path, out=tmp_path / "out", format="png"), doubling())
    assert (tmp_path / "out/x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("form", "side"), [("AVIF", 32_769), ("PNG", 1_000_001), ("GIF", 65_536), ("TGA", 65_536)])
def test_sides_beyond_a_format_are_refused(tmp_path: Path, form: str, side: int) -> None:
    with pytest.raises(BadPicture, match=f"{form} holds at most {side - 1:,} pixels a side"):
        write_picture(Picture(color=np.zeros((1, side), np.uint8), format=form), tmp_path / "x")
    if form != "AVIF":
        write_picture(Picture(color=np.zeros((1, side - 1), np.uint8), format=form), tmp_path / "x")
        assert read_picture(tmp_path / "x").size == (side - 1, 1)


def test_tall_strips_come_back(tmp_path: Path) -> None:
    for form in ("PNG", "JPEG", "TIFF", "TGA", "BMP", "GIF", "AVIF"):
        write_picture(Picture(color=noise(30_000, 1), format=form, lossless=form != "AVIF"), tmp_path / "x")
        assert read_picture(tmp_path / "x").size == (1, 30_000)
