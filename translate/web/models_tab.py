"""The third tab, on one's own machine only: which models are there, import one, remove one."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, get_args

from models.errors import UsageError
from models.manifest import Task
from translate.config import ImportConfig
from translate.store import InstalledModel, list_models, remove_model
from translate.web.controls import QUIET, describe
from translate.web.local_gradio import gr
from translate.web.said import said
from translate.web.work import new_place


def build_models_tab(app: gr.Blocks) -> None:
    """Put it on the page, here."""
    table = gr.HTML(elem_id="models")
    with gr.Row():
        with gr.Column(min_width=280):
            chosen = gr.Dropdown([], label="Show", filterable=False)
            about = gr.Markdown(elem_classes="about")
            sample = gr.Image(label="Sample of its work", interactive=False, buttons=[], visible=False)
            card = gr.Markdown(elem_classes="card")
            remove = gr.Button("Remove this model", interactive=False, elem_id="remove")
        with gr.Column(min_width=280):
            file = gr.File(label="Import an .onnx file", height=150, elem_id="model-file")
            name = gr.Textbox(label="Name", info="Letters, digits, '.', '_' and '-'.", max_lines=1)
            task = gr.Dropdown(
                ["guess", *get_args(Task)],
                value=ImportConfig.task,
                label="Task",
                info="What it does.",
                filterable=False,
            )
            terms = gr.Textbox(label="Licence", info="Terms of the weights, such as CC-BY-4.0.", max_lines=1)
            add = gr.Button("Import", variant="primary")
            found = gr.Markdown(elem_id="imported")

    def listed(shown: str | None = None) -> list[Any]:
        models = list_models()
        names = [model.name for model in models]
        return [_table(models), gr.Dropdown(names, value=shown if shown in names else next(iter(names), None))]

    def show(name: str | None) -> list[Any]:
        model = next((model for model in list_models() if model.name == name), None)
        if model is None:
            return ["", gr.Image(visible=False), "", gr.Button(interactive=False)]
        picture, words = model.sample, model.path.with_name("README.md")
        return [
            describe(model),
            gr.Image(value=_copy(picture), visible=True) if picture else gr.Image(value=None, visible=False),
            _card(words) if words.is_file() else "",
            gr.Button(interactive=model.origin != "shipped"),
        ]

    def bring(file: str | None, name: str, task: Task, terms: str) -> list[Any]:
        if not file:
            raise UsageError("drop an .onnx file first.")
        from translate.foreign import import_model  # it brings what only an import needs

        made = import_model(ImportConfig(file=Path(file), name=name.strip(), task=task, license=terms.strip()))
        lines = [f"Imported as {name.strip()}.", ""]
        lines += [f"- {fact.name}: {fact.value}, because {fact.reason}" for fact in made.facts]
        lines += [f"- {warning}" for warning in made.warnings]
        return [html.escape("\n".join(lines), quote=False), *listed(name.strip())]

    def drop(name: str | None) -> list[Any]:
        remove_model(name or "")
        return [html.escape(f"Removed {name}."), *listed()]

    where = [table, chosen]
    chosen.change(said(show), chosen, [about, sample, card, remove], **QUIET)
    add.click(said(bring), [file, name, task, terms], [found, *where], api_visibility="private")
    remove.click(said(drop), chosen, [found, *where], **QUIET)
    app.load(listed, chosen, where, **QUIET, queue=False)


def _table(models: list[InstalledModel]) -> str:
    lines: list[tuple[str, str, str]] = [("Model", "From", "Does")]
    for model in models:
        facts = model.manifest
        does = f"{facts.source} → {facts.target}" if facts else f"cannot be used: {model.problem}"
        lines.append((model.name, model.origin, does))
    head, *rows = ["".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in lines]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head.replace('td>', 'th>')}</tr></thead><tbody>{body}</tbody></table>"


def _copy(picture: Path) -> str:
    place = new_place(picture.name)
    place.write_bytes(picture.read_bytes())
    return str(place)


def _card(words: Path) -> str:
    """The model card; its pictures are shown by themselves."""
    lines = words.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line for line in lines if not line.startswith("!["))
