"""A model as OpenVINO's own pair of files, .xml and .bin. Needs no PyTorch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from export.precision import nearness, openvino_core
from export.trial import run_onnx, to_floats, trial_pictures
from models.errors import ExportError
from models.manifest import METADATA_KEY, Manifest

NEAREST_DB = 60.0
"""PSNR on photographs, against ONNX Runtime, below which the pair is refused; 8-bit rounding alone is at 59 dB."""
NEAREST_INT8_DB = 40.0
"""The same for quantized models, whose sums the two round in different places."""


def to_openvino(model: bytes, manifest: Manifest) -> tuple[dict[str, bytes], float]:
    """The pair by suffix, with the Manifest under `translate.manifest` in its runtime information.

    Returns:
        .xml and .bin -> bytes, and PSNR in dB of OpenVINO's results with them against ONNX Runtime's with `model`.
    Raises:
        ExportError: OpenVINO does not take the model, or computes something else.
    """
    import openvino

    core = openvino_core()
    try:
        network = core.read_model(model)
        network.set_rt_info(manifest.to_json(), METADATA_KEY)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.xml"
            openvino.save_model(network, path, compress_to_fp16=False)
            pair = {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".xml", ".bin")}
            again = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise ExportError(f"OpenVINO does not take {manifest.name}: {error}") from error
    pictures = trial_pictures(model, manifest)
    expected = [to_floats(each) for each in run_onnx(model, pictures)]
    results = [to_floats(again(each)[0]) for each in pictures]
    db = nearness(expected, results)
    least = NEAREST_INT8_DB if "int8" in manifest.precisions else NEAREST_DB
    if db < least:
        raise ExportError(
            f"OpenVINO's results with {manifest.name} are {db:.1f} dB from ONNX Runtime's; {least:.0f} are asked for."
        )
    return pair, db
