"""Tests that need what is not installed everywhere."""

import pytest

from benchmarks.browser import find_chromium


def skip_without_chromium() -> None:
    """Skip the test where there is no Chromium, or no Playwright to steer it."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_chromium() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
