"""Published weights: what each file is taken for, how near its ONNX file comes to the source network, and how fast.

    python -m benchmarks.published [FILE ...]

Without files, networks of spandrel with random weights stand in for published ones.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from models.errors import TranslateError
from models.published.files import read_weights
from translate.config import ImportConfig
from translate.foreign import import_model
from translate.foreign.network import photograph

Picture = np.ndarray


def main(files: list[Path]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSLATE_MODELS"] = folder
        print("| file | taken for | import, s of processor time | PSNR against its source, dB | largest difference |")
        print("|---|---|---|---|---|")
        for file in files or list(_stand_ins(Path(folder))):
            print("|", " | ".join(_row(file)), "|", flush=True)


def _row(file: Path) -> list[str]:
    start = time.process_time()
    try:
        imported = import_model(ImportConfig(file=file, name="measured", replace=True))
    except TranslateError as error:
        return [file.name, f"refused: {error}", f"{time.process_time() - start:.1f}", "", ""]
    seconds = time.process_time() - start
    family = next(fact.value for fact in imported.facts if fact.name == "family")
    source = _source(file)
    if source is None:
        return [file.name, family, f"{seconds:.1f}", "no package has it", ""]
    picture = photograph(imported.manifest.channels, 96, 120)
    session = onnxruntime.InferenceSession(imported.path, providers=["CPUExecutionProvider"])
    result = session.run(None, {"image": picture})[0]
    difference = np.abs(result - source(picture))
    error = float(np.mean(difference.astype(np.float64) ** 2))
    nearness = f"{-10 * np.log10(error):.1f}" if error else "equal"
    return [file.name, family, f"{seconds:.1f}", nearness, f"{difference.max():.1e}"]


def _source(file: Path) -> Callable[[Picture], Picture] | None:
    """The network as spandrel writes it; None where it has none."""
    from spandrel import ModelLoader, UnsupportedModelError

    try:
        network = ModelLoader(device="cpu").load_from_state_dict(read_weights(file))
    except UnsupportedModelError:
        return None

    def run(picture: Picture) -> Picture:
        with torch.no_grad():
            return network.model.eval()(torch.from_numpy(picture)).numpy().clip(0, 1)

    return run


def _stand_ins(folder: Path) -> list[Path]:
    from spandrel.architectures.Compact import Compact
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    networks: dict[str, nn.Module] = {
        "compact x4": Compact(num_feat=64, num_conv=32, upscale=4),
        "RRDBNet x2, 6 blocks": ESRGAN(num_filters=64, num_blocks=6, scale=4, in_nc=12, shuffle_factor=2),
        "RRDBNet x4, 23 blocks": ESRGAN(num_filters=64, num_blocks=23, scale=4),
    }
    paths = []
    for name, network in networks.items():
        paths.append(folder / f"{name}.pth")
        torch.save(network.state_dict(), paths[-1])
    return paths


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
