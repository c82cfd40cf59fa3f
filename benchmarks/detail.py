"""Ways to carry a photograph's detail over to a small translation of it, where the full-size result is known.

    python -m benchmarks.detail --data DIR

DIR holds photographs; those of Debian's package mate-backgrounds (folder nature), scikit-image (coffee, chelsea,
astronaut, rocket) and scikit-learn (china, flower) gave the figures. The middle of each is translated by an operator
at full size (the reference). A network's result is imitated by shrinking the reference, blurring it a little and adding
noise. Each cell: PSNR in dB of the method's result against the reference, and SSIM of luminance. Every other picture,
starting with the second, is measured; the parameters were chosen on the rest (`--tune` shows them).

    night     darker, bluer, local contrast (CLAHE), vignette      stripes   a region painted over, its texture gone
    tone      tone curve and colour cast                           windows   night, and lit windows in a region
    recolour  another palette in a soft region                     mix       stripes in a region, night elsewhere
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import enlarging
from benchmarks.enlarging import LUMA, Float, blur, enlarge
from translate.inference import detail

Method = Callable[[Float, Float, Float], Float]
METHODS: dict[str, Method] = {
    "bicubic": enlarging.bicubic,
    "laplacian": enlarging.laplacian,
    "lapl. ratio": enlarging.laplacian_ratio,
    "guided grey": enlarging.guided_grey,
    "guided": enlarging.guided,
    "joint bilat.": enlarging.joint_bilateral,
    "bilat. guided": enlarging.bilateral_guided,
    "carry_detail": detail.carry_detail,
}
CANDIDATES: dict[str, dict[str, tuple[float, ...]]] = {
    "laplacian": {"gain": (0.5, 0.75, 1.0)},
    "lapl. ratio": {"radius": (1, 2, 4)},
    "guided": {"radius": (1, 2, 4), "epsilon": (1e-5, 1e-4, 1e-3)},
    "joint bilat.": {"sigma": (0.5, 1.0), "reach": (0.05, 0.1, 0.2)},
    "bilat. guided": {"sigma": (2, 4), "bins": (4, 8)},
    "carry_detail": {"LEVELS": (3, 5, 6), "PRIOR": (3e-4, 1e-3, 3e-3), "NOISE": (1e-4, 1e-3, 3e-3)},
}
"""Parameters and values that `--tune` varies, one at a time."""


@dataclass(frozen=True)
class Settings:
    """Compare ways of carrying detail over."""

    data: Path
    """Folder of photographs."""
    factors: tuple[int, ...] = (2, 4, 8, 16)
    """How many times smaller the network's picture is."""
    operators: tuple[str, ...] = ("night", "tone", "recolour", "stripes", "windows", "mix")
    crop: int = 384
    """Side of the middle that is taken of each photograph, in pixels."""
    noise: float = 1.5
    """Standard deviation of what is added to the small result, of 255; it is also blurred by 0.4 pixels unless 0."""
    tune: bool = False
    """Print the parameters that were tried, on the other half of the pictures."""
    sheet: Path | None = None
    """Also write a picture of crops: original, reference, then each method."""


def smoothstep(values: Float, low: float, high: float) -> Float:
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def cloud(like: Float, scale: float, seed: int) -> Float:
    """Smooth noise [H, W] of variance 1."""
    coarse = np.random.default_rng(seed).normal(size=[max(2, int(side / scale) + 2) for side in like.shape[:2]])
    field = enlarge(coarse.astype(np.float32), like)
    return field / field.std()


def region(picture: Float, seed: int) -> Float:
    """A mask [H, W, 1] that follows the picture's own edges, soft over a few pixels."""
    smooth = blur(picture, 2)
    warmth, light = smooth[:, :, 0] - smooth[:, :, 2], smooth @ LUMA
    score = (warmth - warmth.mean()) / (warmth.std() + 1e-6) + 0.5 * (light - light.mean()) / (light.std() + 1e-6)
    return smoothstep(score + 0.7 * cloud(picture, max(picture.shape) / 3, seed), -0.15, 0.15)[:, :, None]


def night(picture: Float, factor: int, seed: int) -> Float:
    lab = cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2LAB)
    lab[:, :, 0] = cv2.createCLAHE(2.0, (4, 4)).apply(lab[:, :, 0])
    dark = (cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) / 255) ** 1.6 * [0.32, 0.38, 0.55]
    grey = (dark @ LUMA)[:, :, None]
    y, x = (np.linspace(-1, 1, side) for side in picture.shape[:2])
    vignette = 1 - 0.175 * (y[:, None, None] ** 2 + x[:, None] ** 2)
    return ((grey + 0.6 * (dark - grey)) * vignette).clip(0, 1).astype(np.float32)


