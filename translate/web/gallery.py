"""The models as pictures, before and after: a click chooses one."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from translate.store import InstalledModel
from translate.web.controls import QUIET, Controls
from translate.web.engine import Engine
from translate.web.local_gradio import gr
from translate.web.work import new_place

SIZE = (320, 160)
"""At most, of a picture, in pixels: two squares side by side."""
BACKGROUND, INK = (34, 36, 40), (220, 222, 226)


def build_gallery(engine: Engine, app: gr.Blocks) -> gr.Gallery:
    """Put it on the page, here; it is made anew whenever the page is opened."""
    gallery = gr.Gallery(
        label="Models, before and after: choose one",
        columns=4,
        height="auto",
        allow_preview=False,
        object_fit="contain",
        buttons=[],
        interactive=False,
        elem_id="gallery",
    )

    def shown() -> list[tuple[str, str]]:
        return [(str(_picture(model)), name) for name, model in engine.models().items()]

    app.load(shown, None, gallery, **QUIET, queue=False)
    return gallery


def choose_from(gallery: gr.Gallery, controls: Controls) -> None:
    """A click on a picture chooses its model."""

    def chosen(event: gr.SelectData) -> str:
        return str(event.value["caption"])

    gallery.select(chosen, None, controls.model, **QUIET, queue=False)


def _picture(model: InstalledModel) -> Path:
    """The model's own sample, or a card that says there is none."""
    if model.sample:
        with Image.open(model.sample) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail(SIZE)
    else:
        picture = Image.new("RGB", SIZE, BACKGROUND)
        middle = (SIZE[0] // 2, SIZE[1] // 2)
        ImageDraw.Draw(picture).text(middle, "no sample", INK, ImageFont.load_default(20), anchor="mm")
    place = new_place("model.jpg")
    picture.save(place, quality=85)
    return place
