import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import make_model
from PIL import Image

from models.errors import BadModelFile, BadPicture, ConfigError, DeviceError, TooLarge
from translate import Translator
from translate.inference import translator as module
from translate.limits import MIN_TILE

DEVICES = ["cpu", "openvino"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def opened(folder: Path, device: str = "cpu", *, tile: int = 512, max_pixels: int = 10**8, **model: object):
    path = folder / ("-".join(f"{k}{v}" for k, v in sorted(model.items())) + ".onnx")
    if not path.exists():
        make_model(path, **model)
    translator = Translator.open(path, device, precision="fp32", max_pixels=max_pixels)
    return dataclasses.replace(translator, tile=tile)  # also below the smallest that `open` takes: more seams


@pytest.mark.parametrize("side", [1, 2, 9])
def test_the_border_is_no_frame(folder: Path, side: int):
    """The model's convolutions see zeros beyond the picture; mirrored surroundings keep a flat one flat."""
    translator = opened(folder, scale=4, radius=3)
    result = translator(np.full((side, side + 2, 3), 90, np.uint8))
    phases = result.reshape(side, 4, side + 2, 4, 3)
    assert (phases == phases[:1, :, :1]).all()


def noise(*shape: int, kind: str = "uint8", seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape)
    return {
        "uint8": lambda: (values * 256).astype(np.uint8),
        "uint16": lambda: (values * 65536).astype(np.uint16),
        "float32": lambda: values.astype(np.float32),
    }[kind]()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_every_value_survives_the_way_through_the_network(folder: Path, device: str, kind: str):
    """Truncation, or a round trip through 8 bits, changes some of these."""
    translate = opened(folder, device, paint="identity", scale=1)
    steps = {"uint8": np.arange(256), "uint16": np.arange(65536), "float32": np.linspace(0, 1, 4096)}[kind]
    picture = np.repeat(steps.astype(kind).reshape(-1, 64)[:, :, None], 3, axis=2)
    result = translate(picture)
    assert result.dtype == picture.dtype
    if kind == "float32":
        np.testing.assert_allclose(result, picture, atol=1e-6)
    else:
        np.testing.assert_array_equal(result, picture)


def test_results_are_rounded_not_truncated(folder: Path):
    """x + noise through the network lands between the 8-bit values; the nearest one is kept."""
    translate = opened(folder, radius=1, scale=1)
    picture = noise(20, 20, 3)
    exact = translate(picture.astype(np.float32) / 255)
    np.testing.assert_array_equal(translate(picture), np.rint(exact * 255).astype(np.uint8))


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 70), width=st.integers(1, 70), device=st.sampled_from(DEVICES))
def test_any_size_is_padded_and_cropped_back(folder: Path, height: int, width: int, device: str):
    """The size rule (multiples of 16, at least 48) is nobody's business outside."""
    picture = noise(height, width, 3)
    translate = opened(folder, device, paint="invert", scale=1, multiple=16, minimum=48)
    np.testing.assert_array_equal(translate(picture), 255 - picture)


def test_padding_reflects(folder: Path, monkeypatch: pytest.MonkeyPatch):
    translate = opened(folder, paint="identity", scale=1, multiple=16)
    seen = []
    monkeypatch.setattr(translate.backend, "run", lambda batch: seen.append(batch) or batch)
    picture = noise(5, 20, 3, kind="float32")
    translate(picture)
    batch = seen[0][0].transpose(1, 2, 0)
    assert batch.shape == (16, 32, 3)
    rows = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1]
    np.testing.assert_array_equal(batch[:, :20], picture[rows])
    np.testing.assert_array_equal(batch[:, 20:], batch[:, 18:6:-1])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_scale(folder: Path, device: str, scale: int):
    picture = noise(7, 9, 3)
    expected = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(opened(folder, device, paint="identity", scale=scale)(picture), expected)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    tile=st.integers(1, 48),
    radius=st.integers(1, 5),
    multiple=st.sampled_from([1, 4]),
    scale=st.sampled_from([1, 2]),
    normalization=st.sampled_from(["none", "fixed"]),
    device=st.sampled_from(DEVICES),
)
def test_tiles_equal_the_whole(folder: Path, height: int, width: int, tile: int, device: str, **model: object):
    """Reach, real borders and phase of the cells: get one wrong and pixels differ."""
    picture = noise(height, width, 3, kind="float32")
    whole = opened(folder, device, **model)(picture)
    tiled = opened(folder, device, tile=tile, **model)(picture)
    np.testing.assert_allclose(tiled, whole, atol=2e-5)


