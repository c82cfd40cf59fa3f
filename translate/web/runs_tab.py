"""The training monitor: curves and sample pictures of runs, read only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translate.web.controls import QUIET, relisted
from translate.web.engine import Engine
from translate.web.local_gradio import gr
from translate.web.said import said

if TYPE_CHECKING:
    import pandas as pd

STATS = "stats.jsonl"
SAMPLES = 6
"""The newest so many sample sheets are shown."""
POINTS = 500
"""Points of a curve at most."""
SECONDS = 10.0
"""Between two looks at a run."""
AXES = ("images", "steps")


def list_runs(folder: Path) -> list[str]:
    """Names of the runs in a folder, or of the folder itself if it is one; the newest first."""
    runs = [path.parent for path in (folder / STATS, *folder.glob(f"*/{STATS}")) if path.is_file()]
    runs.sort(key=lambda run: (run / STATS).stat().st_mtime, reverse=True)
    return [run.name for run in runs]


def read_stats(run: Path) -> list[dict[str, float]]:
    """The lines of a run's statistics: name -> number. A line that is being written is left out."""
    try:
        lines = (run / STATS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    stats = []
    for line in lines[:: -(-len(lines) // POINTS) or 1]:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict):
            stats.append({name: value for name, value in values.items() if isinstance(value, int | float)})
    return stats


def build_runs_tab(folder: Path, engine: Engine, app: gr.Blocks) -> None:
    """Put it on the page, here."""
    with gr.Row():
        run = gr.Dropdown([], label="Run", filterable=False)
        curve = gr.Dropdown([], label="Curve", filterable=False)
    about = gr.Markdown()
    plot = gr.LinePlot(x="images", y="value", height=320, label="Curve")
    gallery = gr.Gallery(label="Samples, the newest first", columns=2, buttons=["fullscreen"], height=600)
    timer = gr.Timer(SECONDS)
    previews: dict[Path, str] = {}

    def listed(chosen: str | None) -> gr.Dropdown:
        return relisted(list_runs(folder), chosen)

    def show(name: str | None, chosen: str | None) -> list[Any]:
        if name not in list_runs(folder):
            return ["No run yet.", gr.Dropdown([]), None, []]
        place = folder if (folder / STATS).is_file() and name == folder.name else folder / str(name)
        stats = read_stats(place)
        curves = [key for key in dict.fromkeys(key for line in stats for key in line) if key not in AXES]
        wanted = chosen if chosen in curves else next(iter(curves), None)
        last = stats[-1] if stats else {}
        words = f"{last.get('images', 0):,.0f} images, {last.get('steps', 0):,.0f} updates"
        return [words, relisted(curves, chosen), _frame(stats, wanted), samples(place)]

    def samples(place: Path) -> list[tuple[str, str]]:
        found = sorted((place / "samples").glob("*.png"), reverse=True)[:SAMPLES]
        shown = []
        for path in found:
            if path not in previews or not Path(previews[path]).is_file():  # those of an hour ago are deleted
                previews[path] = str(engine.preview(path))
            shown.append((previews[path], path.stem))
        return shown

    given, out = [run, curve], [about, curve, plot, gallery]
    timer.tick(said(show), given, out, **QUIET)
    run.change(said(show), given, out, **QUIET)
    curve.input(said(show), given, out, **QUIET)
    timer.tick(listed, run, run, **QUIET, queue=False)
    app.load(listed, run, run, **QUIET, queue=False)


def _frame(stats: list[dict[str, float]], curve: str | None) -> pd.DataFrame | None:
    import pandas as pd  # Gradio's own plots want one

    rows = [(line["images"], line[curve]) for line in stats if curve in line and "images" in line]
    return pd.DataFrame(rows, columns=["images", "value"]) if rows else None
