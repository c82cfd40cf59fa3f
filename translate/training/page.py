"""One self-contained HTML page on a run: curves, samples over time, warnings, settings. It loads nothing."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from translate.images import write_bytes
from translate.training.versions import read_settings

WIDTH, HEIGHT, MARGIN = 460, 180, 56
MOST_POINTS = 400
MOST_SAMPLES = 24
"""Sheets on the page; of more, this many from evenly over the run."""
COLORS = ("#2a78d6", "#1baa6f", "#d8543a", "#8a4fc7", "#c98a00", "#4a6670")
NOT_DRAWN = ("images", "steps", "warning", "what")
CHARTS = (
    ("Losses of the generator", ("g_",)),
    ("Losses of the discriminator", ("d_",)),
    ("Verdicts: 1 is real, 0 is fake", ("D",)),
    ("Validation", ("validation",)),
    ("Signs", ("grid", "change", "agreement", "diversity")),
    ("Gradient norms", ("gradient_norm",)),
    ("Learning rate", ("learning_rate",)),
    ("Images a second", ("images_per_second",)),
    ("Memory, MB", ("memory",)),
)
"""Titles, and how the names of what they show begin."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --soft: #667; --line: #d5d9de; --card: #f6f7f9; --page: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #9aa; --line: #3a3f46; --card: #22262b; --page: #17191c }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 1000px; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 2rem } p, figcaption { color: var(--soft) }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 1rem }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem }
svg { width: 100%; height: auto } svg text { font: 11px system-ui; fill: var(--soft) }
svg .axis { stroke: var(--line) } .key { font-size: 13px; margin-right: 1em; white-space: nowrap }
.key::before { content: "\\25A0 "; color: var(--color) }
img { max-width: 100%; image-rendering: pixelated } input[type=range] { width: 100% }
table { border-collapse: collapse } td { padding: .1rem 1rem .1rem 0; vertical-align: top; overflow-wrap: anywhere }
.warning { border-left: 4px solid #d8543a; padding-left: .8rem }
"""

SLIDER = """
const slider = document.getElementById("time"), frames = document.querySelectorAll(".sample");
const show = () => frames.forEach((frame, index) => { frame.hidden = index != slider.value });
if (slider) { slider.addEventListener("input", show); show(); }
"""


def write_page(run: Path, path: Path) -> Path:
    """Write the page; an older one is replaced.

    Raises:
        TrainingError: no run in the folder, or one that cannot be read.
        BadPicture: the disk refuses it.
    """
    try:
        settings = read_settings(run)
        lines = _stats(run / "stats.jsonl")
        best = json.loads((run / "best.json").read_text()) if (run / "best.json").exists() else {}
    except FileNotFoundError:
        raise TrainingError(f"{run} holds no training run (no config.json): name what --out named.") from None
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read the run in {run} ({error}).") from None
    write_bytes(_page(run, settings, lines, best).encode(), path)
    return path


def _stats(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def _page(run: Path, settings: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> str:
    title = html.escape(str(settings.get("name") or run.resolve().name))
    done, total = (lines[-1]["images"] if lines else 0), settings.get("images", 0)
    parts = [
        f"<h1>{title}</h1><p>{html.escape(str(settings.get('method', '')))}: {done:,} of {total:,} images seen.</p>",
        _best(best),
        *(f"<p class='warning'>After {line['images']:,} images: <b>{html.escape(line['warning'])}</b>. "
          f"{html.escape(line['what'])}</p>" for line in lines if "warning" in line),
        "<h2>Samples</h2>", _samples(run), "<h2>Curves</h2><div class='charts'>", *_charts(lines), "</div>",
        "<h2>Settings</h2><table>",
        *(f"<tr><td>{html.escape(name)}<td>{html.escape(str(value))}" for name, value in settings.items()),
        "</table>",
    ]  # fmt: skip
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
    return f"{head}<body>{''.join(parts)}<script>{SLIDER}</script></body></html>"


def _best(best: Mapping[str, Any]) -> str:
    if not best:
        return "<p>No best checkpoint: no pictures were kept aside (--validation).</p>"
    name = html.escape(best["measure"])
    return f"<p>Best checkpoint: <b>{best['images']:09d}</b> ({name} {best['value']:.4g}).</p>"


def _samples(run: Path) -> str:
    files = sorted((run / "samples").glob("*.png"))
    if not files:
        return "<p>There are none yet.</p>"
    count = min(len(files), MOST_SAMPLES)
    chosen = [files[round(at * (len(files) - 1) / max(count - 1, 1))] for at in range(count)]
    frames = [
        f"<figure class='sample'{'' if file == chosen[-1] else ' hidden'}>"
        f"<img alt='samples' src='data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}'>"
        f"<figcaption>after {int(file.stem):,} images</figcaption></figure>"
        for file in chosen
    ]
    slider = f"<input id=time type=range min=0 max={count - 1} value={count - 1} aria-label='time'>"
    return slider + "".join(frames)


def _charts(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name not in NOT_DRAWN:
                curves.setdefault(name, []).append((line["images"], value))
    drawn = []
    for title, beginnings in CHARTS:
        chosen = {name: points for name, points in curves.items() if name.startswith(beginnings)}
        if chosen:
            drawn.append(_chart(title, chosen))
    return drawn


def _chart(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    points = [point for curve in curves.values() for point in curve]
    right = max(x for x, _ in points) or 1
    low, high = min(y for _, y in points), max(y for _, y in points)
    high = high if high > low else low + 1

    def place(x: float, y: float) -> str:
        across = MARGIN + x / right * (WIDTH - MARGIN - 8)
        return f"{across:.1f},{HEIGHT - 20 - (y - low) / (high - low) * (HEIGHT - 32):.1f}"

    keys, paths = [], []
    for number, (name, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        step = -(-len(curve) // MOST_POINTS)
        shown = [*curve[:-1:step], curve[-1]] if len(curve) > 1 else [(0.0, curve[0][1]), *curve]  # a line at least
        keys.append(f"<span class=key style='--color:{color}'>{html.escape(name)} {curve[-1][1]:.4g}</span>")
        line = " ".join(place(*point) for point in shown)
        paths.append(f"<polyline fill=none stroke='{color}' stroke-width=1.6 points='{line}'/>")
    axes = (
        f"<path class=axis fill=none d='M{MARGIN} 8V{HEIGHT - 20}H{WIDTH - 8}'/>"
        f"<text x={MARGIN - 4} y=16 text-anchor=end>{high:.3g}</text>"
        f"<text x={MARGIN - 4} y={HEIGHT - 20} text-anchor=end>{low:.3g}</text>"
        f"<text x={WIDTH - 8} y={HEIGHT - 6} text-anchor=end>{right:,.0f} images</text>"
    )
    svg = f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{html.escape(title)}'>{axes}{''.join(paths)}</svg>"
    return f"<figure><b>{html.escape(title)}</b>{svg}<figcaption>{' '.join(keys)}</figcaption></figure>"
