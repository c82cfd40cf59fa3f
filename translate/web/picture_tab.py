"""The first tab: one picture, the slider, the download."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from models.errors import TranslateError
from translate.picture import EXTENSIONS
from translate.web.controls import QUIET, Controls, build_controls
from translate.web.engine import Engine, has_alpha
from translate.web.gallery import build_gallery, choose_from
from translate.web.local_gradio import gr
from translate.web.options import Options
from translate.web.said import refusal, said
from translate.web.work import new_place

EXAMPLE_SIDE = 96
"""Height and width, in pixels, of the examples' cards."""


def build_picture_tab(engine: Engine, app: gr.Blocks) -> Controls:
    """Put it on the page, here."""
    gallery = build_gallery(engine, app)
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            source = gr.File(label="Picture: drop it here, click, or paste", height=150, elem_id="picture")
            original = gr.Image(
                label="Your picture",
                interactive=False,
                buttons=[],
                visible=False,
                height=200,
                elem_id="original",
            )
            controls = build_controls(engine, app)
            choose_from(gallery, controls)
            button = gr.Button("Translate", variant="primary")
        with gr.Column(scale=3, min_width=280):
            gr.Markdown("**Before | after**, both at the size of the result. Drag the line; scroll to zoom.")
            slider = gr.ImageSlider(
                label="Before and after",
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                max_height=560,
                elem_id="slider",
            )
            sides = gr.Radio(
                [("Before", 100), ("Both", 50), ("After", 0)], value=50, label="Show", show_label=False, elem_id="sides"
            )
            summary = gr.Markdown(elem_id="summary")
            see_through = gr.State(False)
            download = gr.DownloadButton("Download the result", interactive=False, elem_id="download")
    _examples(engine, source)
    results = [slider, download, summary, see_through]

    def clear() -> list[Any]:
        return [None, gr.DownloadButton(value=None, interactive=False), "", False]

    def show(upload: str | None) -> list[Any]:
        if upload is None:
            return [gr.Image(value=None, visible=False), *clear()]
        preview = engine.preview(Path(upload))
        return [gr.Image(value=str(preview), visible=True, elem_classes=_behind(has_alpha(preview))), *clear()]

    def translate(
        model: str,
        picture: str | None,
        second_model: str,
        strength: float,
        size: str,
        scale: str,
        alpha: str,
        seamless: str,
        normal_map: str,
        format: str,  # noqa: A002  as the command line calls it
        quality: int,
    ) -> tuple[tuple[str, str], str, str, bool]:
        """Translate a picture with an installed model.

        All but model and picture are as in `translate run`, and may be left out.

        Args:
            model: name of an installed model; the action /models lists them.
            picture: the file, uploaded; web addresses are not opened.
            second_model: works on what the first one made; none for none.
            strength: how much of the result is mixed into the picture, 0 to 1.
            size: long side in pixels at which a translation is painted: auto, full or a number.
            scale: side of the result / side of the picture; empty for what the models give.
            alpha: auto, model, smooth, nearest or drop.
            seamless: auto, both, x, y or off.
            normal_map: auto, on or off.
            format: same, png, jpeg, webp, avif, tiff, tga, bmp, gif, dds or heic.
            quality: of lossy formats, 1 to 100.
        Returns:
            Two previews for the slider; the result, with all pixels, alpha and 16 bits; a line on what was done.
        """
        if not picture:
            raise refusal("drop a picture first.")
        options = Options(model, second_model, strength, size, scale, alpha, seamless, normal_map, format, quality)
        result = engine.translate(options, Path(picture), engine.job())
        return (str(result.before), str(result.after)), str(result.file), result.summary, has_alpha(result.before)

    # What the line is to the mouse, for the keyboard.
    sides.input(lambda position: gr.ImageSlider(slider_position=position), sides, slider, **QUIET, queue=False)
    first, *others = controls.inputs
    shown = source.change(said(show), source, [original, *results], **QUIET)
    done = button.click(
        said(translate),
        [first, source, *others],
        results,
        api_name="translate",
        concurrency_limit=2,  # one may read or write while the other computes
        show_progress_on=[slider],
    )
    done.success(
        lambda alpha: [gr.DownloadButton(interactive=True), gr.ImageSlider(elem_classes=_behind(alpha))],
        *(see_through, [download, slider]),
        **QUIET,
        queue=False,
    )
    # No result of an earlier picture stands beside the complaint about this one.
    shown.failure(lambda: show(None), None, [original, *results], **QUIET, queue=False)
    done.failure(clear, None, results, **QUIET, queue=False)
    return controls


def _behind(see_through: bool) -> list[str]:
    """Classes of the style sheet: a checkerboard behind what shows it."""
    return ["checkered"] if see_through else []


def _examples(engine: Engine, source: gr.File) -> None:
    """Pictures to try, where the page runs from a checkout of the project."""
    root = Path(__file__).parents[2]
    if not (root / "app.py").is_file():
        return
    previews: dict[Path, Path] = {}
    for file in sorted((root / "examples").rglob("*")):
        if file.suffix.lower() in EXTENSIONS:
            with contextlib.suppress(TranslateError):  # such as one above a small --max-pixels
                previews[file] = engine.preview(file, 2 * EXAMPLE_SIDE)
    if not previews:
        return
    files = list(previews)

    def take(index: int) -> str:
        # A fresh copy each time: what visitors use is deleted after a while.
        copy = new_place(files[index].name)
        shutil.copy(files[index], copy)
        return str(copy)

    shown = gr.Dataset(
        components=[gr.Image(render=False, label="Examples")],
        samples=[[str(preview)] for preview in previews.values()],
        type="index",
        label="Or try one of these",
        samples_per_page=24,
        elem_id="examples",
    )
    shown.click(take, shown, source, **QUIET)
