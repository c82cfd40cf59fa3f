"""What is chosen before a picture is given: the models, and in a folded section the options of `translate run`."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from translate.config import RunConfig
from translate.store import InstalledModel
from translate.web.engine import Engine
from translate.web.local_gradio import gr
from translate.web.options import NONE, Options, choices

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of actions that belong to the page and not to the API."""


@dataclass(frozen=True)
class Controls:
    """The components; `options` is what their values mean, in this order."""

    model: gr.Dropdown
    about: gr.Markdown
    second_model: gr.Dropdown
    others: tuple[Any, ...]

    @property
    def inputs(self) -> list[Any]:
        """All that are chosen with, the model first."""
        return [self.model, self.second_model, *self.others]


def build_controls(engine: Engine, app: gr.Blocks, form: str = Options.format) -> Controls:
    """Put them on the page, here; models are listed anew whenever the page is opened.

    Args:
        form: what Format is set to at first.
    """
    models = engine.models()
    first = next(iter(models), None)
    model = gr.Dropdown(list(models), value=first, label="Model", filterable=False)
    about = gr.Markdown(describe(models.get(first or "")), elem_classes="about")
    with gr.Accordion("Advanced", open=False):
        second = gr.Dropdown(
            [NONE, *models],
            value=NONE,
            label="Second model",
            info="Works on what the first one made.",
            filterable=False,
        )
        others = (
            gr.Slider(
                *(0.0, 1.0),
                value=RunConfig.strength,
                step=0.05,
                label="Strength",
                info="How much of the result is mixed into the picture: 0 nothing, 1 all.",
            ),
            gr.Textbox(
                str(RunConfig.size),
                label="Size",
                info="Long side in pixels at which a translation is painted: auto, full or a number.",
                max_lines=1,
                max_length=8,
            ),
            gr.Textbox(
                "",
                label="Scale",
                info="Side of the result / side of the picture, below what the model gives; empty: what it gives.",
                max_lines=1,
                max_length=8,
            ),
            _choice("alpha", RunConfig.alpha, "How transparency comes to the result's size."),
            _choice("seamless", RunConfig.seamless, "Along which axes the picture tiles; auto: as its borders say."),
            _choice("normal_map", RunConfig.normal_map, "Whether it is one; auto: as content and name say."),
            _choice("format", form, "Of the result; png loses nothing, same is the picture's own."),
            gr.Slider(
                *(1, 100),
                value=RunConfig.quality,
                step=1,
                label="Quality",
                info="Of JPEG, HEIC, lossy WebP and lossy AVIF.",
            ),
        )
    for component in (model, second, *others):
        _take_any(component)
    controls = Controls(model, about, second, others)

    def chosen(name: str | None) -> str:
        return describe(engine.models().get(name or ""))

    def listed(name: str | None, next_name: str) -> list[Any]:
        names = list(engine.models())
        return [relisted(names, name), relisted([NONE, *names], next_name)]

    model.change(chosen, model, about, **QUIET, queue=False)
    app.load(listed, [model, second], [model, second], **QUIET, queue=False).then(
        chosen, model, about, **QUIET, queue=False
    )
    return controls


def relisted(names: Sequence[str], chosen: str | None) -> gr.Dropdown:
    """What there is to choose by now: the first if what was chosen is gone. A choice that stands is not sent back: the
    page may hold another one by now."""
    return gr.Dropdown(names, **({} if chosen in names else {"value": next(iter(names), None)}))


def _choice(option: str, value: str, info: str) -> gr.Dropdown:
    """A choice among the words that an option of `translate run` knows, called as the option is."""
    label = option.replace("_", " ").capitalize()
    return gr.Dropdown(choices(option), value=value, label=label, info=info, filterable=False)


def describe(model: InstalledModel | None) -> str:
    """A model in Markdown: what it does, for which pictures, at which size, on which terms."""
    if model is None or model.manifest is None:
        return "No model is installed." if model is None else "It cannot be used."
    facts = model.manifest
    does = f"{facts.scale} times larger" if facts.task == "super-resolution" else "same size, other look"
    lines = [f"{facts.source} → {facts.target} ({does})"]
    if facts.work_size:
        lines.append(f"Painted at {facts.work_size} pixels; larger pictures keep their own fine detail.")
    if facts.license:
        lines.append(f"Licence: {facts.license}")
    return "  \n".join(html.escape(line, quote=False) for line in lines)


def _take_any(component: Any) -> None:
    """Hand on what a program sends: the options' own check answers as the command line does."""
    component.preprocess = lambda value: value
