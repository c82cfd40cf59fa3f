"""The page as its visitors see it, in Chromium: one browser and one server for all tests here."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from skipping import skip_without_chromium
from web_pictures import make_picture

from benchmarks.browser import chromium
from translate.batch import run
from translate.config import RunConfig

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
WAIT = 120_000
"""Milliseconds after which what is waited for will not come."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    skip_without_chromium()
    with chromium() as browser:
        yield browser


def visit(browser: Browser, address: str, width: int = 1200) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.get_by_role("button", name="Translate", exact=True).wait_for()
    return page


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page = visit(browser, address)
    yield page
    page.close()


def choose(page: Page, label: str, word: str) -> None:
    page.get_by_label(label, exact=True).locator("visible=true").click()
    page.get_by_role("option", name=word, exact=True).click()


def give(page: Page, picture: Path) -> None:
    page.locator("#picture input[type=file]").set_input_files(picture)
    page.locator("#original img").wait_for()


def translated(page: Page) -> str:
    """Press the button, and what the page says when it is done."""
    page.get_by_role("button", name="Translate", exact=True).click()
    page.locator("#summary", has_text=" pixels in ").wait_for()
    return page.locator("#summary").inner_text()


def downloaded(page: Page, button: str = "#download") -> Path:
    with page.expect_download() as waited:
        page.locator(f"{button}:not([disabled])").click()
    return Path(waited.value.path()).rename(Path(waited.value.path()).with_name(waited.value.suggested_filename))


def complaint(page: Page) -> str:
    """What the page complains of: once, or this fails."""
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    return toast.inner_text()


def test_a_model_that_is_chosen_while_the_page_still_loads_stays_chosen(browser: Browser, address: str) -> None:
    page, held = browser.new_page(), []
    page.set_default_timeout(WAIT)
    page.route("**/run/**", lambda route: held.append(route))  # what the page asks for once it is there, on a slow line
    page.goto(address)
    choose(page, "Model", "twice")
    assert held
    early = [asked.request for asked in held]
    for asked in held:
        asked.continue_()
    page.unroute("**/run/**")
    assert all(asked.response() for asked in early)
    page.wait_for_timeout(500)  # what the answers bring is shown
    assert page.get_by_label("Model", exact=True).locator("visible=true").input_value() == "twice"
    page.close()


@pytest.mark.parametrize("name", ["sprite.png", "deep.png"])
def test_the_download_is_what_the_command_line_writes(page: Page, here: None, tmp_path: Path, name: str) -> None:
    source = make_picture(tmp_path / name)
    choose(page, "Model", "twice")
    give(page, source)
    assert "twice on " in translated(page)
    page.wait_for_function("[...document.querySelectorAll('#slider img')].every(image => image.naturalWidth)")
    before, after = page.locator("#slider img").all()
    assert before.evaluate("image => image.naturalWidth") == after.evaluate("image => image.naturalWidth") > 0
    behind = after.evaluate("image => getComputedStyle(image).backgroundImage")
    assert ("conic-gradient" in behind) == (name == "sprite.png")
    handle = page.locator("#slider [data-testid=slider]")
    at = handle.bounding_box()
    page.get_by_label("After").click()
    page.wait_for_function(
        "x => document.querySelector('[data-testid=slider]').getBoundingClientRect().x < x", arg=at["x"]
    )
    file = downloaded(page)
    assert file.name == f"{source.stem}_twice.png"
    run(RunConfig(inputs=(source,), model=("twice",), out=tmp_path / "out", device="cpu"))
    assert file.read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_options_are_those_of_the_command_line(page: Page, here: None, tmp_path: Path) -> None:
    source = make_picture(tmp_path / "photo.jpg")
    choose(page, "Model", "twice")
    give(page, source)
    page.get_by_text("Advanced").first.click()
    choose(page, "Second model", "negative")
    choose(page, "Format", "webp")
    page.get_by_label("Scale").first.fill("1.5")
    page.get_by_label("number input for Strength").first.fill("0.5")
    page.get_by_label("number input for Strength").first.press("Tab")
    said = translated(page)
    assert "shrunk to 1.5 times the size; mixed 50% to the original" in said
    file = downloaded(page)
    assert file.name == "photo_twice_negative.webp"
    out = tmp_path / "out"
    run(
        RunConfig(
            inputs=(source,),
            model=("twice", "negative"),
            out=out,
            device="cpu",
            format="webp",
            scale=1.5,
            strength=0.5,
        )
    )
    assert file.read_bytes() == (out / "photo.webp").read_bytes()


def test_a_click_on_its_picture_chooses_a_model(page: Page) -> None:
    for name in ("twice", "horse2zebra"):  # without a sample, and with one
        picture = page.locator("#gallery").get_by_role("img", name=name)
        picture.wait_for()
        page.wait_for_function("image => image.naturalWidth == 320", arg=picture.element_handle())
        picture.click()
        page.wait_for_function("name => document.querySelector('[aria-label=Model]').value == name", arg=name)
    page.locator(".about", has_text="Painted at 384 pixels").first.wait_for()


