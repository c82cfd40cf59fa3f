"""Pictures in zip and tar archives; whatever an archive says, nothing is written outside of its folder."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from folders import config, doubling, draw, tree

from models.errors import BadPicture, TooLarge
from translate.batch import run
from translate.folders import archive


def packed(path: Path, names: dict[str, bytes]) -> Path:
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in names.items():
                file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return path
    with tarfile.open(path, f"w:{path.suffix[1:] if path.suffix != '.tar' else ''}") as file:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def png(tmp_path: Path) -> bytes:
    return draw(tmp_path / "one.png").read_bytes()


@pytest.mark.parametrize("name", ["tex.zip", "tex.tar", "tex.tar.gz", "tex.tar.bz2", "tex.tar.xz", "tex.pk3.zip"])
def test_an_archive_becomes_a_folder_of_its_name(tmp_path: Path, png: bytes, name: str) -> None:
    file = packed(tmp_path / name, {"b/x.png": png, "a.png": png, "read.me": b"", "cut.png": png[:50]})
    out = tmp_path / "out"
    report = run(config(file, out=out), doubling())
    folder = "tex.pk3" if "pk3" in name else "tex"
    assert tree(out) == {f"{folder}/a.png", f"{folder}/b/x.png"}
    assert (report.count("done"), report.count("failed")) == (2, 1)
    assert report.left_out == ((".me files", 1, (f"{file}/read.me",)),)
    again = run(config(file, out=out), doubling())
    assert (again.count("skipped"), again.count("failed")) == (2, 1)


@pytest.mark.parametrize("kind", ["x.zip", "x.tar.gz"])
def test_paths_that_lead_out_are_refused_one_by_one(tmp_path: Path, png: bytes, kind: str) -> None:
    names = ["../up.png", "a/../../up.png", "/abs.png", "C:/drive.png", "..\\back.png", "good.png"]
    report = run(config(packed(tmp_path / kind, dict.fromkeys(names, png)), out=tmp_path / "o/ut"), doubling())
    assert tree(tmp_path / "o") == {"ut/x/good.png"}
    assert {(outcome.status, outcome.input.name) for outcome in report.outcomes if outcome.status != "failed"} == {
        ("done", "good.png")
    }
    assert report.count("failed") == 5
    assert all("path" in outcome.reason for outcome in report.outcomes if outcome.status == "failed")


def test_links_and_devices_are_refused(tmp_path: Path, png: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("good.png", png)
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name, kind in (("sym.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE), ("dev.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    report = run(config(tmp_path / "z.zip", tmp_path / "t.tar", out=tmp_path / "out"), doubling())
    assert tree(tmp_path / "out") == {"z/good.png"}
    assert [outcome.status for outcome in report.outcomes].count("failed") == 4
    assert all("link or a device" in outcome.reason for outcome in report.outcomes if outcome.status == "failed")


def test_archives_beyond_their_limits(tmp_path: Path, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    for name in ("big.zip", "big.tar", "big.tar.xz"):
        file = packed(tmp_path / name, {"a.png": png + bytes(300_000), "b.png": png})
        monkeypatch.setattr(archive, "RATIO_FROM", 1000)
        with pytest.raises(TooLarge, match=r"--max-unpacked"):
            run(config(file, out=out, max_unpacked=200_000), doubling())
        monkeypatch.setattr(archive, "MOST_ENTRIES", 1)
        with pytest.raises(TooLarge, match="more than"):
            run(config(file, out=out), doubling())
        monkeypatch.undo()
    monkeypatch.setattr(archive, "RATIO_FROM", 1000)
    with pytest.raises(TooLarge, match="250 times"):
        run(config(tmp_path / "big.tar.xz", out=out), doubling())
    report = run(config(tmp_path / "big.zip", out=out), doubling())
    assert [outcome.status for outcome in report.outcomes] == ["failed", "done"]
    assert "more than 250 times" in report.outcomes[0].reason


def test_a_zip_whose_list_of_entries_is_endless(tmp_path: Path, png: bytes) -> None:
    file = packed(tmp_path / "x.zip", {"a.png": png})
    content = bytearray(file.read_bytes())
    struct.pack_into("<I", content, content.rfind(b"PK\5\6") + 12, 2**30)
    file.write_bytes(content)
    with pytest.raises(TooLarge, match="files"):
        run(config(file, out=tmp_path / "out"), doubling())


def test_damaged_archives_say_so(tmp_path: Path, png: bytes) -> None:
    for name in ("d.zip", "d.tar.gz", "d.tar"):
        file = packed(tmp_path / name, {"a.png": png * 50})
        file.write_bytes(file.read_bytes()[:60])
        with pytest.raises(BadPicture, match="damaged"):
            run(config(file, out=tmp_path / "out"), doubling())
    assert not (tmp_path / "out").exists()


def test_an_entry_that_is_damaged_fails_alone(tmp_path: Path, png: bytes) -> None:
    file = packed(tmp_path / "x.zip", {"a.png": png, "b.png": png})
    content = bytearray(file.read_bytes())
    content[30 + len("a.png") + 40] ^= 255  # behind the entry's header
    file.write_bytes(content)
    report = run(config(file, out=tmp_path / "out"), doubling())
    assert [outcome.status for outcome in report.outcomes] == ["failed", "done"]
    assert "cannot be unpacked" in report.outcomes[0].reason
