"""The walkthrough in docs/train-your-own.md, in small: its own commands, one after the other."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")
PAGE = (Path(__file__).parents[2] / "docs" / "train-your-own.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^ {4}(translate .*)", PAGE, re.MULTILINE)]
IN_SMALL = (
    "--images 8 --size 32 --load-size 36 --validation 2 --patches 8 --workers 0 --device cpu --precision fp32 "
    "--log-images 2 --sample-images 4 --generator-arguments width 2 blocks 1 --discriminator-arguments width 2 layers 1"
)


def test_the_walkthrough_walks_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[object] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRANSLATE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("translate.web.serve", served.append, raising=False)
    for number, pile in enumerate(("trainA", "trainB", "testA", "testB")):
        (tmp_path / "pictures" / pile).mkdir(parents=True)
        for seed in range(5):
            coarse = np.random.default_rng(10 * number + seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
            picture.resize((256, 256)).save(tmp_path / "pictures" / pile / f"{seed}.png")
    assert [words[1] for words in COMMANDS] == [
        "data", "train", "report", "export", "evaluate", "run", "models", "app",
    ]  # fmt: skip
    for _, *words in COMMANDS:
        extra = shlex.split(IN_SMALL) if words[0] == "train" else []
        assert main([*words, *extra]) == 0, f"{' '.join(words)}: {capsys.readouterr().err}"
    assert (tmp_path / "sheet.png").stat().st_size > 1000
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert page.count("<polyline") >= 8
    assert "</span> <span class=key" in page  # keys break between lines, since no key breaks within
    assert "type=range" in page
    assert "Best checkpoint: <b>0000000" in page
    assert not re.search(r"(src|href)=['\"]?(?!data:)\w", page)  # it loads nothing
    assert len(list((tmp_path / "out").rglob("*.png"))) == 5
    assert served
