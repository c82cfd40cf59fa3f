"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import make_model
from PIL import Image

from models.errors import ConfigError, UnknownRecipe
from translate.cli import COMMANDS, main
from translate.recipes import list_recipes, load_recipe
from translate.store import shipped_folder
from translate.training.config import CUTConfig, CycleGANConfig, Pix2PixConfig, SRGANConfig

METHODS = {"pix2pix": Pix2PixConfig, "cyclegan": CycleGANConfig, "cut": CUTConfig, "srgan": SRGANConfig}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models/stand-in").mkdir(parents=True)
    make_model(tmp_path / "models/stand-in/model.onnx", scale=2, paint="identity", name="stand-in", license="CC0")
    return "stand-in"


def draw(path: Path, side: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, 6, 3), np.uint8)).save(path)
    return path


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("translate ")
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        assert f"usage: translate {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["rum"], "no command 'rum'"),
        (["run", "a.png", "-m", "x"], "--out"),
        (["run", "-m", "x", "-o", "y"], "no input"),
        (["run", "a.png", "-m", "x", "-o", "y", "--tile", "3"], "--tile 3"),
        (["run", "a.png", "-m", "x", "-o", "y", "--on-exists", "burn"], "burn"),
        (["run", "a.png", "-m", "x", "-o", "y", "--memory", "lots"], "'lots' is no amount of memory"),
        (["run", "a.png", "-m", "x", "-o", "y", "--size", "big"], "big"),
        (["run", "a.png", "-o", "y"], "no model"),
        (["run", "missing.png", "-m", "x", "-o", "y"], "no such file or folder: missing.png"),
        (["train"], "needs a method"),
        (["train", "srgan", "--recipe"], "--recipe needs a name"),
        (["train", "srgan", "--recipe", "x", "--data", "d", "--out", "o"], "no recipe named 'x'"),
        (["train", "srgan", "--data", "d"], "--out"),
        (["run", "", "-m", "x", "-o", "y"], "an argument is empty"),
        (["run", "a.png", "-m", "x", "-o", ""], "an argument is empty"),
        (["run", "a.png", "-m", "x", "--out="], "--out= is empty"),
        (["run", "a.png", "-m", "", "-o", "y"], "an argument is empty"),
        (["models", "show", "gone/model.onnx"], "no model file at gone/model.onnx"),
        (["models", "burn"], "translate models list"),
        (["models", "show", "nothing"], "no model named 'nothing'"),
    ],
)
def test_wrong_usage_exits_with_2_and_no_traceback(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert reason in err
    assert "Traceback" not in err
    assert out == ""


def test_run_prints_a_table_and_then_skips(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in/sub folder/ä.png")
    arguments = ["run", str(tmp_path / "in"), "-m", model, "-o", str(tmp_path / "out"), "-d", "cpu"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert [word in out for word in ("ä.png", "stand-in", "6 x 4", "12 x 8", "1 done, 0 skipped, 0 failed")] == [
        True
    ] * 5
    assert err.startswith("stand-in on ")
    assert len(err.splitlines()) == 1  # no bar: not a terminal
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("0 done, 1 skipped, 0 failed")
    assert err == ""


def test_run_json_is_alone_on_standard_output(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    draw(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_bytes(b"")
    arguments = ["run", str(tmp_path / "in"), "-m", model, "-o", str(tmp_path / "out"), "-d", "cpu", "--json"]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert [file["status"] for file in json.loads(out)["files"]] == ["done", "failed"]
    assert f"translate: cannot read {tmp_path / 'in/b.png'}: the file is empty." in err.splitlines()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there alone")
def test_output_that_is_closed_full_or_of_few_characters(tmp_path: Path, model: str, stream: str) -> None:
    for name in ("日本 →.png", os.fsdecode(b"b\xff.png")):
        draw(tmp_path / "a.png").rename(tmp_path / name)
    number = {"stdout": 1, "stderr": 2}[stream]
    for index, (way, codes) in enumerate(
        ((f"{number}>&-", {0}), (f"{number}>/dev/full", {0, 1}), (f"{number}>{tmp_path}/told", {0}))
    ):
        line = f"exec {sys.executable} -m translate.cli run {tmp_path} -m {model} -o {tmp_path}/out{index} -d cpu {way}"
        child = subprocess.run(
            ["sh", "-c", line], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252", "COLUMNS": "999"}
        )
        assert child.returncode in codes, child.stderr
        assert b"Traceback" not in child.stderr
        assert b"Exception ignored" not in child.stderr
        if (index, stream) == (1, "stdout"):
            assert child.returncode == 1
            assert child.stderr.splitlines()[-1] == b"translate: No space left on device."
    if stream == "stdout":
        told = (tmp_path / "told").read_bytes()
        assert b"\\u65e5\\u672c \\u2192.png" in told
        assert b"b\\udcff.png" in told


@pytest.mark.skipif(os.name == "nt", reason="no /dev/full there")
@pytest.mark.parametrize(("way", "code"), [(">/dev/full", 1), (">&-", 0), ("| true", 0)])
def test_help_that_cannot_be_printed(way: str, code: int) -> None:
    program = "import sys, translate.cli as c; sys.exit(c.main(['--help']))"
    line = f'{sys.executable} -c "{program}" {way}'
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    child = subprocess.run(["sh", "-c", line], capture_output=True, env=buffered)
    assert child.returncode == code
    assert b"Traceback" not in child.stderr
    assert b"Exception ignored" not in child.stderr


def test_a_name_that_is_too_long_is_told_in_one_line(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path / ("x" * 300)), "-m", model, "-o", str(tmp_path / "out")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(": File name too long.")


DEMO = re.findall(r"translate (run examples.*)", (Path(__file__).parents[1] / "Makefile").read_text())


def test_make_demo_uses_every_shipped_model() -> None:
    used = {line.replace("$(MODEL)", "texture-x4").partition(" -m ")[2].split()[0] for line in DEMO}
    assert used == {path.name for path in shipped_folder().iterdir() if path.is_dir()}


@pytest.mark.parametrize("line", DEMO[1:])
def test_the_translations_of_make_demo(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(Path(__file__).parents[1] / "examples", target_is_directory=True)
    assert main([*line.split(), "-d", "cpu"]) == 0
    assert re.search(r"^(1|3|10) done, 0 skipped, 0 failed", capsys.readouterr().out, re.MULTILINE)


def test_the_command_of_make_demo_runs_twice(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, line = Path(__file__).parents[1], DEMO[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(root / "examples", target_is_directory=True)
    arguments = [*line.replace("$(MODEL)", model).split(), "-d", "cpu"]
    assert main(arguments) == 0
    assert " done, 0 skipped, 0 failed" in capsys.readouterr().out
    sheet = (tmp_path / "out/overview.png").read_bytes()
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^0 done, [1-9]\d* skipped, 0 failed", out, re.MULTILINE)
    assert err == ""
    assert (tmp_path / "out/overview.png").read_bytes() == sheet


def test_export_tells_the_measured_parity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = pytest.importorskip("export.verify")
    parity = verify.Parity(values=971_424, largest=1.2e-7, unequal=0, levels=0)
    monkeypatch.setattr("export.command.export_command", lambda *arguments, **options: (Path("mine.onnx"), parity))
    assert main(["export", str(tmp_path), "-o", "mine.onnx"]) == 0
    assert capsys.readouterr().out == "mine.onnx: largest difference 1.2e-07; 100.000% of 971,424 8-bit values equal\n"


def test_models_list_and_show(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "models/broken").mkdir()
    (tmp_path / "models/broken/model.onnx").write_bytes(b"nonsense")
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert [word in out for word in ("stand-in", "super-resolution", "x2", "CC0", "user", "broken")] == [True] * 6
    assert main(["models", "show", model]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^licence +CC0 *$", out, re.MULTILINE)
    assert re.search(r"^scale +x2 *$", out, re.MULTILINE)
    assert not re.search(r"None|\{|\(|'", out)  # words, not Python


def test_models_as_json_and_their_removal(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert main(["models", "show", model, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert listed[model] == shown
    assert (shown["manifest"]["license"], shown["manifest"]["scale"], shown["origin"]) == ("CC0", 2, "user")
    assert (len(shown["sha256"]), shown["problem"]) == (64, "")
    assert main(["models", "remove", "texture-x4"]) == 2
    assert "came with the application" in capsys.readouterr().err
    assert main(["models", "remove", model]) == 0
    assert not (tmp_path / "models" / model).exists()


def test_parts_that_are_not_installed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("models.zoo", "translate.training."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    for arguments in (["models", "zoo"], ["train", "srgan", "--data", str(tmp_path), "--out", str(tmp_path)]):
        assert main(arguments) == 1
        assert "pip install '.[train]'" in capsys.readouterr().err


def test_train_gets_recipe_values_and_flags_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.toml").write_text(
        'method = "srgan"\nbatch = 7\nstart_from = "w.safetensors"\njpeg_quality = [80, 90]\n[shrink]\nbox = 2.0\n'
    )
    (tmp_path / "typo.toml").write_text('method = "srgan"\nlearning_rat = 1.0\n')
    monkeypatch.setattr("translate.recipes.files", lambda package: tmp_path)
    seen: list[Any] = []
    monkeypatch.setattr("translate.training.train", lambda config: seen.append(config) or "RUN", raising=False)
    data = ["--data", "d", "--out", "o"]
    assert main(["train", "srgan", "--recipe", "mine", *data, "--images", "9"]) == 0
    assert main(["train", "srgan", "--recipe=mine", *data, "--batch", "3", "--shrink", "nearest", "1"]) == 0
    assert main(["train", "srgan", *data, "--generator-arguments", "width", "32"]) == 0
    assert capsys.readouterr().out == "RUN\n" * 3
    first, second, third = seen
    assert (first.batch, first.images, first.start_from) == (7, 9, Path("w.safetensors"))
    assert (first.shrink, first.jpeg_quality) == ({"box": 2.0}, (80, 90))
    assert (second.batch, second.shrink) == (3, {"nearest": 1.0})
    assert (third.batch, third.generator_arguments) == (SRGANConfig.batch, {"width": 32})
    with pytest.raises(ConfigError, match=r"'learning_rat'.* 'learning_rate'"):
        load_recipe("typo", "srgan", SRGANConfig)
    with pytest.raises(ConfigError, match="is for `translate train srgan`"):
        load_recipe("mine", "pix2pix", Pix2PixConfig)
    with pytest.raises(UnknownRecipe, match="mine, typo"):
        load_recipe("other", "srgan", SRGANConfig)


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_makes_a_configuration(name: str) -> None:
    for method, config in METHODS.items():
        try:
            values = load_recipe(name, method, config)
        except ConfigError as error:
            assert "is for `translate train" in str(error)  # noqa: PT017
        else:
            config(data=Path("d"), out=Path("o"), **values)
            return
    pytest.fail(f"no method takes the recipe {name}")


def test_a_second_sigterm_ends_at_once() -> None:
    from translate.console import stop_on_interrupt

    before = signal.getsignal(signal.SIGTERM)
    with stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_ctrl_c_finishes_what_is_in_hand(tmp_path: Path, model: str) -> None:
    for number in range(20):
        draw(tmp_path / f"in/{number:02}.png", 4 + number)  # of one size, they would be in hand together
    out = tmp_path / "out"
    code = """if True:
        import os, signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs are born deaf to it
        import translate.folders.pipeline as batch
        from translate.cli import main
        translate, calls = batch.translate_picture, []
        def interrupted(*arguments):
            calls.append(0)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return translate(*arguments)
        batch.translate_picture = interrupted
        sys.exit(main(sys.argv[1:]))
    """
    command = ["run", str(tmp_path / "in"), "-m", model, "-o", str(out), "-d", "cpu", "--jobs", "1"]
    child = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True)
    assert child.returncode == 130, child.stderr
    assert child.stdout.splitlines()[-1].startswith("3 done, 0 skipped, 0 failed")
    assert child.stdout.splitlines()[-1].endswith("interrupted before the end")
    assert "finishing the files in hand" in child.stderr
    assert "Traceback" not in child.stderr
    assert sorted(path.name for path in out.glob("*.png")) == ["00.png", "01.png", "02.png"]
    assert main([*command]) == 0
    assert len(list(out.glob("*.png"))) == 20