def tone(picture: Float, factor: int, seed: int) -> Float:
    curve = smoothstep(picture, -0.1, 1.05) * [1.05, 0.97, 0.82] + [0, 0.02, 0.08]
    return curve.clip(0, 1).astype(np.float32)


def recolour(picture: Float, factor: int, seed: int) -> Float:
    swapped = picture @ np.array([[0.2, 0.1, 0.7], [0.7, 0.3, 0.2], [0.1, 0.6, 0.1]])
    sepia = (picture @ LUMA)[:, :, None] * [0.9, 0.55, 0.3]
    mask = region(picture, seed)
    return (mask * swapped + (1 - mask) * sepia).clip(0, 1).astype(np.float32)


def stripes(picture: Float, factor: int, seed: int, ground: Float | None = None) -> Float:
    """About 9 small pixels wide; of the picture only broad light and shade stay."""
    shade = blur(picture, 4 * factor) @ LUMA
    y, x = np.indices(shade.shape)
    phase = (0.8 * x + 0.4 * y) / (9 * factor) + 0.35 * cloud(picture, 20 * factor, seed + 1)
    edge = smoothstep(np.sin(2 * np.pi * phase) * 9 * factor / (2 * np.pi), -0.7, 0.7)
    painted = ((0.08 + 0.85 * edge) * (0.45 + 0.55 * shade / max(shade.max(), 0.01)))[:, :, None] * [1, 0.98, 0.95]
    mask = region(picture, seed)
    return (mask * painted + (1 - mask) * (picture if ground is None else ground)).clip(0, 1).astype(np.float32)


def windows(picture: Float, factor: int, seed: int) -> Float:
    """One in each of some cells of 8 x 8 small pixels."""
    y, x = (np.arange(side) / (8 * factor) for side in picture.shape[:2])
    cells = (int(y[-1]) + 1, int(x[-1]) + 1)
    lit = np.random.default_rng(seed).random(cells) < 0.4
    lit &= cv2.resize(region(picture, seed), cells[::-1], interpolation=cv2.INTER_AREA) > 0.5
    frame = (np.abs(y % 1 - 0.5) < 0.33)[:, None] & (np.abs(x % 1 - 0.5) < 0.25)
    alpha = blur((frame & lit[y.astype(int)][:, x.astype(int)]).astype(np.float32), 0.5)[:, :, None]
    glow = (0.8 + 0.2 * (1 - y % 1))[:, None, None] * [1, 0.8, 0.45]
    return (alpha * glow + (1 - alpha) * night(picture, factor, seed)).clip(0, 1).astype(np.float32)


def mix(picture: Float, factor: int, seed: int) -> Float:
    return stripes(picture, factor, seed, ground=night(picture, factor, seed))


OPERATORS = {"night": night, "tone": tone, "recolour": recolour, "stripes": stripes, "windows": windows, "mix": mix}


def psnr(result: Float, reference: Float) -> float:
    return float(-10 * np.log10(max(np.mean((result - reference) ** 2), 1e-10)))


def ssim(result: Float, reference: Float) -> float:
    """Of luminance, Gaussian window of 1.5 pixels (Wang et al. 2004)."""
    a, b = result @ LUMA, reference @ LUMA
    mean_a, mean_b = blur(a, 1.5), blur(b, 1.5)
    var_a, var_b = blur(a * a, 1.5) - mean_a**2, blur(b * b, 1.5) - mean_b**2
    both = blur(a * b, 1.5) - mean_a * mean_b
    above, below = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4), (mean_a**2 + mean_b**2 + 1e-4)
    return float(np.mean(above / (below * (var_a + var_b + 9e-4))))


def edges(result: Float, reference: Float) -> float:
    """Correlation of the gradient's magnitude with the reference's, at the finest scale."""
    a, b = (np.hypot(cv2.Sobel(y, -1, 1, 0), cv2.Sobel(y, -1, 0, 1)).ravel() for y in (result @ LUMA, reference @ LUMA))
    return float(np.corrcoef(a, b)[0, 1])


def halo(result: Float, reference: Float) -> float:
    """Mean overshoot, of 255, beyond the reference's range in 9 x 9 pixels, where that range is above a quarter."""
    window = np.ones((9, 9), np.uint8)
    low, high = cv2.erode(reference @ LUMA, window), cv2.dilate(reference @ LUMA, window)
    light, strong = result @ LUMA, high - low > 0.25
    over = np.maximum(low - light, 0) + np.maximum(light - high, 0)
    return float(255 * over[strong].mean()) if strong.any() else float("nan")


