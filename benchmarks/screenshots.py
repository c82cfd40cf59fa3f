"""What the README shows of the page: a real result of the shipped model, photographed in Chromium.

    python -m benchmarks.screenshots        (or: make screenshots)

needs Chromium, and the extra `dev`.
"""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright

from benchmarks.started import ROOT, started

PICTURE = ROOT / "examples/sprites/skull.png"
OUT = ROOT / "docs/screenshot.png"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Start a server, translate a picture on its page, and keep the view."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise SystemExit("screenshots need Chromium: apt-get install chromium")
    with started("--port", "17990") as (address, _):
        photograph(address, program)
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size:,} bytes")


def photograph(address: str, program: str) -> None:
    """Use the page as a visitor would, and keep what is seen then."""
    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 1010})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.locator("#gallery").get_by_role("img", name="texture-x4").click()
        page.wait_for_function("document.querySelector('[aria-label=Model]').value == 'texture-x4'")
        page.locator("#picture input[type=file]").set_input_files(PICTURE)
        page.locator("#original img").wait_for()
        page.get_by_role("button", name="Translate", exact=True).click()
        page.locator("#summary", has_text=" pixels in ").wait_for()
        page.wait_for_function("[...document.querySelectorAll('#slider img')].every(image => image.naturalWidth > 0)")
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=OUT)
        browser.close()


if __name__ == "__main__":
    main()
