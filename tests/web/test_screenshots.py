"""benchmarks.screenshots: the page with what comes with it, and a result, as the README shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from skipping import skip_without_chromium

from benchmarks import screenshots

pytestmark = pytest.mark.browser


def test_the_page_is_photographed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_chromium()
    monkeypatch.setattr(screenshots, "OUT", tmp_path / "page.png")
    monkeypatch.setattr(screenshots, "ROOT", tmp_path)
    screenshots.main()
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size == (1100, 1120)
        result = picture.convert("RGB").crop((470, 460, 1030, 900))
        colours = result.getcolors(result.width * result.height)
    assert colours
    assert len(colours) > 2000  # a picture, and not an empty field
    eyes = sum(count for count, (red, green, blue) in colours if red > 120 and max(green, blue) < 40)
    assert eyes > 300