def cases(files: list[Path], settings: Settings) -> Iterator[tuple[str, int, Float, Float, Float, Float]]:
    """(operator, factor, picture, small, translated, reference), as a network of 8-bit pictures would leave them."""
    for file in track(files, transient=True):
        with Image.open(file) as image:
            whole = np.asarray(image.convert("RGB"))
        top, left = (max(0, side - settings.crop) // 2 for side in whole.shape[:2])
        crop = whole[top : top + settings.crop, left : left + settings.crop]
        picture, seed = crop.astype(np.float32) / 255, sum(map(ord, file.name))
        for factor in settings.factors:
            side = round(max(crop.shape) / factor)
            small = detail.shrink(crop, side).astype(np.float32) / 255
            for name in settings.operators:
                reference = OPERATORS[name](picture, factor, seed)
                translated = detail.shrink(reference, side)
                if settings.noise:
                    grain = np.random.default_rng(seed).normal(0, settings.noise / 255, translated.shape)
                    translated = blur(translated, 0.4) + grain
                rounded = np.rint(translated.clip(0, 1) * 255).astype(np.float32) / 255
                yield name, factor, picture, small, rounded, reference


def tune(files: list[Path], settings: Settings, console: Console) -> None:
    """Mean PSNR and SSIM over all operators for each value of each parameter, the others as they are."""
    held = list(cases(files, settings))
    table = Table("method", "parameter", "value", "PSNR", "SSIM", title=f"{len(files)} other pictures")
    for method, parameters in CANDIDATES.items():
        for name, value in ((name, value) for name, values in parameters.items() for value in values):
            scores = []
            for _, _, picture, small, translated, reference in held:
                if method == "carry_detail":
                    with mock.patch.object(detail, name, value):
                        result = detail.carry_detail(picture, small, translated)
                else:
                    result = METHODS[method](picture, small, translated, **{name: value}).clip(0, 1)
                scores.append((psnr(result, reference), ssim(result, reference)))
            mean = np.mean(scores, axis=0)
            table.add_row(method, name, f"{value:g}", f"{mean[0]:.2f}", f"{mean[1]:.4f}")
    console.print(table)


def compare(files: list[Path], settings: Settings, console: Console) -> None:
    """Every method on every operator and factor, and the means of all measures."""
    scores: dict[tuple[str, int], dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    strips: dict[tuple[str, int], Float] = {}
    for name, factor, picture, small, translated, reference in cases(files, settings):
        strip = [picture, reference]
        for method, function in METHODS.items():
            start = time.perf_counter()
            result = function(picture, small, translated).clip(0, 1)
            seconds = time.perf_counter() - start
            measures = [measure(result, reference) for measure in (psnr, ssim, edges, halo)]
            scores[name, factor][method].append([*measures, seconds * 1e6 / picture[:, :, 0].size])
            strip.append(result)
        strips.setdefault((name, factor), np.concatenate([image[:320, :320] for image in strip], axis=1))
    table = Table("operator", "factor", *METHODS, title=f"PSNR in dB and SSIM, {len(files)} photographs")
    for (name, factor), row in scores.items():
        means = [np.mean(row[method], axis=0) for method in METHODS]
        table.add_row(name, str(factor), *(f"{mean[0]:.2f} {mean[1]:.3f}" for mean in means))
    table.add_section()
    for index, measure in enumerate(("PSNR", "SSIM", "edges", "halo / 255", "s / MP")):
        factors = [max(settings.factors)] if measure == "s / MP" else settings.factors
        counted = [row for (_, factor), row in scores.items() if factor in factors]
        means = [np.nanmean([values[index] for row in counted for values in row[m]]) for m in METHODS]
        table.add_row(measure, ", ".join(map(str, factors)), *(f"{mean:.3f}" for mean in means))
    console.print(table)
    if settings.sheet:
        width = max(strip.shape[1] for strip in strips.values())
        rows = [np.pad(strip, ((0, 4), (0, width - strip.shape[1]), (0, 0))) for strip in strips.values()]
        Image.fromarray(np.rint(np.concatenate(rows) * 255).astype(np.uint8)).save(settings.sheet)


def main(settings: Settings) -> None:
    """Print the table."""
    files = sorted(file for file in settings.data.iterdir() if file.suffix.lower() in (".jpg", ".png", ".webp"))
    console = Console(width=180)
    if settings.tune:
        tune(files[::2], settings, console)
    else:
        compare(files[1::2], settings, console)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
