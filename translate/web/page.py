"""The page itself: its tabs, and what holds for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from translate.config import AppConfig
from translate.web.access import may_manage
from translate.web.engine import Engine
from translate.web.folder_tab import build_folder_tab
from translate.web.local_gradio import gr
from translate.web.models_tab import build_models_tab
from translate.web.picture_tab import build_picture_tab
from translate.web.runs_tab import build_runs_tab
from translate.web.said import refusal
from translate.web.work import KEPT_SECONDS


def build_app(config: AppConfig) -> gr.Blocks:
    """The page, not yet served: `translate.web.serve` does that."""
    engine = Engine(config)
    with gr.Blocks(
        title="Translate images", analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS)
    ) as app:
        gr.Markdown("# Translate images\nChoose a model, drop a picture, press Translate, take the result.")
        with gr.Tabs():
            with gr.Tab("Picture"):
                build_picture_tab(engine, app)
            with gr.Tab("Folder"):
                build_folder_tab(engine, app)
            if may_manage(config):
                with gr.Tab("Models"):
                    build_models_tab(app)
            if config.runs:
                with gr.Tab("Training"):
                    build_runs_tab(config.runs, engine, app)
        _name_models(engine)
    for block in app.blocks.values():
        _refuse_addresses(block)
    # Without the last argument a request could pass by the queue and its limits.
    app.queue(max_size=config.queue, api_open=False)
    return app


def _name_models(engine: Engine) -> None:
    def models() -> list[dict[str, Any]]:
        """List the installed models.

        Returns:
            For each its name, task, source and target domain, scale, work size and licence.
        """
        facts = ("task", "source", "target", "scale", "work_size", "license")
        return [
            {"name": name} | {fact: getattr(model.manifest, fact) for fact in facts}
            for name, model in engine.models().items()
        ]

    gr.api(models, api_name="models")


def _refuse_addresses(block: Any) -> None:
    """Gradio fetches any web address that a request names as a file, with this machine's access; not here."""
    keep = block.async_move_resource_to_block_cache

    async def move(path: str | Path | None) -> Any:
        if path is not None and "://" in str(path):
            raise refusal("web addresses are not opened: upload the file itself.")
        return await keep(path)

    block.async_move_resource_to_block_cache = move
