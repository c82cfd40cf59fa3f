"""Pieces of a picture that share its statistics give what one piece gives."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_models import make_model
from PIL import Image

from export.onnx import to_onnx
from models.errors import TooLarge
from models.layers import per_picture
from models.manifest import DECLARED, Manifest
from models.zoo import GENERATORS, build_generator
from translate import Translator
from translate.inference import ways
from translate.inference.moments import Grid, PatchPool, ShrunkPool, Statistics

MEBI = 2**20
NETWORKS: dict[str, dict[str, Any]] = {
    "resnet_6blocks": {"width": 8, "blocks": 2},
    "resnet_9blocks": {"width": 4, "blocks": 3},
    "resnet_6blocks_resize": {"width": 8, "blocks": 2},
    "resnet_6blocks_masked": {"width": 8, "blocks": 2},
    "unet_128": {"width": 4},
    "unet_256": {"width": 4},
}
PHOTOGRAPH = Path(__file__).parents[2] / "export" / "photograph.jpg"


def photograph(width: int, height: int) -> Any:
    return np.asarray(Image.open(PHOTOGRAPH).convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def psnr(one: Any, other: Any) -> float:
    error = np.mean((one.astype(float) - other) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Translator]:
    folder, known = tmp_path_factory.mktemp("picture"), dict[Any, Translator]()

    def open_network(name: str, device: str = "cpu", contrast: float = 30.0) -> Translator:
        if (name, device, contrast) not in known:
            torch.manual_seed(0)
            network = build_generator(name, **NETWORKS[name])
            network = per_picture(network) if network.normalization == "fixed" else network
            last = [
                layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
            ]
            last[-1].weight.data.mul_(contrast)  # fresh weights paint nearly grey, where nothing shows
            manifest = Manifest(
                name=name, task="translation", source="a", target="b", generator=name,
                **{key: getattr(network, key) for key in DECLARED},
            )  # fmt: skip
            path = folder / f"{name}-{contrast}.onnx"
            path.write_bytes(to_onnx(network, manifest).SerializeToString())
            known[name, device, contrast] = Translator.open(path, device, precision="fp32", memory=1000 * MEBI)
        return known[name, device, contrast]

    return open_network


def within(translator: Translator, mebibytes: int, statistics: Any = "auto") -> Translator:
    """Also less memory than `open` takes: more pieces."""
    return dataclasses.replace(translator, memory=mebibytes * MEBI, statistics=statistics)


def test_all_networks_that_normalize_by_the_picture_are_here() -> None:
    with torch.device("meta"):
        kinds = {name: build().normalization for name, build in GENERATORS.items()}
    assert {name for name, kind in kinds.items() if kind == "picture"} <= set(NETWORKS)


@pytest.mark.parametrize(
    ("name", "device"),
    [*((name, "cpu") for name in NETWORKS), ("resnet_6blocks", "openvino"), ("unet_128", "openvino")],
)
def test_pieces_give_the_whole(opened: Callable[..., Translator], name: str, device: str) -> None:
    translator = opened(name, device)
    picture = photograph(301, 203)
    whole = translator(picture)
    assert whole.std() > 60
    told = set()
    for memory in (3, 4):
        pieces = within(translator, memory, "exact")
        told.add(pieces.how(203, 301))
        result = pieces(picture)
        assert psnr(result, whole) > 70
        assert np.abs(result.astype(int) - whole).max() <= 1
    assert len(told) == 2
    assert all("pieces that share the whole picture's statistics" in way for way in told)


def test_files_and_memory_hold_the_same(opened: Callable[..., Translator]) -> None:
    translator = opened("resnet_6blocks_resize")
    picture = photograph(301, 203)
    files, memory = within(translator, 2, "exact"), within(translator, 3, "exact")
    assert "temporary files" in files.how(203, 301)
    assert "temporary files" not in memory.how(203, 301)
    assert np.abs(files(picture).astype(int) - memory(picture)).max() <= 1


@settings(deadline=None, max_examples=25)
@given(height=st.integers(1, 300), width=st.integers(1, 300), memory=st.integers(3, 8))
def test_any_size(opened: Callable[..., Translator], height: int, width: int, memory: int) -> None:
    translator = opened("resnet_6blocks")
    picture = photograph(width, height)
    whole = translator(picture)
    result = within(translator, memory)(picture)
    assert result.shape == picture.shape
    # the smallest pictures are normalized over a handful of values, where float32 itself is not exact
    assert psnr(result, whole) > (60 if min(height, width) >= 32 else 40)


def test_without_pooled_statistics_it_would_differ(
    opened: Callable[..., Translator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: the mean variance of the windows leaves out what lies between them."""

    def averaged(self: Statistics, values: Any) -> None:
        self.count += 1
        self.mean += (values.mean(axis=(1, 2)) - self.mean) / self.count
        self.last = getattr(self, "last", 0) + values.var(axis=(1, 2))
        self.squares = self.last

    monkeypatch.setattr(Statistics, "add", averaged)
    translator = opened("resnet_6blocks")
    picture = photograph(301, 203)
    assert psnr(within(translator, 4, "exact")(picture), translator(picture)) < 50