def paste(page: Page, width: int) -> None:
    page.evaluate(
        """async width => {
            const canvas = Object.assign(document.createElement("canvas"), {width, height: 20});
            canvas.getContext("2d").fillRect(0, 0, 9, 9);
            const clipboard = new DataTransfer();
            const picture = await new Promise(done => canvas.toBlob(done));
            clipboard.items.add(new File([picture], `pasted${width}.png`, {type: "image/png"}));
            document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clipboard}));
        }""",
        width,
    )


def test_pictures_are_pasted_one_after_the_other(page: Page) -> None:
    choose(page, "Model", "twice")
    for width in (40, 30):
        paste(page, width)
        page.locator("#picture").get_by_label(f"pasted{width}.png").wait_for()
        page.wait_for_function("width => document.querySelector('#original img')?.naturalWidth == width", arg=width)
        assert f"{width} × 20 → {2 * width} × 40 pixels" in translated(page)
    page.get_by_role("tab", name="Folder").click()
    page.locator("#pictures").wait_for()
    for width in (40, 30):
        paste(page, width)
        page.locator("#pictures").get_by_label(f"pasted{width}.png").wait_for()
    assert page.locator("#pictures").get_by_label("pasted40.png").is_visible()


def test_what_is_no_picture_or_too_large_gets_one_sentence(page: Page, tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.svg"
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    page.locator("#picture input[type=file]").set_input_files(drawing)
    assert "cannot read drawing.svg: not a picture" in complaint(page)
    assert not page.locator("#original").is_visible()
    page.reload()
    large = tmp_path / "large.png"
    Image.new("L", (501, 500)).save(large)
    page.locator("#picture input[type=file]").set_input_files(large)
    assert "that is this server's limit." in complaint(page)
    page.reload()
    page.get_by_role("button", name="Translate", exact=True).click()
    assert "drop a picture first." in complaint(page)


def test_a_folder_with_a_bad_file(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    page.get_by_role("tab", name="Folder").click()
    choose(page, "Model", "twice")
    source = page.locator("#pictures input[type=file]").first
    source.set_input_files([make_picture(tmp_path / "good.png"), bad])
    page.get_by_label("good.png", exact=True).wait_for()
    page.get_by_role("button", name="Convert all").click()
    page.locator("#status", has_text="1 done, 1 failed").wait_for()
    page.locator("#report", has_text="cannot read bad.png: not a picture").wait_for()
    assert downloaded(page, "#download-all").name == "results.zip"


def test_a_stopped_folder_gives_what_is_done(browser: Browser, address: str, tmp_path: Path) -> None:
    page = visit(browser, address)
    files = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, file in enumerate(files):  # of sizes of their own, so that none are computed together
        Image.fromarray(np.zeros((470 + number, 470, 3), np.uint8)).save(file)
    page.get_by_role("tab", name="Folder").click()
    choose(page, "Model", "slow")
    page.locator("#pictures input[type=file]").first.set_input_files(files)
    page.get_by_label("29.png", exact=True).wait_for()
    page.get_by_role("button", name="Convert all").click()
    page.locator("#status", has_text=re.compile(r"[1-9] of 30 done, about")).wait_for()
    page.get_by_role("button", name="Stop").click()
    said = page.locator("#status", has_text="It was stopped.")
    said.wait_for()
    done = re.search(r"(\d+) done, 0 failed", said.inner_text())
    assert done
    assert 1 <= int(done[1]) < 30
    with zipfile.ZipFile(downloaded(page, "#download-all")) as packed:
        assert len(packed.namelist()) == int(done[1]) + 1  # and report.json
    page.close()


def test_two_visitors_get_their_own_pictures(browser: Browser, address: str, here: None, tmp_path: Path) -> None:
    pages = [visit(browser, address) for _ in range(2)]
    sources = [tmp_path / "red.png", tmp_path / "blue.png"]
    for page, source in zip(pages, sources, strict=True):
        Image.new("RGB", (60, 50), source.stem).save(source)
        choose(page, "Model", "negative")
        give(page, source)
    for page in pages:
        page.get_by_role("button", name="Translate", exact=True).click()
    for page, source, expected in zip(pages, sources, ((0, 255, 255), (255, 255, 0)), strict=True):
        page.locator("#summary", has_text=" pixels in ").wait_for()
        file = downloaded(page)
        assert file.name == f"{source.stem}_negative.png"
        with Image.open(file) as image:
            assert image.getpixel((30, 25)) == expected
        page.close()


def test_a_phone_shows_all_of_it(browser: Browser, address: str, tmp_path: Path) -> None:
    page = visit(browser, address, width=390)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    give(page, make_picture(tmp_path / "sprite.png"))
    translated(page)
    page.get_by_text("Advanced").first.click()
    for tab in ("Picture", "Folder"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.close()


def test_accounts_are_asked_for_on_the_page(browser: Browser, addresses: list[str]) -> None:
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto(addresses[1])
    page.get_by_label("username").fill("user")
    page.get_by_label("password").fill("right")
    assert page.get_by_role("button", name="Translate", exact=True).count() == 0
    page.get_by_role("button", name="Login").click()
    page.get_by_role("button", name="Translate", exact=True).wait_for()
    page.close()