def test_tiles_with_too_little_context_would_differ(folder: Path):
    """The test above can fail: a network that reaches one pixel further than declared shows seams."""
    picture = noise(100, 100, 3, kind="float32")
    liar = make_model(folder / "liar.onnx", scale=1, radius=4, name="liar")
    data = liar.read_bytes()
    assert data.count(b'"radius": 4') == 1
    liar.write_bytes(data.replace(b'"radius": 4', b'"radius": 3'))
    whole = Translator.open(liar, "cpu")(picture)
    tiled = Translator.open(liar, "cpu", tile=32)(picture)
    assert np.abs(whole - tiled).max() > 1e-3


def windows_of(translate: Translator, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list:
    shapes = []
    run = translate.backend.run
    monkeypatch.setattr(translate.backend, "run", lambda batch: shapes.append(batch.shape) or run(batch))
    translate(picture)
    return shapes


def test_tiles_are_bounded_and_of_one_shape(folder: Path, monkeypatch: pytest.MonkeyPatch):
    shapes = windows_of(opened(folder, tile=32, radius=2, scale=1), noise(90, 200, 3), monkeypatch)
    assert len(shapes) > 10
    assert len(set(shapes)) == 1
    assert max(shapes[0][2:]) <= 32 + 2 * 2


def test_tiles_are_never_below_the_minimum(folder: Path, monkeypatch: pytest.MonkeyPatch):
    translate = opened(folder, tile=8, radius=1, scale=1, minimum=40)
    assert min(min(shape[2:]) for shape in windows_of(translate, noise(100, 81, 3), monkeypatch)) >= 40


def test_statistics_of_the_picture_forbid_tiles(folder: Path, monkeypatch: pytest.MonkeyPatch):
    translate = opened(folder, tile=32, radius=2, scale=1, normalization="picture")
    assert windows_of(translate, noise(90, 200, 3), monkeypatch) == [(1, 3, 90, 200)]


def test_padding_beyond_the_result_is_not_computed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A 10-pixel picture for a network of at least 200 costs one tile row, not the whole padding."""
    translate = opened(folder, tile=16, radius=1, scale=1, minimum=50, multiple=10)
    assert len(windows_of(translate, noise(10, 400, 3), monkeypatch)) == len(
        windows_of(translate, noise(50, 400, 3), monkeypatch)
    )


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_grey_stays_grey(folder: Path, kind: str):
    translate = opened(folder, radius=2, scale=2)
    grey = noise(11, 13, kind=kind)
    colour = translate(
        np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32) / {"uint8": 255, "uint16": 65535}.get(kind, 1)
    )
    expected = colour.mean(axis=2) * {"uint8": 255, "uint16": 65535}.get(kind, 1)
    result = translate(grey)
    assert result.shape == (22, 26)
    assert result.dtype == grey.dtype
    assert np.abs(result - expected).max() <= (1e-6 if kind == "float32" else 0.502)
    np.testing.assert_array_equal(translate(grey[:, :, None]), result[:, :, None])


def test_networks_of_one_channel(folder: Path):
    translate = opened(folder, paint="invert", scale=1, channels=1)
    grey = noise(11, 13)
    np.testing.assert_array_equal(translate(grey), 255 - grey)
    with pytest.raises(BadPicture, match=r"\[H, W, 1\]"):
        translate(noise(11, 13, 3))


@pytest.mark.parametrize(("mode", "shape"), [("RGB", (9, 7, 3)), ("L", (9, 7))])
def test_pil_images_come_back_as_pil_images(folder: Path, mode: str, shape: tuple[int, ...]):
    picture = noise(*shape)
    result = opened(folder, paint="invert", scale=1)(Image.fromarray(picture))
    assert result.mode == mode
    np.testing.assert_array_equal(np.asarray(result), 255 - picture)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "I;16", "CMYK", "1", "F"])
def test_pil_images_that_would_lose_something_are_refused(folder: Path, mode: str):
    with pytest.raises(BadPicture, match=f"mode {mode}.*RGB or L"):
        opened(folder, paint="invert", scale=1)(Image.new(mode, (4, 4)))


@pytest.mark.parametrize(
    ("picture", "complaint"),
    [
        (np.zeros((4, 4, 3)), "not float64"),
        (np.zeros((4, 4, 3), np.int32), "not int32"),
        (np.zeros((4, 4, 4), np.uint8), r"not \[4, 4, 4\]"),
        (np.zeros((4, 4, 3, 1), np.uint8), r"not \[4, 4, 3, 1\]"),
        (np.zeros(4, np.uint8), r"not \[4\]"),
        (np.zeros((0, 4, 3), np.uint8), "4 x 0 pixels"),
        ("photo.png", "not a str"),
    ],
)
def test_other_things_are_refused(folder: Path, picture: object, complaint: str):
    with pytest.raises(BadPicture, match=complaint):
        opened(folder, paint="invert", scale=1)(picture)


def test_pixel_limits(folder: Path):
    within = opened(folder, paint="identity", scale=2, max_pixels=400)
    assert within(noise(10, 10, 3)).shape == (20, 20, 3)
    with pytest.raises(TooLarge, match=r"enlargement.*20 x 22 = 440.*limit of 400.*--max-pixels"):
        within(noise(11, 10, 3))
    with pytest.raises(TooLarge, match=r"a picture of 30 x 20.*--max-pixels"):
        within(Image.new("RGB", (30, 20)))


@pytest.mark.parametrize("device", DEVICES)
def test_threads_do_not_mix_results(folder: Path, device: str):
    translate = opened(folder, device, tile=24, radius=2, scale=2)
    pictures = [noise(20 + 7 * n, 60 - 5 * n, 3, seed=n) for n in range(8)]
    expected = [translate(picture) for picture in pictures]
    together = threading.Barrier(8)

    def work(n: int) -> bool:
        together.wait()
        return all(np.array_equal(translate(pictures[n]), expected[n]) for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_call_leaves_the_picture_as_it_was(folder: Path):
    picture = noise(30, 30, 3, kind="float32")
    before = picture.copy()
    opened(folder, "openvino", radius=1, scale=1)(picture)
    np.testing.assert_array_equal(picture, before)


def test_views_and_foreign_memory_layouts(folder: Path):
    translate = opened(folder, paint="invert", scale=1)
    picture = noise(40, 30, 3)
    np.testing.assert_array_equal(translate(picture[::-2, ::3, ::-1]), 255 - picture[::-2, ::3, ::-1])
    np.testing.assert_array_equal(translate(np.asfortranarray(picture)), 255 - picture)


def test_a_result_of_another_size_than_promised(folder: Path):
    path = make_model(folder / "wrong.onnx", scale=2)
    path.write_bytes(path.read_bytes().replace(b'"scale": 2', b'"scale": 3'))
    with pytest.raises(BadModelFile, match="Manifest promises"):
        Translator.open(path, "cpu")(noise(4, 4, 3))


def test_values_that_are_no_numbers_are_not_painted(folder: Path, monkeypatch: pytest.MonkeyPatch):
    translate = opened(folder, paint="identity", scale=1)
    monkeypatch.setattr(translate.backend, "run", lambda batch: batch * np.float32("nan"))
    with pytest.raises(DeviceError, match=r"not numbers.*--precision fp32"):
        translate(noise(4, 4, 3))


@pytest.mark.parametrize("device", DEVICES)
def test_values_beyond_black_and_white_do_not_wrap_around(folder: Path, device: str, monkeypatch: pytest.MonkeyPatch):
    """A file with our Manifest may lack the final clamp: 1.02 must not become 260 = 4."""
    translate = opened(folder, device, paint="identity", scale=1)
    run = translate.backend.run
    monkeypatch.setattr(translate.backend, "run", lambda batch: run(batch) * np.float32(1.1) - np.float32(0.05))
    for kind, white in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        picture = np.array([[0, white // 2, white]], kind)
        result = translate(picture)
        assert (result[0, 0], result[0, 2]) == (0, white)


@pytest.mark.parametrize("settings", [{"tile": MIN_TILE - 1}, {"max_pixels": 0}])
def test_settings_are_checked(folder: Path, settings: dict[str, int]):
    path = make_model(folder / "settings.onnx")
    with pytest.raises(ConfigError, match=f"at least {MIN_TILE}.* at least 1"):
        Translator.open(path, "cpu", **settings)
    Translator.open(path, "cpu", tile=MIN_TILE, max_pixels=1)
    assert module.Translator is Translator
