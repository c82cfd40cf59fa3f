"""The page itself: what is on it and which button does what."""

from __future__ import annotations

import contextlib
import html
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.errors import TranslateError
from models.manifest import Manifest
from translate.config import AppConfig
from translate.picture import EXTENSIONS
from translate.web.engine import Engine, sentence
from translate.web.local_gradio import gr
from translate.web.work import KEPT_SECONDS, new_place

QUEUE = 32
"""Visitors' pictures that wait at most; the next one is told to come back."""


def build_app(device: str = AppConfig.device, max_pixels: int = AppConfig.max_pixels) -> gr.Blocks:
    """The page, not yet served: `translate.web.serve` does that.

    Args:
        device: where models run, as in `translate run`.
        max_pixels: pictures and results with more pixels than this are refused.
    """
    engine = Engine(device, max_pixels)

    with gr.Blocks(
        title="Translate images", analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS)
    ) as app:
        gr.Markdown(
            "# Translate images\nChoose a model, drop a picture, press Translate, drag the slider, take the result."
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                model = _model_choice(engine.models())
                source = gr.File(label="Picture (PNG, JPEG, WebP, TIFF, TGA, BMP)", height=160)
                original = gr.Image(label="Your picture", interactive=False, buttons=[], visible=False, height=240)
                button = gr.Button("Translate", variant="primary")
            with gr.Column(scale=3, min_width=300):
                slider = gr.ImageSlider(
                    label="Before | after, both at the size of the result",
                    interactive=False,
                    buttons=["fullscreen"],
                )
                summary = gr.Markdown()
                download = gr.DownloadButton("Download PNG (lossless)", interactive=False)
        _examples(engine, source)

        results = [slider, download, summary]

        def clear() -> list[Any]:
            return [None, gr.DownloadButton(value=None, interactive=False), ""]

        def show(upload: str | None) -> list[Any]:
            if upload is None:
                return [gr.Image(value=None, visible=False), *clear()]
            return [gr.Image(value=_said(engine.preview, Path(upload)), visible=True), *clear()]

        def translate(model: str, picture: str | None) -> tuple[tuple[str, str], str, str]:
            """Translate a picture with an installed model.

            Gives the two previews of the slider, the result (lossless PNG with all pixels, alpha, 16 bits),
            and a line that says what was done.
            """
            if not picture:
                raise gr.Error("drop a picture first.", print_exception=False)
            result = _said(engine.translate, model, Path(picture))
            return (str(result.before), str(result.after)), str(result.file), result.summary

        private = {"api_visibility": "private", "show_progress": "hidden"}
        shown = source.change(show, source, [original, *results], **private)
        done = button.click(translate, [model, source], results, api_name="translate", concurrency_limit=1)
        done.success(lambda: gr.DownloadButton(interactive=True), None, download, **private, queue=False)
        # No result of an earlier picture stands beside the complaint about this one.
        shown.failure(lambda: show(None), None, [original, *results], **private, queue=False)
        done.failure(clear, None, results, **private, queue=False)
    for block in app.blocks.values():
        _refuse_addresses(block)
    # Without the last argument a request could pass by the queue and its limits.
    app.queue(max_size=QUEUE, api_open=False)
    return app


def _refuse_addresses(block: Any) -> None:
    """Gradio fetches any web address that a request names as a file, with this machine's access; not here."""
    keep = block.async_move_resource_to_block_cache

    async def move(path: str | Path | None) -> Any:
        if path is not None and "://" in str(path):
            raise gr.Error("web addresses are not opened: upload the file itself.", print_exception=False)
        return await keep(path)

    block.async_move_resource_to_block_cache = move


def _said(action: Callable[..., Any], *arguments: Any) -> Any:
    """Do it; an error that the visitor can do something about becomes the sentence that the page shows."""
    try:
        return action(*arguments)
    except (TranslateError, MemoryError) as error:
        # The page shows the message as HTML, and file names are the visitor's.
        raise gr.Error(html.escape(sentence(error), quote=False), print_exception=False) from error


def _model_choice(models: dict[str, Manifest]) -> gr.Dropdown:
    def describe(name: str) -> str:
        facts = models[name]
        terms = f" Licence: {facts.license}." if facts.license else ""
        return f"{facts.source} → {facts.target}.{terms}"

    first = next(iter(models), None)
    choice = gr.Dropdown(list(models), value=first, label="Model")
    text = gr.Markdown(describe(first) if first else "No model is installed.", line_breaks=True)
    choice.change(describe, choice, text, api_visibility="private", queue=False, show_progress="hidden")
    return choice


def _examples(engine: Engine, source: gr.File) -> None:
    """Pictures to try, where the page runs from a checkout of the project."""
    root = Path(__file__).parents[2]
    if not (root / "app.py").is_file():
        return
    previews: dict[Path, Path] = {}
    for file in sorted((root / "examples").rglob("*")):
        if file.suffix.lower() in EXTENSIONS:
            with contextlib.suppress(TranslateError):  # such as one above a small --max-pixels
                previews[file] = engine.preview(file)
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
        samples_per_page=20,
    )
    shown.click(take, shown, source, api_visibility="private", show_progress="hidden")
