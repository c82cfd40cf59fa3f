"""Super-resolution without normalization: MSRResNet, RRDBNet (ESRGAN) and Real-ESRGAN's compact network."""

from __future__ import annotations

import re

from models.errors import BadCheckpoint
from models.published.weights import UNIT, Published, Weights, build, count, fill, same_channels

MSRRESNET = "an MSRResNet (BasicSR)"
MSRRESNET_MMAGIC = "an MSRResNet (mmagic)"
RRDB = "an RRDBNet (ESRGAN, Real-ESRGAN, BSRGAN)"
COMPACT = "a compact network (Real-ESRGAN)"

STEPS = {4: 2, 9: 3}
"""Planes for each channel before a shuffle -> enlargement."""
SCALES = {1: 1, 4: 2, 9: 3, 16: 4, 25: 5, 36: 6, 64: 8}


def msrresnet(weights: Weights) -> list[Published]:
    """conv_first, body.i.conv1/2 (trunk_net, recon_trunk), upconv1/2 (upsample1.upsample_conv), conv_hr, conv_last."""
    trunk = next((name for name in ("body", "recon_trunk", "trunk_net") if f"{name}.0.conv1.weight" in weights), "")
    if not trunk or not _is_conv(weights, "conv_first", 3):
        return []
    mmagic = trunk == "trunk_net"
    family = MSRRESNET_MMAGIC if mmagic else MSRRESNET
    ups = [f"upsample{n}.upsample_conv" if mmagic else f"upconv{n}" for n in (1, 2, 3)]
    ups = [up for up in ups if f"{up}.weight" in weights]
    last = "HRconv" if "HRconv.weight" in weights else "conv_hr"
    _require(weights, family, "conv_last", last)
    width, before = weights["conv_first.weight"].shape[:2]
    steps = [STEPS.get(weights[f"{up}.weight"].shape[0] // width, 0) for up in ups]
    scale = {(): 1, (2,): 2, (3,): 3, (2, 2): 4, (2, 2, 2): 8}.get(tuple(steps), 0)
    if scale < 2:
        raise BadCheckpoint(f"it looks like {family}, but enlarges in steps of {steps}, which no known one does.")
    blocks = count(weights, rf"{trunk}\.(\d+)\.")
    layers: dict[str, str | float] = {"head.0": "conv_first", "to_image.0": last, "to_image.2": "conv_last"}
    for block in range(blocks):
        layers |= {f"body.{block}.branch.{ours}": f"{trunk}.{block}.conv{n}" for n, ours in ((1, 0), (2, 2))}
    layers |= {f"up.{index}.0": up for index, up in enumerate(ups)}
    channels = same_channels(before, weights["conv_last.weight"].shape[0])
    return _filled(
        family, weights, layers, "msrresnet",
        channels=channels, width=width, blocks=blocks, scale=scale, activated=not mmagic,
    )  # fmt: skip


def rrdb(weights: Weights) -> list[Published]:
    """Three schemes of names: model.1.sub.i.RDBj.convk.0, RRDB_trunk.i.RDBj.convk, body.i.rdbj.convk."""
    schemes = (
        ("model.1.sub.{i}.RDB{j}.conv{k}.0", "model.0", "model.1.sub.{n}"),
        ("RRDB_trunk.{i}.RDB{j}.conv{k}", "conv_first", "trunk_conv"),
        ("body.{i}.rdb{j}.conv{k}", "conv_first", "conv_body"),
    )
    known = [s for s in schemes if f"{s[0].format(i=0, j=1, k=1)}.weight" in weights and _is_conv(weights, s[1], 3)]
    if not known:
        return []
    dense, head, after = known[0]
    start = re.escape(dense.partition("{")[0])
    blocks = len({m[1] for key in weights if (m := re.match(rf"{start}(\d+)\.(?:RDB|rdb)\d\.", key))})
    if head == "model.0":
        top = sorted({int(m[1]) for key in weights if (m := re.fullmatch(r"model\.(\d+)\.weight", key))})[1:]
        ups, (last, end) = [f"model.{n}" for n in top[:-2]], [f"model.{n}" for n in top[-2:]]
    else:
        ups = [f"{name}{n}" for n in (1, 2, 3) for name in ("upconv", "conv_up") if f"{name}{n}.weight" in weights]
        last, end = "HRconv" if "HRconv.weight" in weights else "conv_hr", "conv_last"
    after = after.format(n=blocks)
    _require(weights, RRDB, last, end, after)
    width, planes = weights[f"{head}.weight"].shape[:2]
    channels = weights[f"{end}.weight"].shape[0]
    enlarged, folded = 2 ** len(ups), {1: 1, 4: 2, 16: 4}.get(planes // channels, 0)
    if planes % channels or not folded or enlarged not in (1, 2, 4, 8) or (folded > 1 and enlarged != 4):
        raise BadCheckpoint(f"it looks like {RRDB}, but takes {planes} planes for {channels} channels.")
    layers: dict[str, str | float] = {
        "head": head, f"body.{blocks}": after, "to_image.0": last, "to_image.2": end,
    }  # fmt: skip
    for i in range(blocks):
        for j in (0, 1, 2):
            ours = f"body.{i}.branch.{j}"
            layers |= {f"{ours}.grow.{k}.0": dense.format(i=i, j=j + 1, k=k + 1) for k in range(4)}
            layers[f"{ours}.gather"] = dense.format(i=i, j=j + 1, k=5)
    layers |= {f"up.{index}.1": up for index, up in enumerate(ups)}
    growth = weights[f"{dense.format(i=0, j=1, k=1)}.weight"].shape[0]
    return _filled(
        RRDB, weights, layers, "rrdbnet", channels=channels, width=width, blocks=blocks, growth=growth,
        scale=enlarged // folded, unshuffle=folded > 1 or enlarged >= 4,
    )  # fmt: skip


def compact(weights: Weights) -> list[Published]:
    """`body.0` conv, `body.1` PReLU, ... and a last conv. Without weights at odd places, ReLU or LeakyReLU 0.1."""
    places = {int(m[1]) for key in weights if (m := re.fullmatch(r"body\.(\d+)\.weight", key))}
    if {key.rpartition(".")[0] for key in weights} != {f"body.{n}" for n in places} or not {0, 2} <= places:
        return []
    end = max(places)
    if end % 2 or not _is_conv(weights, "body.0", 3) or not _is_conv(weights, f"body.{end}", 3):
        return []
    width, channels = weights["body.0.weight"].shape[:2]
    planes = weights[f"body.{end}.weight"].shape[0]
    scale = SCALES.get(planes // channels, 0)
    if planes % channels or not scale:
        raise BadCheckpoint(f"it looks like {COMPACT}, but ends in {planes} planes for {channels} channels.")
    convs = end // 2 - 1
    learned = 1 in places
    found = []
    for slope in (0.0,) if learned else (0.0, 0.1):
        layers: dict[str, str | float] = {f"body.{n}": f"body.{n}" for n in range(0, end, 2)}
        layers |= {f"body.{n}": f"body.{n}" if learned else slope for n in range(1, end, 2)}
        layers["to_image.0"] = f"body.{end}"
        found += _filled(COMPACT, weights, layers, "compact", channels=channels, width=width, convs=convs, scale=scale)
    return found


def _filled(
    family: str, weights: Weights, layers: dict[str, str | float], base: str, **arguments: int
) -> list[Published]:
    name, left, network = build(base, **arguments)
    notes = fill(network, weights, layers, family)
    return [
        Published(
            family=family, generator=name, arguments=left, network=network,
            input_range=UNIT, output_range=UNIT, notes=tuple(notes),
        )
    ]  # fmt: skip


def _is_conv(weights: Weights, layer: str, kernel: int) -> bool:
    weight = weights.get(f"{layer}.weight")
    return weight is not None and weight.ndim == 4 and weight.shape[2:] == (kernel, kernel)


def _require(weights: Weights, family: str, *layers: str) -> None:
    for layer in layers:
        if f"{layer}.weight" not in weights:
            raise BadCheckpoint(
                f"it looks like {family}, but {layer}.weight is missing: it is damaged or of a variant."
            )
