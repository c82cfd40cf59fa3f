"""Profiles: networks see sRGB, files keep their space, and nothing is lost in between."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Enlarge, noise
from PIL import Image, ImageCms

from benchmarks.profiles import (
    CMYK_TABLE,
    GRAY_22,
    P3,
    P3_COLORANTS,
    WIDE,
    WIDE_COLORANTS,
    described,
    gamma,
    parametric,
    profile,
    rgb_profile,
    sampled,
    table,
)
from translate.color import in_srgb, space_of
from translate.convert import alike, translate_picture
from translate.images import Picture, read_picture, write_picture
from translate.inference.chain import Chain
from translate.lcms import Lattice
from translate.picture import Array

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB_COLORANTS = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _lab_table() -> bytes:
    """A space by tables both ways, which is sRGB with its channels turned: red, green, blue -> green, blue, red."""
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    nodes = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    lab = ImageCms.createProfile("LAB")
    there = _through(nodes[..., [1, 2, 0]], ImageCms.createProfile("sRGB"), lab, "RGB", "LAB").astype(float)
    # LittleCMS gives a and b as signed bytes; 16-bit tables of version 2 put 0 at 32768 and 100 at 65280
    signed = np.where(there[..., 1:] > 127, there[..., 1:] - 256, there[..., 1:])
    forward = np.concatenate([there[..., :1] / 255 * 65280, (signed + 128) * 256], -1)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 65535, 17)] * 3, indexing="ij"), -1)
    eight = np.concatenate([grid[..., :1] / 65280 * 255, (grid[..., 1:] / 256 - 128) % 256], -1)
    eight = eight.round().clip(0, 255).astype(np.uint8)
    back = _through(eight, lab, ImageCms.createProfile("sRGB"), "LAB", "RGB")[..., [2, 0, 1]].astype(np.uint16) * 257
    tags = {b"A2B0": table(3, 17, forward), b"B2A0": table(3, 17, back)}
    return profile(b"RGB ", described() | tags, pcs=b"Lab ")


def _through(values: Array, source: Any, target: Any, before: str, after: str) -> Array:
    flat = np.ascontiguousarray(values.reshape(1, -1, 3))
    image = Image.frombytes(before, (flat.shape[1], 1), flat.tobytes())
    done = ImageCms.applyTransform(image, ImageCms.buildTransform(source, target, before, after))
    assert done is not None
    return np.frombuffer(done.tobytes(), np.uint8).reshape(values.shape)


TABLE = _lab_table()


def seen_by(picture: Picture) -> tuple[Array, Picture]:
    """What a network sees of a picture, in 8 bits, and the result of one that changes nothing."""
    model = Enlarge(1)
    result = translate_picture(picture, Chain((model,)))
    seen = model.seen[0]
    return (seen / 257).round().astype(np.uint8) if seen.dtype == np.uint16 else seen, result


@pytest.mark.parametrize("data", [P3, WIDE, TABLE], ids=["P3", "wide", "table"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_network_sees_srgb_and_the_file_keeps_its_space(tmp_path: Path, data: bytes, dtype: type) -> None:
    color = noise(40, 50, 3, dtype=dtype)
    color //= 2
    color += np.iinfo(dtype).max // 4  # away from the border of sRGB, where LittleCMS cuts off at 8 bits
    path = tmp_path / "x.png"
    write_picture(Picture(color=color, icc_profile=data), path)
    picture = read_picture(path)
    seen, result = seen_by(picture)
    eight = color if dtype == np.uint8 else (color // 257).astype(np.uint8)
    known = ImageCms.profileToProfile(
        Image.fromarray(eight),
        ImageCms.ImageCmsProfile(io.BytesIO(data)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
    )
    assert known is not None
    assert np.abs(np.asarray(known).astype(int) - seen).mean() < 0.6
    assert np.abs(seen.astype(int) - eight).mean() > 2
    write_picture(result, path)
    back = read_picture(path)
    assert back.icc_profile == data
    assert np.abs(back.color.astype(int) - color).max() <= (0 if dtype == np.uint8 else 16)


def test_16_bits_stay_16_bits_through_a_profile() -> None:
    ramp = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    for data in (WIDE, TABLE):
        _, result = seen_by(Picture(color=np.dstack([ramp] * 3), icc_profile=data))
        assert len(np.unique(result.color)) > 4000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("data", [P3, WIDE, TABLE], ids=["P3", "wide", "table"])
def test_colours_outside_of_srgb_survive(data: bytes, dtype: type) -> None:
    white = np.iinfo(dtype).max
    every = np.array(np.meshgrid([0, white // 2, white], [0, white // 2, white], [0, white // 2, white]), dtype)
    color = every.reshape(3, 27).T.reshape(3, 9, 3).repeat(8, 0).repeat(8, 1)
    result = translate_picture(Picture(color=color, icc_profile=data), Chain((Enlarge(4),)))
    middle = result.color[16::32, 16::32]
    assert np.abs(middle.astype(int) - color[4::8, 4::8]).max() <= white // 255
    space, _ = space_of(Picture(color=color, icc_profile=data))
    (cut,) = in_srgb([color], space, lambda pictures: pictures, kept=0)
    assert data == TABLE or np.abs(cut.astype(int) - color).max() > 20 * (white // 255)


def test_what_a_translation_paints_is_not_mixed_with_old_colours() -> None:
    class Grey(Enlarge):
        def translated(self, picture: Any) -> Any:
            return np.full_like(picture, 32768)

    vivid = np.zeros((8, 8, 3), np.uint8)
    vivid[..., 1] = 255
    (result,) = {
        tuple(translate_picture(Picture(color=vivid, icc_profile=P3), Chain((Grey(1, "translation"),))).color[4, 4])
    }
    assert max(result) - min(result) <= 1
    assert 120 < result[0] < 136
    half = translate_picture(Picture(color=vivid, icc_profile=P3), Chain((Grey(1, "translation"),), strength=0.0))
    np.testing.assert_array_equal(half.color, vivid)


@pytest.mark.parametrize(
    "data",
    [
        SRGB,
        rgb_profile(SRGB_COLORANTS, parametric(3, *SRGB_CURVE)),
        rgb_profile(SRGB_COLORANTS, parametric(4, *SRGB_CURVE, 0, 0)),
    ],
)
def test_srgb_by_another_name_costs_nothing(data: bytes) -> None:
    picture = Picture(color=noise(8, 8, 3), icc_profile=data)
    assert space_of(picture) == (None, "")
    model = Enlarge(2)
    result = translate_picture(picture, Chain((model,)))
    assert model.seen[0].dtype == np.uint8
    assert (result.icc_profile, result.notices) == (data, ())


@pytest.mark.parametrize(
    ("curve", "light"),
    [
        (gamma(1.0), 0.5),
        (gamma(1.8), 0.5**1.8),
        (b"curv\0\0\0\0\0\0\0\0", 0.5),
        (sampled([0, 16384, 65535]), 0.25),
        (parametric(0, 2.0), 0.25),
        (parametric(1, 2.0, 1.0, 0.0), 0.25),
        (parametric(2, 2.0, 1.0, 0.0, 0.0), 0.25),
        (parametric(3, 2.0, 1.0, 0.0, 1.0, 0.1), 0.25),
        (parametric(4, 2.0, 1.0, 0.0, 1.0, 0.1, 0.05, 0.0), 0.3),
    ],
)
def test_curves_of_every_kind(curve: bytes, light: float) -> None:
    grey = np.full((2, 2, 3), 32768, np.uint16)
    space, trouble = space_of(Picture(color=grey, icc_profile=rgb_profile(SRGB_COLORANTS, curve)))
    assert trouble == ""
    assert space is not None
    value = space.to_srgb(grey)[0, 0, 0] / 65535
    assert ((value + 0.055) / 1.055) ** 2.4 == pytest.approx(light, abs=2e-3)


def test_grey_profiles(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16):
        color = noise(9, 9, dtype=dtype)
        path = tmp_path / "x.png"
        write_picture(Picture(color=color, icc_profile=GRAY_22), path)
        seen, result = seen_by(read_picture(path))
        assert seen.ndim == 2
        assert np.abs(seen.astype(int) - color // (1 if dtype == np.uint8 else 257)).max() > 2
        assert np.abs(result.color.astype(int) - color).max() <= (0 if dtype == np.uint8 else 16)
        assert result.icc_profile == GRAY_22
        painted = translate_picture(read_picture(path), Chain((Enlarge(1, "translation"),)))
        assert (painted.color.shape, painted.icc_profile) == ((9, 9, 3), None)
        assert "sRGB" in painted.notices[0]
        np.testing.assert_allclose(painted.color[..., 1] / painted.white, seen / 255, atol=0.003)


@pytest.mark.parametrize(
    "data",
    [
        b"garbage " * 50,
        P3[:200],
        P3[:36] + b"nope" + P3[40:],
        P3[:128] + b"\xff\xff\xff\xff" + P3[132:],
        rgb_profile(((1, 1, 1),) * 3, gamma(2.2)),
        rgb_profile(P3_COLORANTS, sampled([5] * 9)),
        rgb_profile(P3_COLORANTS, b"what\0\0\0\0" + bytes(20)),
        rgb_profile(P3_COLORANTS, sampled([0, 65535])[:-3]),
        rgb_profile(P3_COLORANTS, parametric(9, 1.0)),
        profile(b"RGB ", described()),
        profile(b"RGB ", described() | {b"A2B0": b"mft2" + bytes(40)}),
        CMYK_TABLE,
        GRAY_22,
    ],
)
def test_profiles_that_cannot_be_used_are_told_and_kept(tmp_path: Path, data: bytes) -> None:
    path, color = tmp_path / "x.png", noise(8, 8, 3)
    write_picture(Picture(color=color, icc_profile=data), path)
    seen, result = seen_by(read_picture(path))
    np.testing.assert_array_equal(seen, color)
    assert "taken as sRGB" in result.notices[0]
    write_picture(result, path)
    assert read_picture(path).icc_profile == data


@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.integers(0, 500), value=st.binary(min_size=1, max_size=6), data=st.sampled_from([P3, WIDE, GRAY_22]))
def test_damaged_profiles_never_crash(place: int, value: bytes, data: bytes) -> None:
    damaged = data[:place] + value + data[place + len(value) :]
    color = np.full((2, 2) if data == GRAY_22 else (2, 2, 3), 77, np.uint8)
    _, result = seen_by(Picture(color=color, icc_profile=damaged))
    assert np.abs(result.color.astype(int) - color).max() <= 1


def test_pictures_of_two_spaces_are_not_translated_together() -> None:
    one, other = (Picture(color=noise(8, 8, 3), icc_profile=data) for data in (P3, WIDE))
    assert not alike(one, other)
    assert alike(one, one.replace(color=noise(8, 8, 3)))


def test_tall_and_large_pictures_go_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    color = noise(50, 3, 3)
    whole = translate_picture(Picture(color=color, icc_profile=P3), Chain((Enlarge(3),))).color
    monkeypatch.setattr("translate.color.BLOCK", 20)
    parts = translate_picture(Picture(color=color, icc_profile=P3), Chain((Enlarge(3),))).color
    np.testing.assert_array_equal(whole, parts)


def test_cmyk_and_lab_become_srgb(tmp_path: Path) -> None:
    path = tmp_path / "x"
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for form in ("JPEG", "TIFF"):
        ink.save(path, form, **({"quality": 100} if form == "JPEG" else {}))
        plain = read_picture(path)
        assert plain.color[0, 0, 0] > 250 > 5 > plain.color[0, 0, 1]
        assert "without a profile" in plain.notices[0]
        ink.save(path, form, icc_profile=CMYK_TABLE)
        through = read_picture(path)
        assert through.icc_profile is None
        assert "through its colour profile" in through.notices[0]
        assert np.abs(through.color.astype(int) - plain.color).max() > 30  # the press of the tests is dull
        ink.save(path, form, icc_profile=P3)
        assert "does not fit" in read_picture(path).notices[0]
    lab = Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (138, 208, 195)])
    lab.save(path, "TIFF")
    red = read_picture(path)
    assert red.color[0, 0].tolist() == pytest.approx([251, 9, 11], abs=4)
    assert "Lab" in red.notices[0]


def test_a_space_by_tables_is_known_as_one() -> None:
    space, _ = space_of(Picture(color=noise(4, 4, 3), icc_profile=TABLE))
    assert isinstance(space, Lattice)
    assert not isinstance(
        space_of(Picture(color=noise(4, 4, 3), icc_profile=rgb_profile(WIDE_COLORANTS, gamma(2.2))))[0], Lattice
    )
