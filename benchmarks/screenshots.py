"""What the README shows of the page: a real result of a shipped model, photographed in Chromium.

    python -m benchmarks.screenshots        (or: make screenshots)

needs Chromium, and the extra `dev`.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.browser import browser_page
from benchmarks.started import ROOT, started

PICTURE = ROOT / "examples/sprites/skull.png"
OUT = ROOT / "docs/screenshot.png"


def main() -> None:
    """Start a server, translate a picture on its page, and keep the view."""
    with TemporaryDirectory() as none, started("--port", "17990", models=Path(none)) as (address, _):
        photograph(address)
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size:,} bytes")


def photograph(address: str) -> None:
    """Use the page as a visitor would, and keep what is seen then."""
    with browser_page(1100, 1120) as page:
        page.set_default_timeout(120_000)
        page.goto(address)
        page.locator("#gallery").get_by_role("img", name="texture-x4", exact=True).click()
        page.wait_for_function("document.querySelector('[aria-label=Model]').value == 'texture-x4'")
        page.locator("#picture input[type=file]").set_input_files(PICTURE)
        page.locator("#original img").wait_for()
        page.get_by_role("button", name="Translate", exact=True).click()
        page.locator("#summary", has_text=" pixels in ").wait_for()
        page.wait_for_function("[...document.querySelectorAll('#slider img')].every(image => image.naturalWidth > 0)")
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=OUT)


if __name__ == "__main__":
    main()
