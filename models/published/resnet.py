"""CycleGAN's and CUT's ResNet generators: junyanz, forks of them, mmagic and mmgeneration."""

from __future__ import annotations

import re

import torch

from models.errors import BadCheckpoint
from models.published.weights import (
    Published,
    Weights,
    build,
    count,
    norm_of,
    same_channels,
    translator,
    without_biases,
)

FAMILY = "a ResNet generator of CycleGAN or CUT (junyanz)"
MMAGIC = "a ResNet generator of mmagic or mmgeneration"


def junyanz(weights: Weights) -> list[Published]:
    """`model.1` conv 7 x 7, two halvings, blocks `model.10.conv_block.1` and `.5` (`.6` with dropout), two doublings.

    With CUT's anti-aliased sampling, a buffer `filt` stands behind each halving and before each doubling.
    """
    head = weights.get("model.1.weight")
    if head is None or head.ndim != 4 or head.shape[2:] != (7, 7):
        return []
    found = [m for key in weights if (m := re.fullmatch(r"model\.(\d+)\.([^.\d]\w*)\.(\d+)\.weight", key))]
    convs = [m for m in found if weights[m[0]].ndim == 4]
    inner, names = sorted({int(m[3]) for m in convs}), {m[2] for m in convs}
    if inner not in ([1, 5], [1, 6]) or len(names) != 1:
        raise BadCheckpoint(
            f"it looks like {FAMILY}, but its blocks have convolutions at {inner}: only blocks with reflected borders "
            "can be read (1 and 5, with dropout 1 and 6)."
        )
    name, second = names.pop(), inner[1]
    blocks = count(weights, rf"model\.(\d+)\.{name}\.")
    first = min(int(m[1]) for m in convs)
    smooth_first, smooth_last = "model.7.filt" in weights, f"model.{first + blocks}.filt" in weights
    last = first + blocks
    down = (4, 8) if smooth_first else (4, 7)
    up = (last + 1, last + 5) if smooth_last else (last, last + 3)
    end = last + 9 if smooth_last else last + 7

    layers: dict[str, str | float] = {"encode.0.1": "model.1", "encode.0.2": "model.2"}
    for stage, index in enumerate(down, start=1):
        place = 0
        layers |= {f"encode.{stage}.{place}": f"model.{index}", f"encode.{stage}.{place + 1}": f"model.{index + 1}"}
    for block in range(blocks):
        theirs = f"model.{first + block}.{name}"
        layers |= {f"transform.{block}.branch.1": f"{theirs}.1", f"transform.{block}.branch.2": f"{theirs}.2"}
        layers |= {
            f"transform.{block}.branch.5": f"{theirs}.{second}",
            f"transform.{block}.branch.6": f"{theirs}.{second + 1}",
        }
    for stage, index in enumerate(up):
        place = 1 if smooth_last else 0
        layers |= {f"decode.{stage}.{place}": f"model.{index}", f"decode.{stage}.{place + 1}": f"model.{index + 1}"}
    layers["decode.2.1"] = f"model.{end}"
    smooth = {(True, True): "both", (True, False): "down", (False, True): "up"}.get((smooth_first, smooth_last), "")
    return [_filled(FAMILY, _without_filters(weights), layers, blocks, smooth, "rgb")]


def mmagic(weights: Weights) -> list[Published]:
    """`model.0.conv` 7 x 7, `.1` and `.2` halve, blocks `.3.block.0.conv`, two doublings; trained on BGR."""
    head = weights.get("model.0.conv.weight")
    if head is None or head.ndim != 4 or head.shape[2:] != (7, 7):
        return []
    blocks = count(weights, r"model\.(\d+)\.block\.")
    seconds = {int(m[1]) for key in weights if (m := re.match(r"model\.3\.block\.(\d+)\.conv\.weight", key))} - {0}
    norm = next((name for name in ("bn", "in") if any(f".{name}." in key for key in weights)), "in")
    layers: dict[str, str | float] = {}

    def pair(ours: str, place: int, theirs: str) -> None:
        layers.update({f"{ours}.{place}": f"{theirs}.conv", f"{ours}.{place + 1}": f"{theirs}.{norm}"})

    pair("encode.0", 1, "model.0")
    pair("encode.1", 0, "model.1")
    pair("encode.2", 0, "model.2")
    for block in range(blocks):
        pair(f"transform.{block}.branch", 1, f"model.{block + 3}.block.0")
        pair(f"transform.{block}.branch", 5, f"model.{block + 3}.block.{max(seconds, default=1)}")
    pair("decode.0", 0, f"model.{blocks + 3}")
    pair("decode.1", 0, f"model.{blocks + 4}")
    layers["decode.2.1"] = f"model.{blocks + 5}.conv"
    return [_filled(MMAGIC, weights, layers, blocks, "", "bgr")]


def _filled(
    family: str, weights: Weights, layers: dict[str, str | float], blocks: int, smooth: str, order: str
) -> Published:
    head, tail = str(layers["encode.0.1"]), str(layers["decode.2.1"])
    if f"{tail}.weight" not in weights:
        raise BadCheckpoint(f"it looks like {family}, but {tail}.weight is missing: it is damaged or of a variant.")
    width = weights[f"{head}.weight"].shape[0]
    norm = norm_of(weights, head, str(layers["encode.0.2"]))
    if norm == "batch":
        normed = [ours for ours in layers if ours not in ("decode.2.1",)]
        weights = without_biases(
            weights, zip([str(layers[o]) for o in normed[::2]], [str(layers[o]) for o in normed[1::2]], strict=True)
        )
    built = build(
        "resnet_6blocks" if blocks == 6 else "resnet_9blocks",
        channels=same_channels(weights[f"{head}.weight"].shape[1], weights[f"{tail}.weight"].shape[0]),
        width=width,
        blocks=blocks,
        norm=norm,
        smooth=smooth,
    )
    return translator(family, built, weights, layers, norm, order)


def _without_filters(weights: Weights) -> Weights:
    """Without the buffers of the anti-aliased sampling, which must be the published ones.

    Raises:
        BadCheckpoint: they are others.
    """
    for key, value in weights.items():
        if not key.endswith(".filt"):
            continue
        line = {3: torch.tensor([1.0, 2.0, 1.0]) / 4, 4: torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4}.get(value.shape[-1])
        if line is None or not torch.allclose(value, torch.outer(line, line).expand_as(value), atol=1e-4):
            raise BadCheckpoint(f"it looks like {FAMILY}, but samples with a filter of its own ({key}).")
    return {key: value for key, value in weights.items() if not key.endswith(".filt")}
