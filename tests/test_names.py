"""What results are called, and which files are wanted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from folders import config, doubling, draw, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import make_model

from models.errors import ConfigError, UsageError
from translate.batch import run
from translate.config import RunConfig
from translate.folders.names import model_words, result_name, safe_name
from translate.folders.patterns import Patterns
from translate.plan import plan


@pytest.mark.parametrize(
    "template",
    ["{stem}.png", "{ext}", "{stem}/{ext}", "{else}{ext}", "{stem!r}{ext}", "{stem:>9}{ext}", "{stem", ".{stem}{ext}"],
)
def test_templates_that_make_no_names_are_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(ConfigError, match="--name"):
        config(tmp_path, out=tmp_path / "out", name=template)


def test_a_template_has_its_fields() -> None:
    template = "{parent}-{stem}_{model}@{scale}x{ext}"
    assert result_name(template, Path("walls/a.b.TGA"), "m", "4") == "walls-a.b_m@4x.TGA"
    assert model_words(["a/b/day?.onnx", "texture-x4"]) == "day_+texture-x4"


def test_results_are_called_by_the_template_and_may_lie_beside_their_pictures(tmp_path: Path) -> None:
    make_model(tmp_path / "m.onnx", scale=2, paint="identity", name="m")
    draw(tmp_path / "in/sub/a.png")
    run_config = RunConfig(
        inputs=(tmp_path / "in",), model=(str(tmp_path / "m.onnx"),), out=tmp_path / "in", name="{stem}_{scale}x{ext}"
    )
    for done in (1, 0):
        report = run(run_config)
        assert (report.count("done"), len(report.outcomes)) == (done, 1)
        assert tree(tmp_path / "in") == {"sub/a.png", "sub/a_2x.png"}
    assert ("results of an earlier run", 1) in [found[:2] for found in report.left_out]


def test_a_template_without_the_stem_makes_collisions_that_are_told(tmp_path: Path) -> None:
    draw(tmp_path / "in/a.png")
    draw(tmp_path / "in/b.png")
    with pytest.raises(UsageError, match="would both become"):
        plan(config(tmp_path / "in", out=tmp_path / "out", name="same{ext}"))


@pytest.mark.parametrize(
    ("name", "safe"),
    [("con", "con_"), ("AUX.png", "AUX_.png"), ("com1.a.png", "com1_.a.png"), ("a:b?.png", "a_b_.png"),
     ("dot.", "dot"), ("...", "_"), ("console.png", "console.png")],
)  # fmt: skip
def test_names_that_windows_reserves(name: str, safe: str) -> None:
    assert safe_name(name, windows=True) == safe
    assert safe_name(name, windows=False) == name


@settings(max_examples=30)
@given(st.text(st.sampled_from("aü日😀. ~"), min_size=1, max_size=300))
def test_every_name_fits_and_keeps_its_extension(stem: str) -> None:
    safe = safe_name(f"{stem}.png", windows=False)
    assert len(safe.encode(errors="surrogatepass")) <= 255
    assert safe.endswith(".png")


def test_long_names_stay_different(tmp_path: Path) -> None:
    names = ["x" * 245 + end for end in ("a", "b")]
    for name in names:
        draw(tmp_path / "in/p.png").rename(tmp_path / f"in/{name}.png")
    report = run(config(tmp_path / "in", out=tmp_path / "out", name="{stem}_{model}{ext}"), doubling())
    assert (report.count("done"), len(tree(tmp_path / "out"))) == (2, 2)
    assert all("it is called" in outcome.notices[0] for outcome in report.outcomes)


@pytest.mark.parametrize(
    ("include", "exclude", "path", "wanted"),
    [
        ((), (), "a/b.png", True),
        (("*.PNG",), (), "a/b.png", True),
        (("*.jpg",), (), "a/b.png", False),
        (("a/*.png",), (), "a/b.png", True),
        (("a/*.png",), (), "a/c/b.png", False),
        (("a/**/*.png",), (), "a/c/d/b.png", True),
        (("a/**/*.png",), (), "a/b.png", True),
        (("/b.png",), (), "a/b.png", False),
        ((), ("old",), "x/old/b.png", False),
        ((), ("x/old/",), "x/old/b.png", False),
        ((), ("x/**",), "x/old/b.png", False),
        (("*.png",), ("*_n.png",), "b_n.png", False),
    ],
)
def test_patterns(include: tuple[str, ...], exclude: tuple[str, ...], path: str, wanted: bool) -> None:
    assert Patterns(include, exclude).wants(path.split("/")) is wanted


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b_n.png", "old/c.png", ".d.png"):
        draw(tmp_path / f"in/{name}")
    for name in ("x.dds2", "y.dds2", "LICENSE"):
        (tmp_path / f"in/{name}").write_text("")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "in/pipe.png")
    report = run(config(tmp_path / "in", out=tmp_path / "out", exclude=("old", "*_n.png")), doubling())
    assert tree(tmp_path / "out") == {"a.png"}
    counts = {reason: count for reason, count, _ in report.left_out}
    assert counts.pop("pipes, devices and the like", 1) == 1
    assert counts == {".dds2 files": 2, "files without an extension": 1, "excluded files": 2, "hidden files": 1}
    assert report.left_out[0][2][0].endswith((".dds2", "old", "_n.png"))


def test_links_are_followed_within_the_folder_when_asked(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    draw(inside / "a/x.png")
    draw(tmp_path / "elsewhere/secret.png")
    (inside / "a/up").symlink_to("..", target_is_directory=True)
    (inside / "b").symlink_to("a", target_is_directory=True)
    (inside / "link.png").symlink_to("a/x.png")
    (inside / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (inside / "secret.png").symlink_to(tmp_path / "elsewhere/secret.png")
    (inside / "gone.png").symlink_to("nothing.png")
    report = run(config(inside, out=tmp_path / "out", links=True), doubling())
    assert tree(tmp_path / "out") == {"a/x.png", "b/x.png", "link.png"}
    counts = {reason: count for reason, count, _ in report.left_out}
    assert counts["symbolic links that lead out of the folder"] == 2
    assert counts["symbolic links that lead nowhere"] == 1
    assert run(config(inside, out=tmp_path / "other"), doubling()).count("done") == 1
