"""Translators in a row: order, sizes, strength, the size at which translations are painted."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import Enlarge, noise

from models.errors import ConfigError
from models.manifest import Manifest
from translate.inference.chain import Chain, resized
from translate.inference.light import mix


class Negative(Enlarge):
    """A translation trained at 64 pixels."""

    device = "another"
    why = "It is there."

    def __init__(self, work_size: int | None = 64) -> None:
        super().__init__(1, "translation")
        self.manifest = Manifest(
            name="negative", task="translation", source="a", target="b", generator="none", work_size=work_size
        )

    def translated(self, picture: Any) -> Any:
        return 255 - super().translated(picture)


def photograph(height: int, width: int) -> Any:
    return cv2.GaussianBlur(noise(height, width, 3), (0, 0), 5)


def test_each_works_on_what_the_one_before_it_made() -> None:
    negative, enlarge = Negative(), Enlarge(4)
    chain = Chain((negative, enlarge))
    picture = photograph(20, 30)
    np.testing.assert_array_equal(chain(picture), (255 - picture).repeat(4, 0).repeat(4, 1))
    assert (chain.name, chain.device, chain.why) == ("negative + enlarge", "another, test", "negative: It is there.")
    assert chain.size_after(30, 20) == (120, 80)
    assert [seen.shape for seen in negative.seen + enlarge.seen] == [(20, 30, 3)] * 2
    assert chain.paints_colour
    assert not Chain((enlarge,)).paints_colour


def test_alpha_is_only_enlarged() -> None:
    negative, enlarge = Negative(), Enlarge(2)
    alpha = noise(20, 30)
    large = Chain((negative, enlarge, enlarge), scale=3).enlarge([alpha])[0]
    assert large.shape == (60, 90)
    assert not negative.seen
    assert len(enlarge.seen) == 2
    assert abs(float(large.mean()) - float(alpha.mean())) < 1


@pytest.mark.parametrize(
    ("size", "seen"), [("auto", (32, 64, 3)), ("full", (128, 256, 3)), (100, (50, 100, 3)), (999, (128, 256, 3))]
)
def test_translations_are_painted_at_their_work_size_and_come_back_at_the_pictures(size: Any, seen: Any) -> None:
    negative = Negative()
    picture = photograph(128, 256)
    result = Chain((negative,), size=size)(picture)
    assert [part.shape for part in negative.seen] == [seen]
    assert result.shape == picture.shape
    # a negative is a linear map of the picture, so its detail comes back nearly whole
    assert np.abs(result.astype(int) - (255 - picture)).mean() < 2


def test_enlarging_ignores_the_work_size() -> None:
    enlarge = Enlarge(2)
    Chain((Negative(), enlarge), size=64)(photograph(128, 256))
    assert enlarge.seen[0].shape == (128, 256, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_strength_mixes_light(dtype: Any) -> None:
    white = np.asarray(1 if dtype == np.float32 else np.iinfo(dtype).max, dtype)
    black, bright = np.zeros((3, 4, 3), dtype), np.full((3, 4, 3), white)
    half = mix(black, bright, 0.5)
    assert half.dtype == dtype
    # half of the light of white: IEC 61966-2-1 gives 0.7354
    np.testing.assert_allclose(half / float(white), 0.7354, atol=0.002)
    np.testing.assert_array_equal(mix(black, bright, 0), black)
    np.testing.assert_allclose(mix(black, bright, 1), bright, rtol=1e-6)


@given(st.integers(0, 65535), st.floats(0, 1))
def test_mixing_equals_changes_nothing(value: int, strength: float) -> None:
    picture = np.full((2, 2), value, np.uint16)
    np.testing.assert_array_equal(mix(picture, picture, strength), picture)


def test_strength_goes_from_the_picture_to_the_result() -> None:
    picture = photograph(40, 50)
    ends = [Chain((Negative(),), strength=strength)(picture).astype(int) for strength in (0, 0.3, 1)]
    np.testing.assert_array_equal(ends[0], picture)
    np.testing.assert_array_equal(ends[2], 255 - picture)
    low, high = np.minimum(ends[0], ends[2]), np.maximum(ends[0], ends[2])
    assert ((ends[1] >= low) & (ends[1] <= high)).all()
    enlarged = Chain((Enlarge(4),), strength=0)(picture)
    np.testing.assert_array_equal(enlarged, resized(picture, 200, 160))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 4))
def test_scale_gives_that_size(height: int, width: int, scale: float) -> None:
    picture = np.full((height, width, 3), 90, np.uint8)
    chain = Chain((Enlarge(4),), scale=scale)
    result = chain(picture)
    assert result.shape[1::-1] == chain.size_after(width, height)
    assert (result == 90).all()


def test_scale_shrinks_by_areas() -> None:
    picture = photograph(16, 24)
    np.testing.assert_array_equal(Chain((Enlarge(4),), scale=1)(picture), picture)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"strength": 1.5}, "--strength 1.5"),
        ({"strength": float("nan")}, "--strength"),
        ({"scale": 8}, "4 times as large; --scale 8"),
        ({"scale": 0}, "--scale 0"),
        ({"size": "full"}, "--size is for models that translate"),
        ({"steps": ()}, "name one with -m"),
    ],
)
def test_what_no_chain_can_do_is_refused(options: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Chain(**({"steps": (Enlarge(4),)} | options))
    with pytest.raises(ConfigError, match="--size 3 is too small"):
        Chain((Negative(),), size=3)


def test_says_what_is_done() -> None:
    chain = Chain((Negative(), Enlarge(4)), scale=2, strength=0.5)
    assert chain.how(256, 128) == (
        "negative: painted at 64 x 32, detail of the original carried over, in one piece; enlarge: in one piece; "
        "shrunk to 2 times the size; mixed 50% to the original"
    )
    assert Chain((Enlarge(4),)).how(256, 128) == "in one piece"
