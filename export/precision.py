"""How near to fp32 a model stays in lower precisions, measured on photographs and kept in its Manifest."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import INPUT, METADATA_KEY, Manifest

if TYPE_CHECKING:
    from torch import nn

Pictures = NDArray[np.float32]
"""[N, C, H, W] in [0, 1]."""
Network = Callable[[Pictures], Pictures]

PRECISIONS = ("fp16", "bf16")
EQUAL_DB = 99.0
"""What is written for results that are nearer than this, or equal: JSON has no infinity."""
SIDE, LEAST_SIDE = 160, 64
"""Pixels of the photographs' shorter side in the result, and at least in what goes in."""
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16"}


def measure_precisions(model: bytes, manifest: Manifest, generator: nn.Module | None = None) -> dict[str, float]:
    """PSNR in dB of a model's results in lower precisions against fp32: the worst of several photographs.

    OpenVINO measures what this machine's processor has instructions for. The rest is emulated: every layer and
    block of the generator rounds what it takes and gives, which is more often than runtimes do.

    Args:
        model: the ONNX file's bytes.
        generator: the network it was exported from, for what this machine lacks; None to leave that out.
    Returns:
        fp16, bf16 -> dB, at most EQUAL_DB; 0 where results are not finite.
    """
    pictures = photographs(manifest)
    measured = _compare(native_networks(model), pictures)
    if generator is not None:
        missing = [precision for precision in PRECISIONS if precision not in measured]
        emulated = {each: _pytorch(generator, manifest, each) for each in ("fp32", *missing)}
        measured |= _compare(emulated, pictures)
    return {precision: measured[precision] for precision in PRECISIONS if precision in measured}


def _compare(networks: dict[str, Network], pictures: list[Pictures]) -> dict[str, float]:
    if len(networks) < 2:
        return {}
    results = {name: [network(picture) for picture in pictures] for name, network in networks.items()}
    exact = results.pop("fp32")
    return {name: nearness(exact, given) for name, given in results.items()}


def with_facts(model: bytes, **facts: Any) -> bytes:
    """The same model file with other values of some fields in its Manifest; weights and graph stay as they are."""
    import onnx

    loaded = onnx.load_model_from_string(model)
    for entry in loaded.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = dataclasses.replace(Manifest.from_json(entry.value), **facts).to_json()
    result: bytes = loaded.SerializeToString(deterministic=True)
    return result


def photographs(manifest: Manifest) -> list[Pictures]:
    """The photograph as a whole, and two cuts of it as it was taken, of sizes the network takes."""
    from PIL import Image

    def allowed(side: int) -> int:
        return math.ceil(max(side, manifest.minimum) / manifest.multiple) * manifest.multiple

    with (files("export") / "photograph.jpg").open("rb") as file, Image.open(file) as opened:
        picture = opened.convert("RGB")
    side = max(SIDE // manifest.scale, LEAST_SIDE)
    height, width = allowed(side), allowed(side * 3 // 2)
    if picture.width < 2 * width or picture.height < height:  # a network with a large smallest size
        scale = max(2 * width / picture.width, height / picture.height)
        size = (math.ceil(picture.width * scale), math.ceil(picture.height * scale))
        cuts = picture.resize(size, Image.Resampling.BICUBIC)
    else:
        cuts = picture
    shown = [
        picture.resize((width, height), Image.Resampling.BICUBIC),
        cuts.crop((0, 0, width, height)),
        cuts.crop((cuts.width - width, cuts.height - height, cuts.width, cuts.height)),
    ]
    planes = [np.asarray(each, np.float32).transpose(2, 0, 1) / np.float32(255) for each in shown]
    return [np.ascontiguousarray(each[np.arange(manifest.channels) % 3][None]) for each in planes]


def nearness(expected: list[Pictures], results: list[Pictures]) -> float:
    """PSNR in dB, of values in [0, 1], of the worst of several pictures; 0 where values are not finite."""
    worst = EQUAL_DB
    for one, other in zip(expected, results, strict=True):
        error = float(np.mean((one.astype(np.float64) - other) ** 2))
        if not math.isfinite(error):
            return 0.0
        worst = min(worst, -10 * math.log10(max(error, 1e-30)))
    return round(max(worst, 0.0), 1)


@cache
def openvino_core() -> Any:
    """OpenVINO, loaded once and kept.

    Its processor plugin gives the thread that loads it a stack for signals, and frees it when the last model goes,
    even if a later one has set its own meanwhile: the next Ctrl-C then ends the process with a segmentation fault.
    """
    import openvino

    return openvino.Core()


def native_networks(model: bytes) -> dict[str, Network]:
    """The model in fp32, and in the lower precisions that this processor has instructions for.

    Returns:
        Nothing where OpenVINO does not take the model.
    """
    core = openvino_core()
    wanted = ["fp32"]
    # The listed capabilities include what is only emulated; the plugin's own default never is.
    if core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string() != "f32":
        listed = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        wanted += [precision for precision in PRECISIONS if precision.upper() in listed]
    try:
        return {precision: _openvino(core, model, precision) for precision in wanted}
    except RuntimeError:
        return {}


def _openvino(core: Any, model: bytes, precision: str) -> Network:
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": _HINTS[precision]})

    def run(pictures: Pictures) -> Pictures:
        result: Pictures = compiled({INPUT: pictures})[0]
        return result

    return run


def _pytorch(generator: nn.Module, manifest: Manifest, precision: str) -> Network:
    """The generator with weights, and what every layer and block takes and gives, rounded; sums inside are fp32."""
    import torch
    from torch import Tensor

    network = copy.deepcopy(generator).float().cpu().eval()
    if precision != "fp32":
        kind = {"fp16": torch.float16, "bf16": torch.bfloat16}[precision]

        def rounded(values: Any) -> Any:
            if isinstance(values, Tensor):
                return values.to(kind).float() if values.is_floating_point() else values
            return type(values)(map(rounded, values)) if isinstance(values, tuple | list) else values

        def before(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(map(rounded, inputs))

        def after(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
            return rounded(output)

        for layer in network.modules():
            layer.register_forward_pre_hook(before)
            layer.register_forward_hook(after)
        for weights in (*network.parameters(), *network.buffers()):
            if weights.is_floating_point():
                weights.data = rounded(weights.data)
    (low, high), (black, white) = manifest.input_range, manifest.output_range

    def run(pictures: Pictures) -> Pictures:
        with torch.no_grad():
            values = network(torch.from_numpy(pictures) * (high - low) + low)
        return np.asarray(((values - black) / (white - black)).clamp(0, 1).numpy())

    return run
