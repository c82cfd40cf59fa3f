"""Chromium, for as long as something is photographed in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Its path, if it is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, started.

    Raises:
        SystemExit: there is none.
    """
    from playwright.sync_api import sync_playwright

    program = find_chromium()
    if program is None:
        raise SystemExit("this needs Chromium: apt-get install chromium")
    with sync_playwright() as api:
        # As root Chromium runs only without its sandbox; the page that it shows is ours.
        browser = api.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def browser_page(width: int, height: int) -> Iterator[Page]:
    """An empty page in `chromium`."""
    with chromium() as browser:
        yield browser.new_page(viewport={"width": width, "height": height})
