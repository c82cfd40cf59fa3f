"""What the engine gains: `Translator` against the same network in PyTorch and in plain ONNX Runtime.

    python -m benchmarks.engine

Each network translates one photograph, 8-bit array in, 8-bit array out, with random weights of its own initialisation.
The engines take turns; a ratio is the median over rounds of the plain version's time by ours in the same round. The
share is what the engine makes of the arithmetic rate that a product of two 4096 x 4096 matrices reaches in PyTorch in
the same precision. PSNR is against PyTorch in fp32. Rows for a GPU that is not there say so.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.textures import psnr
from export import export_onnx
from models.errors import TranslateError
from models.layers import Generator
from models.manifest import DECLARED, INPUT, OUTPUT, Manifest
from models.zoo import build_generator
from translate.inference import Translator

Pixels = NDArray[np.uint8]
Translate = Callable[[Pixels], Pixels]

PHOTOGRAPHS = Path(__file__).parents[1] / "examples"
MATRIX = 4096
BORDER = 160
"""Pixels of a large result that do see what lies beyond the border: the reach of SRResNet, four times enlarged."""


@dataclass(frozen=True)
class Settings:
    """Measure the engine."""

    rounds: int = 5
    """How often each engine gets its turn."""
    photograph: Path = PHOTOGRAPHS / "photographs/cat.jpg"
    """What is translated, at several sizes."""
    case: str = ""
    """Only the cases whose title holds this, such as 256."""


@dataclass(frozen=True)
class Case:
    """One network on one size of picture."""

    title: str
    generator: str
    width: int
    height: int


CASES = (
    Case("ResNet-9, width 64, 256 x 256", "resnet_9blocks", 256, 256),
    Case("ResNet-9, width 64, 1280 x 720", "resnet_9blocks", 1280, 720),
    Case("SRResNet x4, 512 x 512", "srresnet_x4", 512, 512),
)


def exported(name: str, folder: Path, **arguments: Any) -> tuple[nn.Module, Path]:
    """A network of the zoo with seeded weights, and its model file."""
    torch.manual_seed(0)
    network = plausible(build_generator(name, **arguments))
    task = "super-resolution" if network.scale > 1 else "translation"
    facts: dict[str, Any] = {key: getattr(network, key) for key in DECLARED}
    manifest = Manifest(name=name, task=task, source="pictures", target="noise", generator=name, **facts)
    path = folder / f"{name}.onnx"
    if not path.exists():
        export_onnx(network, manifest, path)
    return network, path


def plausible(network: Generator) -> Generator:
    """Fresh weights made to give pictures: running statistics of noise, and a last layer that keeps to the range."""
    noise = torch.rand(4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        for _ in range(20):
            network.train()(noise)
        last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
        spread = network.eval()(noise).std()
        last.weight.mul_(0.3 / spread.clamp(min=0.3))
    return network


def in_torch(network: nn.Module, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Translate:
    """As a script around the network would do it."""
    network = network.to(device, dtype)

    def translate(picture: Pixels) -> Pixels:
        image = torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None].to(dtype) / 127.5 - 1
        with torch.inference_mode():
            result = ((network(image)[0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return np.ascontiguousarray(result.permute(1, 2, 0).cpu().numpy())

    return translate


def in_onnx_runtime(path: Path) -> Translate:
    """As its documentation does it."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def translate(picture: Pixels) -> Pixels:
        image = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        result = session.run([OUTPUT], {INPUT: image})[0][0]
        return np.ascontiguousarray((result * 255).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))

    return translate


