"""Pix2Pix's U-Net generators: junyanz, mmagic and mmgeneration."""

from __future__ import annotations

import re

from models.errors import BadCheckpoint
from models.published.weights import Published, Weights, build, norm_of, same_channels, translator, without_biases

FAMILY = "a U-Net generator of Pix2Pix (junyanz)"
MMAGIC = "a U-Net generator of mmagic or mmgeneration"


def junyanz(weights: Weights) -> list[Published]:
    """`model.model.0` conv 4 x 4, then one block within another: 1 conv, 2 norm, 3 the next block, 5 conv, 6 norm."""
    head = weights.get("model.model.0.weight")
    if head is None or head.ndim != 4 or head.shape[2:] != (4, 4):
        return []
    depth = 1
    at = ["model.model"]
    while f"{at[-1]}.{1 if depth == 1 else 3}.model.1.weight" in weights:
        at.append(f"{at[-1]}.{1 if depth == 1 else 3}.model")
        depth += 1
    layers: dict[str, str | float] = {"down.0": f"{at[0]}.0", "to_image.1": f"{at[0]}.3"}
    for level in range(1, depth):
        deepest = level == depth - 1
        layers |= {f"down.{level}.1": f"{at[level]}.1", f"down.{level}.2": f"{at[level]}.2"}
        up = f"up.{depth - 1 - level}"
        layers |= {
            f"{up}.1": f"{at[level]}.{3 if deepest else 5}",
            f"{up}.2": f"{at[level]}.{4 if deepest else 6}",
        }
    return [_filled(FAMILY, weights, layers, depth, "rgb")]


def mmagic(weights: Weights) -> list[Published]:
    """`model.model.0.conv` 4 x 4, then one block within another: 0 conv and norm, 1 the next, 2 conv and norm; BGR."""
    head = weights.get("model.model.0.conv.weight")
    if head is None or head.ndim != 4 or head.shape[2:] != (4, 4):
        return []
    norm = next((name for name in ("bn", "in") if any(f".{name}." in key for key in weights)), "in")
    at = ["model.model"]
    while f"{at[-1]}.1.model.0.conv.weight" in weights:
        at.append(f"{at[-1]}.1.model")
    depth = len(at)
    layers: dict[str, str | float] = {"down.0": f"{at[0]}.0.conv", "to_image.1": f"{at[0]}.2.conv"}
    for level in range(1, depth):
        after = 1 if level == depth - 1 else 2
        layers |= {f"down.{level}.1": f"{at[level]}.0.conv", f"down.{level}.2": f"{at[level]}.0.{norm}"}
        up = f"up.{depth - 1 - level}"
        layers |= {f"{up}.1": f"{at[level]}.{after}.conv", f"{up}.2": f"{at[level]}.{after}.{norm}"}
    return [_filled(MMAGIC, weights, layers, depth, "bgr")]


def _filled(family: str, weights: Weights, layers: dict[str, str | float], depth: int, order: str) -> Published:
    head, tail = str(layers["down.0"]), str(layers["to_image.1"])
    if f"{tail}.weight" not in weights or depth < 2:
        raise BadCheckpoint(f"it looks like {family}, but {tail}.weight is missing: it is damaged or of a variant.")
    width = weights[f"{head}.weight"].shape[0]
    norm = norm_of(weights, str(layers["up.0.1"]), str(layers["up.0.2"]))
    if norm == "batch":
        ups = [ours.rpartition(".")[0] for ours in layers if re.fullmatch(r"(up\.\d+|down\.[1-9]\d*)\.1", ours)]
        weights = without_biases(weights, ((str(layers[f"{ours}.1"]), str(layers[f"{ours}.2"])) for ours in ups))
    if norm != "batch" and f"down.{depth - 1}.2" in layers:
        deepest = f"{layers[f'down.{depth - 1}.2']}."  # mmagic's has none; a fork's is not used
        weights = {key: value for key, value in weights.items() if not key.startswith(deepest)}
    built = build(
        {7: "unet_128"}.get(depth, "unet_256"),
        channels=same_channels(weights[f"{head}.weight"].shape[1], weights[f"{tail}.weight"].shape[1]),
        width=width,
        depth=depth,
        norm=norm,
        dropout=False,
    )
    return translator(family, built, weights, layers, norm, order)
