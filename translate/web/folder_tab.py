"""The second tab: many pictures, or zips of them, in; one zip out."""

from __future__ import annotations

import html
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from translate.config import RunConfig
from translate.web.controls import QUIET, Controls, build_controls
from translate.web.engine import Engine, sentence
from translate.web.local_gradio import gr
from translate.web.many import Progress, Results, convert_many
from translate.web.options import Options
from translate.web.said import refusal, saying
from translate.web.turns import Job

STOPPED = "it was stopped."
LINES = 100
"""Most lines of the report on the page; report.json in the zip has all."""
Shown = tuple[str, list[tuple[str, str]], str | None, str]


class Running:
    """The folder that each visitor has under way: one at a time. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def begin(self, visitor: str | None, job: Job) -> None:
        with self._lock:
            if visitor in self._jobs:
                raise refusal("a folder of yours is being converted already; stop it first.")
            if visitor:
                self._jobs[visitor] = job

    def end(self, visitor: str | None) -> bool:
        """Stop a visitor's job; false if there is none."""
        with self._lock:
            job = self._jobs.get(visitor or "")
        if job:
            job.end(STOPPED)
        return job is not None

    def over(self, visitor: str | None) -> None:
        with self._lock:
            self._jobs.pop(visitor or "", None)


def build_folder_tab(engine: Engine, app: gr.Blocks) -> Controls:
    """Put it on the page, here."""
    running = Running()
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            source = gr.File(
                label="Pictures, or zips of them",
                file_count="multiple",
                height=180,
                elem_id="pictures",
            )
            controls = build_controls(engine, app, RunConfig.format)
            with gr.Row():
                button = gr.Button("Convert all", variant="primary")
                stop = gr.Button("Stop", elem_id="stop")
        with gr.Column(scale=3, min_width=280):
            status = gr.HTML(elem_id="status")
            gallery = gr.Gallery(label="Results", columns=3, height=420, buttons=[], elem_classes="checkered")
            report = gr.Markdown(elem_id="report")
            download = gr.DownloadButton("Download all (zip)", interactive=False, elem_id="download-all")

    def convert(
        model: str,
        pictures: list[str] | None,
        second_model: str,
        strength: float,
        size: str,
        scale: str,
        alpha: str,
        seamless: str,
        normal_map: str,
        format: str,  # noqa: A002  as the command line calls it
        quality: int,
        request: gr.Request,
    ) -> Iterator[Shown]:
        """Convert many pictures, or zips of pictures, with an installed model. Folders inside zips are mirrored.

        The options are those of /translate.

        Args:
            model: name of an installed model; the action /models lists them.
            pictures: the files, uploaded: pictures and zips.
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
            How far it is; previews of results; a zip of all results with report.json; what failed, and why.
        """
        if not pictures:
            raise refusal("drop pictures or a zip first.")
        options = Options(model, second_model, strength, size, scale, alpha, seamless, normal_map, format, quality)
        job, visitor = engine.job(), request.session_hash
        running.begin(visitor, job)
        steps: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        try:
            with saying(), ThreadPoolExecutor(1) as worker:
                try:
                    uploads = [Path(picture) for picture in pictures]
                    made = worker.submit(copy_context().run, convert_many, engine, options, uploads, job, steps.put)
                    made.add_done_callback(lambda _: steps.put(None))
                    yield "Reading …", [], None, ""
                    while progress := steps.get():
                        yield _status(progress), [], None, ""
                    yield _results(made.result())
                finally:
                    job.end(STOPPED)  # where the visitor has gone
        finally:
            running.over(visitor)

    def cancel(request: gr.Request) -> str:
        """Stop the folder that this session is converting; what is done by then can be downloaded.

        Returns:
            What was done about it.
        """
        return "Stopping …" if running.end(request.session_hash) else "Nothing is being converted."

    def clear() -> list[Any]:
        return ["", None, "", gr.DownloadButton(value=None, interactive=False)]

    first, *others = controls.inputs
    done = button.click(
        convert,
        [first, source, *others],
        [status, gallery, download, report],
        api_name="convert",
        concurrency_limit=2,
        show_progress="hidden",
    )
    done.success(
        lambda archive: gr.DownloadButton(interactive=archive is not None), download, download, **QUIET, queue=False
    )
    done.failure(clear, None, [status, gallery, report, download], **QUIET, queue=False)
    stop.click(cancel, None, status, api_name="cancel", queue=False, show_progress="hidden")
    app.unload(_gone(running))
    return controls


def _gone(running: Running) -> Any:
    def gone(request: gr.Request) -> None:
        running.end(request.session_hash)

    return gone


def _status(progress: Progress) -> str:
    through = progress.done + progress.failed
    words = f"{through} of {progress.files} done"
    if progress.failed:
        words += f", {progress.failed} failed"
    if progress.left is not None:
        words += f", about {int(progress.left) // 60}:{int(progress.left) % 60:02} left"
    bar = f'<progress aria-label="Files done" max="{progress.files}" value="{through}"></progress>'
    return f"{bar}<p>{words}</p>"


def _results(results: Results) -> Shown:
    report = results.report
    done, failed = report.count("done"), report.count("failed")
    words = f"{done} done, {failed} failed in {report.seconds:.1f} s, with {report.model} on {report.device}."
    if results.stopped:
        words = f"{results.stopped[:1].upper()}{results.stopped[1:]} {words}"
    return (
        f"<p>{html.escape(words)}</p>",
        [(str(path), name) for path, name in results.shown],
        str(results.archive) if results.archive else None,
        _lines(results),
    )


def _lines(results: Results) -> str:
    said = [outcome.reason for outcome in results.report.outcomes if outcome.status == "failed"]
    for outcome in results.report.outcomes:
        said += [f"{outcome.input.as_posix()}: {notice}." for notice in outcome.notices]
    said += [f"{name}: left out, for its name is not that of a picture." for name in results.left_out]
    if len(said) > LINES:
        said[LINES:] = [f"... and {len(said) - LINES} more in report.json."]
    return "\n".join(f"- {html.escape(sentence(ValueError(line)), quote=False)}" for line in said)
