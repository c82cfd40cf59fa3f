"""Textures of games: the same block format, header and mipmaps come out."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import enlarging, noise
from PIL import Image

from models.errors import BadPicture, TooLarge
from translate.convert import translate_picture
from translate.formats import blocks
from translate.formats.mipmaps import mipmaps
from translate.images import Picture, read_picture, write_picture

DXGI = {"BC1": 72, "BC2": 75, "BC3": 78, "BC4": 80, "BC4S": 81, "BC5": 83, "BC5S": 84, "BC7": 99}
LEGACY = {
    b"DXT1": "BC1",
    b"DXT3": "BC2",
    b"DXT5": "BC3",
    b"ATI1": "BC4",
    b"BC4U": "BC4",
    b"BC4S": "BC4S",
    b"ATI2": "BC5",
    b"BC5U": "BC5",
    b"BC5S": "BC5S",
}
LEAST = {"BC1": 31, "BC2": 31, "BC3": 31, "BC4": 42, "BC4S": 42, "BC5": 42, "BC5S": 42, "BC7": 37}
"""dB against the original: what a sound encoder gives on soft pictures."""


def soft(side: int, channels: int) -> Any:
    """A picture with soft colours and soft alpha, as blocks can hold."""
    rough = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, channels), np.uint8)
    return cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)


def dds(kind: int | bytes, data: bytes, side: int = 32, *, levels: int = 1, **said: int) -> bytes:
    """A file with a DX10 header (a DXGI number) or without (a FourCC)."""
    extended = isinstance(kind, int)
    flags = 0x1007 | (0x20000 if levels > 1 else 0)
    head = struct.pack("<4s7I", b"DDS ", 124, flags, side, side, 0, 0, levels) + b"made by a tool".ljust(44, b"\0")
    head += struct.pack("<2I4s5I", 32, 4, b"DX10" if extended else kind, 0, 0, 0, 0, 0)
    head += struct.pack("<5I", 0x1000, said.get("caps2", 0), 0, 0, 0)
    if extended:
        more = (kind, said.get("dimension", 3), said.get("misc", 0), said.get("layers", 1), said.get("alpha", 0))
        head += struct.pack("<5I", *more)
    return head + data


def uncompressed(flags: int, bits: int, masks: tuple[int, ...], data: bytes, side: int) -> bytes:
    head = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, side, side, 0, 0, 0)
    return head + struct.pack("<8I", 32, flags, 0, bits, *masks) + struct.pack("<5I", 0x1000, 0, 0, 0, 0) + data


def pixels_of(name: str, side: int = 32) -> Any:
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[blocks.BLOCKS[name].mode]
    pixels = soft(side, channels)
    if name == "BC1":
        pixels[..., 3] = np.where(pixels[..., 3] > 99, 255, 0)
    if channels == 3:
        pixels[..., 2] = 0
    return pixels


def decibel(one: Any, other: Any) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.square(one.astype(float) - other).mean())))


@pytest.mark.parametrize("name", blocks.BLOCKS)
@pytest.mark.parametrize("side", [32, 27, 1])
def test_blocks_keep_soft_pictures(name: str, side: int) -> None:
    pixels = pixels_of(name, 32)[:side, :side]
    back = blocks.decompress(name, blocks.compress(name, pixels), side, side)
    if back.ndim == 3 and back.shape[2] == 4:
        assert np.abs(back[..., 3].astype(int) - pixels[..., 3]).max() <= {"BC1": 0, "BC2": 9}.get(name, 16)
        seen = pixels[..., 3] > 0
        if not seen.any():
            return
        back, pixels = back[seen], pixels[seen]
    assert decibel(back, pixels) > LEAST[name]


@pytest.mark.parametrize("name", ["BC4", "BC4S", "BC5"])
def test_flat_and_one_bit_channels_are_exact(name: str) -> None:
    for plane in (*(np.full((4, 4), value, np.uint8) for value in range(256)), noise(8, 8) // 128 * 255):
        pixels = plane if name != "BC5" else np.dstack([plane, plane, np.zeros_like(plane)])
        height, width = plane.shape
        back = blocks.decompress(name, blocks.compress(name, pixels), width, height)
        np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize("kind", [*DXGI.values(), *LEGACY])
def test_the_format_comes_back(tmp_path: Path, kind: int | bytes) -> None:
    name = LEGACY[kind] if isinstance(kind, bytes) else {v: k for k, v in DXGI.items()}[kind]
    path = tmp_path / "x.dds"
    path.write_bytes(dds(kind, blocks.compress(name, pixels_of(name)), levels=6))
    picture = read_picture(path)
    result = translate_picture(picture, enlarging(2))
    write_picture(result, path)
    content = path.read_bytes()
    start = 128 if isinstance(kind, bytes) else 148
    assert content[32:46] == b"made by a tool"
    assert content[84:88] == (kind if isinstance(kind, bytes) else b"DX10")
    if isinstance(kind, int):
        assert struct.unpack_from("<I", content, 128) == (kind,)
    flags, height, width, size, _, levels = struct.unpack_from("<6I", content, 8)
    assert (height, width, levels, flags & 0x20000) == (64, 64, 7, 0x20000)
    sizes = [blocks.stored_bytes(name, 64 >> level or 1, 64 >> level or 1) for level in range(7)]
    assert (size, len(content)) == (sizes[0], start + sum(sizes))
    back = read_picture(path)
    assert (back.alpha is None) == (picture.alpha is None)
    seen = back.alpha > 0 if back.alpha is not None else np.ones((64, 64), bool)
    shown, wanted = (picture.color[seen].reshape(seen.sum(), -1)[:, :2] for picture in (back, result))
    assert decibel(shown, wanted) > LEAST[name]
    last = blocks.decompress(name, content[-sizes[-1] :], 1, 1)
    if picture.alpha is None:
        assert abs(int(np.ravel(last)[0]) - result.color.reshape(64 * 64, -1)[:, 0].mean()) < 16


def test_pillow_and_we_agree(tmp_path: Path) -> None:
    for kind in (b"DXT1", b"DXT5", b"ATI1", b"ATI2", 98):
        name = LEGACY[kind] if isinstance(kind, bytes) else "BC7"
        path = tmp_path / "x.dds"
        path.write_bytes(dds(kind, blocks.compress(name, pixels_of(name))))
        write_picture(read_picture(path), path)
        with Image.open(path) as image:
            theirs = np.atleast_3d(np.asarray(image))
        np.testing.assert_array_equal(theirs[..., :2], np.atleast_3d(read_picture(path).color)[..., :2])


def test_two_channels_become_unit_vectors_and_stay_two_channels(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 32), np.linspace(-0.6, 0.6, 32))
    xy = np.dstack([np.rint((x + 1) * 127.5), np.rint((y + 1) * 127.5), np.zeros((32, 32))]).astype(np.uint8)
    path = tmp_path / "x.dds"
    path.write_bytes(dds(b"ATI2", blocks.compress("BC5", xy)))
    picture = read_picture(path)
    vectors = picture.color.astype(float) / 127.5 - 1
    assert np.abs(np.linalg.norm(vectors, axis=2) - 1).max() < 0.01
    write_picture(picture, path)
    assert np.abs(read_picture(path).color.astype(int) - picture.color).max() <= 2


@pytest.mark.parametrize(
    ("flags", "bits", "masks"),
    [
        (0x41, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (0x41, 32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        (0x40, 32, (0xFF0000, 0xFF00, 0xFF, 0)),
        (0x40, 24, (0xFF0000, 0xFF00, 0xFF, 0)),
        (0x40, 16, (0xF800, 0x7E0, 0x1F, 0)),
        (0x41, 16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        (0x41, 16, (0xF00, 0xF0, 0xF, 0xF000)),
        (0x20000, 8, (0xFF, 0, 0, 0)),
        (0x20001, 16, (0xFF, 0, 0, 0xFF00)),
    ],
)
def test_uncompressed_pixels_come_back_exactly(tmp_path: Path, flags: int, bits: int, masks: tuple[int, ...]) -> None:
    used = 0
    for mask in masks:
        used |= mask
    values = np.frombuffer(noise(8 * 8 * 4).tobytes(), "<u4") & np.uint32(used)
    data = values.view(np.uint8).reshape(64, 4)[:, : bits // 8].tobytes()
    path = tmp_path / "x.dds"
    path.write_bytes(uncompressed(flags, bits, masks, data, 8))
    before = path.read_bytes()
    picture = read_picture(path)
    assert (picture.color.ndim == 2, picture.alpha is not None) == (flags & 0x20000 > 0, flags & 1 > 0)
    write_picture(picture, path)
    assert path.read_bytes()[128:] == before[128:]
    assert path.read_bytes()[76:108] == before[76:108]


def test_bc7_without_its_encoder_is_told_and_becomes_uncompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.dds"
    path.write_bytes(dds(99, blocks.compress("BC7", pixels_of("BC7")), levels=3))
    monkeypatch.setattr(blocks, "find_spec", lambda name: None)
    picture = read_picture(path)
    assert "uncompressed, four times as large as BC7" in picture.notices[0]
    write_picture(picture, path)
    assert struct.unpack_from("<I", path.read_bytes(), 128) == (29,)  # sRGB stays sRGB
    back = read_picture(path)
    np.testing.assert_array_equal(back.color, picture.color)
    np.testing.assert_array_equal(back.alpha, picture.alpha)
    assert (back.notices, struct.unpack_from("<I", path.read_bytes(), 28)) == ((), (3,))


def test_a_grey_texture_that_becomes_coloured_is_written_in_colour(tmp_path: Path) -> None:
    path = tmp_path / "x.dds"
    path.write_bytes(dds(b"ATI1", blocks.compress("BC4", pixels_of("BC4"))))
    color = soft(32, 3)
    write_picture(read_picture(path).replace(color=color), path)
    np.testing.assert_array_equal(read_picture(path).color, color)


def test_other_pictures_become_uncompressed_textures(tmp_path: Path) -> None:
    for color, alpha in ((noise(5, 7, 3), None), (noise(5, 7, 3), noise(5, 7)), (noise(5, 7), None)):
        write_picture(Picture(color=color, alpha=alpha, format="DDS"), tmp_path / "x.dds")
        back = read_picture(tmp_path / "x.dds")
        np.testing.assert_array_equal(back.color, color)
        assert alpha is None or (back.alpha == alpha).all()
        with Image.open(tmp_path / "x.dds") as image:
            assert image.size == (7, 5)


def test_mipmaps_weigh_colour_by_alpha_and_average_light() -> None:
    color = np.zeros((2, 2, 3), np.uint8)
    color[0] = 255
    (_, _), (plain, _) = mipmaps(color, None, 2, light=False)
    (_, _), (light, _) = mipmaps(color, None, 2, light=True)
    assert (plain[0, 0, 0], light[0, 0, 0]) == (128, 188)
    alpha = np.array([[255, 255], [0, 0]], np.uint8)
    (_, _), (seen, cover) = mipmaps(color, alpha, 2, light=True)
    assert (seen[0, 0, 0], int(cover[0, 0])) == (255, 128)  # type: ignore[index]
    assert [level.shape[:2] for level, _ in mipmaps(noise(5, 3, 3), None, 3, light=True)] == [(5, 3), (2, 1), (1, 1)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (dds(b"DXT1", b"", caps2=0xFE00), "cube map"),
        (dds(71, b"", misc=4), "cube map"),
        (dds(b"DXT1", b"", caps2=0x200000), "volume"),
        (dds(71, b"", dimension=4), "3-dimensional"),
        (dds(71, b"", layers=3), "array of 3"),
        (dds(71, b"", alpha=2), "multiplied by alpha"),
        (dds(95, b""), "BC6H"),
        (dds(10, b""), "DXGI format 10"),
        (dds(b"DXT2", b""), "'DXT2'"),
        (dds(b"RXGB", b""), "'RXGB'"),
        (dds(b"DXT1", b"x"), "after 1 of 512 bytes"),
        (dds(b"DXT1", b"x")[:99], "incomplete"),
        (dds(b"DXT1", b"", side=0), "no pixels"),
        (uncompressed(0x40, 32, (0x3FF, 0xFFC00, 0x3FF00000, 0), bytes(256), 8), "more than 8 bits"),
        (uncompressed(0x20, 8, (0, 0, 0, 0), bytes(64), 8), "pixel flags"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.dds").write_bytes(content)
    with pytest.raises(BadPicture, match=reason):
        read_picture(tmp_path / "x.dds")


def test_the_header_is_held_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "x.dds").write_bytes(dds(b"DXT1", b"", side=60_000))
    with pytest.raises(TooLarge, match="--max-pixels"):
        read_picture(tmp_path / "x.dds")
    with pytest.raises(BadPicture, match="16,384"):
        write_picture(Picture(color=noise(1, 16_385), format="DDS"), tmp_path / "y.dds")


def test_signed_ends_are_signed() -> None:
    """Ends 1 and -1, all pixels at the first or all at the second."""
    for index, value in ((0, 255), (1, 1)):
        picks = sum(index << 3 * pixel for pixel in range(16)).to_bytes(6, "little")
        assert set(blocks.decompress("BC4S", b"\x7f\x81" + picks, 4, 4).flat) == {value}


def test_opaque_empty_and_one_value_between_are_exact() -> None:
    plane = np.random.default_rng(0).choice(np.array([0, 100, 255], np.uint8), (8, 8))
    np.testing.assert_array_equal(blocks.decompress("BC4", blocks.compress("BC4", plane), 8, 8), plane)
