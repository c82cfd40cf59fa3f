"""Normal maps stay vectors, other data stays data, and colours are taken for neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pictures import Enlarge, enlarging, noise

from models.errors import ConfigError
from translate.convert import alike, how, translate_picture
from translate.inference.chain import Chain
from translate.normals import packed, vectors
from translate.picture import Picture
from translate.recognise import Treatment, recognised


def normal_map(dtype: Any = np.uint8, slope: float = 0.6) -> Any:
    """Of waves."""
    y, x = np.mgrid[:32, :40] / 3
    field = np.dstack([slope * np.cos(x), slope * np.sin(y), np.ones_like(x)])
    return packed(field.astype(np.float32), int(np.iinfo(dtype).max))


def lengths(color: Any) -> Any:
    return np.linalg.norm(vectors(color), axis=2)


class Uncoupled(Enlarge):
    """Shortens vectors, and gives colours a cast that grey planes do not get."""

    def translated(self, picture: Any) -> Any:
        large = super().translated(picture)
        white = np.iinfo(large.dtype).max
        return (large * 0.7 + 0.15 * white).astype(large.dtype) // (1 if picture.ndim == 2 else 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_vectors_are_of_length_1_again(dtype: Any) -> None:
    picture = recognised(Picture(color=normal_map(dtype), alpha=noise(32, 40, dtype=dtype)), "rock_n.png")
    assert (picture.role, picture.data) == ("normals", True)
    result = translate_picture(picture, Chain((Uncoupled(2, smooth=True),)))
    assert result.color.dtype == dtype
    assert np.abs(lengths(result.color) - 1).max() < (0.01 if dtype == np.uint8 else 1e-4)
    angle = np.arccos(np.clip((vectors(result.color)[::2, ::2] * vectors(normal_map(dtype))).sum(2), -1, 1))
    assert np.degrees(angle.mean()) < 10
    assert result.alpha is not None
    assert "normal map" in how(picture, Chain((Uncoupled(2),)))


def test_data_alpha_of_a_normal_map_hides_nothing() -> None:
    alpha = noise(32, 40)
    alpha[:, :20] = 0
    color = normal_map()
    result = translate_picture(Picture(color=color, alpha=alpha, role="normals"), enlarging(2))
    np.testing.assert_allclose(result.color, color.repeat(2, 0).repeat(2, 1), atol=1)


@pytest.mark.parametrize("blue", [0, 255])
def test_an_empty_blue_channel_is_computed(blue: int) -> None:
    color = normal_map()
    color[..., 2] = blue
    picture = recognised(Picture(color=color), "wall_normal.tga")
    assert picture.role == "normals"
    result = translate_picture(picture, enlarging(2))
    np.testing.assert_allclose(result.color, normal_map().repeat(2, 0).repeat(2, 1), atol=2)
    assert "blue" in result.notices[0]


@pytest.mark.parametrize(
    "name", ["a", "rock_n", "Rock_Normal", "rock-nrm", "RockNormalGL", "rock_norm_2k", "rock_bump"]
)
def test_normal_maps_are_recognised(name: str) -> None:
    assert recognised(Picture(color=normal_map()), f"{name}.png").role == "normals"
    flat = np.full((16, 16, 3), (128, 128, 255), np.uint8)
    assert recognised(Picture(color=flat), f"{name}.png").role == ("colour" if name == "a" else "normals")


@pytest.mark.parametrize("name", ["sky.png", "rock_n.png", "rock_normal.png"])
def test_colours_are_no_normal_maps(name: str) -> None:
    sky = np.full((32, 32, 3), (90, 140, 230), np.uint8) + noise(32, 32, 3) // 16
    for color in (noise(32, 32, 3), sky, np.full((32, 32, 3), 255, np.uint8), noise(32, 32)):
        assert recognised(Picture(color=color), name).role == "colour"


def test_off_and_on() -> None:
    assert recognised(Picture(color=normal_map()), "a_n.png", Treatment(normal_map="off")).role == "colour"
    assert recognised(Picture(color=noise(8, 8, 3)), "a.png", Treatment(normal_map="on")).role == "normals"
    assert recognised(Picture(color=noise(8, 8)), "a.png", Treatment(normal_map="on")).role == "data"


@pytest.mark.parametrize(
    ("name", "color", "role"),
    [
        ("rock_height.png", noise(16, 16), "data"),
        ("Rock_Roughness_2K.png", noise(16, 16), "data"),
        ("rock_spec.png", noise(16, 16, 3), "data"),
        ("rock_mask.png", noise(16, 16, 3), "colour"),
        ("rock_mask.png", np.dstack([noise(16, 16)] * 3), "data"),
        ("rock.png", noise(16, 16), "colour"),
        ("inspect.png", noise(16, 16), "colour"),
    ],
)
def test_maps_of_data_are_known_by_their_names(name: str, color: Any, role: str) -> None:
    assert recognised(Picture(color=color), name).role == role
    assert recognised(Picture(color=color), name, Treatment(normal_map="off")).role == "colour"


def test_a_sprite_is_a_sprite_whatever_its_name() -> None:
    color, alpha = noise(16, 16), np.full((16, 16), 255, np.uint8)
    alpha[:4], color[:4] = 0, 0
    assert recognised(Picture(color=color, alpha=alpha), "iron_mask.png").role == "colour"
    color[:4] = noise(4, 16)
    assert recognised(Picture(color=color, alpha=alpha), "iron_mask.png").role == "data"


def test_data_is_enlarged_by_channels_and_grey_stays_grey() -> None:
    model = Uncoupled(2)
    grey = np.dstack([noise(16, 16)] * 3)
    result = translate_picture(Picture(color=grey, role="data"), Chain((model,))).color
    assert [seen.ndim for seen in model.seen] == [2]
    assert (result == result[..., :1]).all()
    model.seen.clear()
    translate_picture(Picture(color=noise(16, 16, 3), role="data"), Chain((model,)))
    assert [seen.ndim for seen in model.seen] == [2, 2, 2]


def test_a_translation_leaves_data_alone_and_says_so() -> None:
    painter = Chain((Uncoupled(1, "translation"),))
    for picture in (Picture(color=normal_map(), role="normals"), Picture(color=noise(8, 8), role="data")):
        result = translate_picture(picture, painter)
        np.testing.assert_array_equal(result.color, picture.color)
        assert "no colours to repaint: enlarge left it" in result.notices[0]
    with pytest.raises(ConfigError, match="repaints colours"):
        Treatment(normal_map="on").check(painter)
    Treatment(normal_map="on").check(enlarging(2))


def test_a_later_translation_is_left_out() -> None:
    chain = Chain((Enlarge(2), Uncoupled(1, "translation")))
    result = translate_picture(Picture(color=normal_map(), role="normals"), chain)
    np.testing.assert_allclose(result.color, normal_map().repeat(2, 0).repeat(2, 1), atol=1)
    assert result.notices


def test_only_alike_pictures_share_a_batch() -> None:
    one = Picture(color=noise(8, 8, 3))
    assert alike(one, one.replace(color=noise(8, 8, 3)))
    for change in ({"role": "normals"}, {"wraps": (True, False)}, {"alpha_path": "drop"}, {"alpha": noise(8, 8)}):
        assert not alike(one, one.replace(**change))
