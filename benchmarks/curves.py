"""The curves of a run as one picture, for the README: those of the report's page, photographed in Chromium.

    python -m benchmarks.curves runs/facades -o docs/runs/facades-curves.png

needs Chromium, and the extras `train` and `dev`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks.browser import browser_page
from translate.training.page import write_page

CHOSEN = """titles => {
  document.body.style.maxWidth = "none";
  for (const chart of document.querySelectorAll(".charts figure"))
    chart.hidden = !titles.includes(chart.querySelector("b").textContent);
}"""


@dataclass(frozen=True)
class Settings:
    """Draw the curves of a run."""

    run: tyro.conf.Positional[Path]
    """Run folder."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """PNG file."""
    titles: tuple[str, ...] = ("Losses of the generator", "Verdicts: 1 is real, 0 is fake", "Validation")
    """Charts of the page that are shown, three in a row."""


def main(settings: Settings) -> None:
    """Write the page, open it, and keep the charts."""
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser_page(1440, 900) as page:
        written = write_page(settings.run, Path(folder) / "page.html")
        page.goto(written.as_uri())
        page.evaluate(CHOSEN, list(settings.titles))
        page.locator(".charts").screenshot(path=settings.out)
    print(f"{settings.out}: {settings.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
