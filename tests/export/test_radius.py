"""Networks whose layers reach further than a tile: how far they see in effect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from exporting import describe
from PIL import Image
from torch import Tensor, nn

from export import export_onnx
from export.radius import LIMIT, effective_radius
from models.layers import Generator
from models.manifest import Manifest
from models.zoo import build_generator
from translate import Translator


class Far(Generator):
    """Each pixel looks `radius` pixels to both sides, that much of it comes from there, the rest from itself."""

    def __init__(self, share: float, radius: int = 100) -> None:
        super().__init__()
        self.channels, self.scale, self.multiple, self.minimum = 3, 1, 1, 1
        self.radius, self.normalization = radius, "none"
        self.share = share
        self.look = nn.Conv2d(3, 3, 3, padding=radius, dilation=radius, groups=3, bias=False)
        self.look.weight.data[:] = 0
        self.look.weight.data[:, :, 1, [0, 2]] = 0.5

    def forward(self, image: Tensor) -> Tensor:
        return (1 - self.share) * image + self.share * self.look(image)


def described(network: Generator, name: str = "far") -> Manifest:
    return describe(network, name=name, generator=name)


def test_what_can_be_seen_counts_and_the_rest_is_stated() -> None:
    far, faint = Far(0.1), Far(5e-4)
    assert effective_radius(far, described(far)) == (100, 0.0)
    radius, error = effective_radius(faint, described(faint))
    assert radius == LIMIT
    assert 0 < error < 1 / 255
    near = Far(0.1, radius=LIMIT)
    assert effective_radius(near, described(near)) == (LIMIT, 0.0)


def test_a_deep_network_is_tiled_by_what_it_sees_in_effect(tmp_path: Path) -> None:
    torch.manual_seed(0)
    arguments = {"width": 8, "growth": 4, "blocks": 4}
    network = build_generator("rrdbnet_x2", **arguments).eval()
    manifest = describe(network, name="deep", generator="rrdbnet_x2", arguments=arguments, task="super-resolution")
    assert manifest.radius > 1.5 * LIMIT
    path = tmp_path / "model.onnx"
    export_onnx(network, manifest, path)

    translator = Translator.open(path, "cpu", tile=64)
    assert LIMIT <= translator.manifest.radius < manifest.radius
    assert 0 <= translator.manifest.radius_error < 1 / 255
    photograph = Path(__file__).parents[2] / "export" / "photograph.jpg"
    picture = np.asarray(Image.open(photograph).convert("RGB").resize((384, 256)))
    assert "tiles" in translator.how(256, 384)
    whole = Translator.open(path, "cpu", tile=512)(picture)
    assert np.abs(translator(picture).astype(int) - whole).max() <= 1
