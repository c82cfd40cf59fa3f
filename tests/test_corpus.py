"""At least 150 odd or hostile files: no crash, no hang, each converted faithfully or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.corpus import Found, expected, found, table
from benchmarks.odd_files import odd_files
from translate.picture import FORMATS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged files; the command silences it too
PAGE = Path(__file__).parents[1] / "docs" / "FORMATS.md"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    return found(tmp_path_factory.mktemp("corpus"), odd_files())


def test_every_odd_file_is_converted_faithfully_or_refused_with_a_reason(results: list[Found]) -> None:
    assert len(results) >= 150
    assert [f"{result.file.name}: {result.trouble}" for result in results if result.trouble] == []


def test_every_intact_file_of_a_known_format_is_converted(results: list[Found]) -> None:
    intact = [result for result in results if expected(result.file) == "converted"]
    assert {result.file.format for result in intact} >= set(FORMATS) - {"HEIF"}  # which nothing here can write
    assert all(result.converted for result in intact)


def test_most_cut_off_files_are_refused(results: list[Found]) -> None:
    cut = [result for result in results if result.file.whole]
    assert len(cut) >= 100
    assert sum(result.converted for result in cut) < len(cut) / 10


def test_the_page_says_what_the_program_does(results: list[Found]) -> None:
    """Print it anew: python -m benchmarks.corpus > docs/FORMATS.md"""
    assert table(results) == PAGE.read_text(encoding="utf-8")


def test_a_damaged_result_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: colours turned on the way out."""
    from translate import images
    from translate.folders import pipeline

    monkeypatch.setattr(
        pipeline,
        "write_picture",
        lambda picture, *rest: images.write_picture(picture.replace(color=255 - picture.color), *rest),
    )
    files = [file for file in odd_files() if file.kind in ("PNG RGB", "PNG cut off at ten places", "TGA RGB")]
    assert {r.file.kind for r in found(tmp_path, files) if "colour differs" in r.trouble} == {"PNG RGB", "TGA RGB"}