@cache
def peak(precision: str) -> float:
    """Operations a second of a large matrix product on the processor, the best of several."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    a, b = (torch.rand(MATRIX, MATRIX).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * MATRIX**3 / best


def operations(generator: str, height: int, width: int) -> int:
    """Of one pass; a multiplication and an addition are two."""
    with torch.device("meta"):
        network, image = build_generator(generator), torch.empty(1, 3, height, width)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return int(counter.get_total_flops())


def engines(case: Case, folder: Path) -> dict[str, tuple[Translate, str]]:
    """Name -> (what translates, its precision); PyTorch first."""
    network, path = exported(case.generator, folder)
    found: dict[str, tuple[Translate, str]] = {
        "PyTorch fp32, eager": (in_torch(network), "fp32"),
        "ONNX Runtime CPU fp32": (in_onnx_runtime(path), "fp32"),
    }
    for precision in ("fp32", "bf16", "fp16"):
        translator = opened(path, "openvino", precision)
        if translator:
            found[f"translate, {translator.device}"] = (translator, precision)
    if torch.cuda.is_available():
        half = torch.float16
        on_gpu = exported(case.generator, folder)[0]
        found["PyTorch cuda fp16, eager"] = (in_torch(on_gpu, "cuda", half), "fp16")
        found["PyTorch cuda fp16, compiled"] = (in_torch(torch.compile(on_gpu), "cuda", half), "fp16")
    for device, precision in (("cuda", "fp32"), ("cuda", "fp16"), ("tensorrt", "fp16")):
        translator = opened(path, device, precision)
        if translator:
            found[f"translate, {translator.device}"] = (translator, precision)
    return found


def inner(picture: Pixels) -> Pixels:
    """Without the border, around which `Translator` continues pictures that are to be enlarged."""
    return picture[BORDER:-BORDER, BORDER:-BORDER] if picture.shape[0] > 4 * BORDER else picture


def gpu(engine: str) -> bool:
    """Whether an engine's name says that it runs on a GPU."""
    return "cuda" in engine.lower() or "tensorrt" in engine.lower()


def opened(path: Path, device: str, precision: str) -> Translator | None:
    """The translator, if this machine can run it so."""
    try:
        return Translator.open(path, device, precision=precision)
    except TranslateError:
        return None


def measure(case: Case, settings: Settings, folder: Path, table: Table) -> None:
    """Fill in the rows of one case."""
    with Image.open(settings.photograph) as image:
        picture = np.asarray(image.convert("RGB").resize((case.width, case.height), Image.Resampling.LANCZOS))
    found = engines(case, folder)
    results = {name: translate(picture) for name, (translate, _) in found.items()}  # and warm up
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(settings.rounds):
        for name, (translate, _) in found.items():
            start = time.perf_counter()
            translate(picture)
            seconds[name].append(time.perf_counter() - start)
    work = operations(case.generator, case.height, case.width)
    plain, runtime = list(found)[:2]
    for name, (_, precision) in found.items():
        median = statistics.median(seconds[name])
        own = name.startswith("translate")
        ratios = [
            f"{statistics.median(a / b for a, b in zip(seconds[other], seconds[name], strict=True)):.2f}" if own else ""
            for other in (plain, runtime)
        ]
        share = "" if "cuda" in name.lower() or "tensorrt" in name.lower() else f"{work / median / peak(precision):.0%}"
        quality = "" if name == plain else f"{psnr(*(inner(results[each]) for each in (name, plain))):.1f}"
        table.add_row(case.title, name, f"{median:.3f}", *ratios, share, quality)
    if not any(map(gpu, found)):
        table.add_row(case.title, "CUDA fp32, CUDA fp16, TensorRT fp16", *["not measured"] * 3, "", "")
    table.add_section()


def main(settings: Settings) -> None:
    """Print the table."""
    table = Table(
        "network and picture", "engine", "seconds", "x PyTorch", "x ONNX Runtime", "share of peak", "PSNR, dB"
    )
    with tempfile.TemporaryDirectory() as folder:
        for case in (case for case in CASES if settings.case in case.title):
            measure(case, settings, Path(folder), table)
    console = Console(width=140)
    console.print(table)
    rates = ", ".join(f"{name} {peak(name) / 1e9:,.0f}" for name in ("fp32", "bf16"))
    console.print(f"matrix product of {MATRIX}, GFLOP/s: {rates}; {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