@pytest.mark.parametrize("name", ["resnet_6blocks", "resnet_6blocks_resize", "resnet_9blocks"])
def test_a_sample_stands_for_the_whole(
    opened: Callable[..., Translator], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the picture's pixels; whatever the tiles, since all have the same statistics."""
    monkeypatch.setattr(ways, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(ways, "SAMPLE_PIXELS", 801 * 533 // 2)
    translator = opened(name, contrast=1.0)
    picture = photograph(801, 533)
    whole = translator(picture)
    sampled = within(translator, 400, "thumbnail")
    assert re.fullmatch(r"in \d+ tiles of 512 with the statistics of a sample", sampled.how(533, 801))
    result = sampled(picture)
    assert whole.std() > 10
    assert psnr(result, whole) >= 30
    smaller = dataclasses.replace(sampled, tile=200)(picture)
    assert np.abs(smaller.astype(int) - result).max() <= 1


def test_a_shrunk_picture_alone_would_not_do(
    opened: Callable[..., Translator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the patches are for."""
    monkeypatch.setattr(ways, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(ways, "SAMPLE_PIXELS", 801 * 533 // 2)
    monkeypatch.setattr(PatchPool, "moments", lambda self, name: self.shrunk.moments(name))
    translator = opened("resnet_6blocks", contrast=1.0)
    picture = photograph(801, 533)
    assert psnr(within(translator, 400, "thumbnail")(picture), translator(picture)) < 28


def test_statistics_of_patches_correct_those_of_a_shrunk_picture() -> None:
    """Noise on a ramp: shrinking removes the noise, patches at one end see little of the ramp."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 8, 1024)[None, None].repeat(64, axis=1)
    full = (ramp + random.normal(0, 1, (1, 64, 1024))).astype(np.float32)
    small = full.reshape(1, 16, 4, 256, 4).mean(axis=(2, 4))
    grids = Grid((0,), 64, 4), Grid((64, 320), 64, 4)
    unit = Fraction(1), Fraction(1)
    shrunk = ShrunkPool(grids, (0.25, 0.25))
    shrunk.add("x", small[:, :, :100].copy(), (0, 0), unit)
    shrunk.add("x", small[:, :, 100:].copy(), (0, 100), unit)
    inside = np.r_[68:124, 324:380]
    np.testing.assert_allclose(shrunk.inside["x"].mean, small[0][1:15][:, inside[::4] // 4].mean(), rtol=1e-6)
    pool = PatchPool(shrunk)
    pool.add("x", np.concatenate([full[:, :, 64:128], full[:, :, 320:384]], axis=2), (0, 0), unit)
    np.testing.assert_allclose(pool.all["x"].mean, full[0][4:60][:, inside].mean(), rtol=1e-6)
    mean, _ = pool.moments("x")
    np.testing.assert_allclose(mean, full.mean(), rtol=0.01)


def test_a_normalized_picture(tmp_path: Path) -> None:
    """Nothing lies before the first normalization."""
    path = make_model(tmp_path / "model.onnx", scale=1, radius=2, normalization="picture")
    model = onnx.load(path)
    for node in model.graph.node:
        node.input[:] = ["normalized" if name == "image" else name for name in node.input]
    for name in ("ones", "zeros"):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [3], [float(name == "ones")] * 3))
    model.graph.node.insert(0, helper.make_node("InstanceNormalization", ["image", "ones", "zeros"], ["normalized"]))
    onnx.save(model, path)
    translator = Translator.open(path, "cpu", memory=1000 * MEBI)
    picture = photograph(301, 203)
    pieces = within(translator, 2, "exact")
    assert "pieces" in pieces.how(203, 301)
    assert psnr(pieces(picture), translator(picture)) > 70


def test_statistics_are_pooled_exactly() -> None:
    random = np.random.default_rng(0)
    values = (random.normal(3, 2, (4, 50, 70)) * np.array([1, 1e-3, 100, 0])[:, None, None]).astype(np.float32)
    pooled = Statistics(4)
    for top, bottom in ((0, 3), (3, 30), (30, 50)):
        for left, right in ((0, 61), (61, 70)):
            pooled.add(np.ascontiguousarray(values[:, top:bottom, left:right]))
    exact = values.astype(np.float64)
    assert pooled.count == 50 * 70
    np.testing.assert_allclose(pooled.mean, exact.mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(pooled.variance, exact.var(axis=(1, 2)), rtol=1e-9)


@pytest.mark.parametrize("value", [0, 90, 255])
@pytest.mark.parametrize("name", ["resnet_6blocks", "unet_128"])
def test_flat_pictures_are_defined(opened: Callable[..., Translator], name: str, value: int) -> None:
    """Finite, twice the same, and not a picture of the rounding."""
    pieces = within(opened(name), 4, "exact")
    flat = np.full((203, 301, 3), value, np.uint8)
    one, other = pieces(flat), pieces(flat)
    np.testing.assert_array_equal(one, other)
    nearly = flat.copy()
    nearly[100, 150] ^= 1
    assert np.isfinite(pieces(nearly.astype(np.float32) / 255)).all()


def test_what_is_not_local_runs_whole_or_not_at_all(tmp_path: Path) -> None:
    path = make_model(tmp_path / "model.onnx", scale=1, radius=2, normalization="picture")
    model = onnx.load(path)
    # the mean of all of the picture is added to each pixel
    model.graph.node[-1].output[0] = "before"
    model.graph.node.append(helper.make_node("GlobalAveragePool", ["before"], ["mean"]))
    model.graph.node.append(helper.make_node("Add", ["before", "mean"], ["sum"]))
    model.graph.node.append(helper.make_node("Clip", ["sum", "low", "high"], ["result"]))
    for name, value in (("low", 0.0), ("high", 1.0)):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    onnx.save(model, path)
    translator = Translator.open(path, "cpu")
    assert translator.how(300, 300) == "in one piece"
    with pytest.raises(TooLarge, match=r"cannot be cut into pieces \(.*--memory"):
        within(translator, 1)(photograph(301, 203))


def test_too_little_memory_is_told(opened: Callable[..., Translator]) -> None:
    with pytest.raises(TooLarge, match=r"600 x 400 pixels through resnet_6blocks do not fit .* --memory"):
        within(opened("resnet_6blocks"), 1)(photograph(600, 400))


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_flat_pictures_are_the_same_on_every_runtime(opened: Callable[..., Translator], device: str) -> None:
    """In one piece, runtimes would paint their rounding, enlarged by each normalization."""
    flat = np.full((64, 80, 3), 90, np.uint8)
    result = opened("resnet_6blocks", device)(flat)
    inside = result[24:-24, 24:-24]
    assert (inside == inside[:1, :1]).all()
    np.testing.assert_allclose(result.astype(int), opened("resnet_6blocks", "cpu")(flat).astype(int), atol=1)
