"""What an ONNX file of this project promises to whoever runs it. Needs no PyTorch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx

from models.errors import BadManifest, ExportError
from models.manifest import INPUT, METADATA_KEY, OUTPUT, Manifest

OPSET = 18
"""The opset PyTorch's operator library is written in: no conversion on the way out, and every runtime since
early 2023 reads it. Later ones bring nothing that a generator uses."""


def check_contract(path: Path, manifest: Manifest) -> None:
    """Check everything but the arithmetic of an exported file.

    One input `image` and one output `result`, both float32 [N, C, H, W] with free N, H and W; standard
    operators of one opset only; every weight inside the file; the Manifest in the metadata (aside from
    what is measured with the file: `precisions`, and a `radius` shorter than the layers'). Stricter than what
    `translate.inference` asks of a file, which may be another program's: this one is about what we give away.

    Raises:
        ExportError: a promise that the file does not keep.
    """
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    names = [[value.name for value in side] for side in (graph.input, graph.output)]
    _require(names == [[INPUT], [OUTPUT]], f"its inputs and outputs are {names[0]} and {names[1]}")
    for value in (*graph.input, *graph.output):
        tensor = value.type.tensor_type
        _require(tensor.elem_type == onnx.TensorProto.FLOAT, f"{value.name} is not float32")
        sides = [None if side.dim_param else side.dim_value for side in tensor.shape.dim]
        _require(
            sides == [None, manifest.channels, None, None],
            f"{value.name} has shape {sides}, not [N, {manifest.channels}, H, W] with free N, H and W",
        )
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    _require(opsets == {"": OPSET}, f"its operators are of {opsets}, not of the standard opset {OPSET}")
    outside = [w.name for w in graph.initializer if w.data_location == onnx.TensorProto.EXTERNAL]
    _require(not outside, f"weights lie outside of it: {', '.join(outside[:3])}")

    metadata = {entry.key: entry.value for entry in model.metadata_props}
    try:
        found = Manifest.from_json(metadata.get(METADATA_KEY, ""))
    except BadManifest as error:
        raise ExportError(str(error)) from None
    measured = {name: getattr(manifest, name) for name in ("precisions", "radius", "radius_error")}
    same = dataclasses.replace(found, **measured) == manifest
    _require(same, "its metadata hold another Manifest")
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"the ONNX checker refuses the file: {error}") from None


def _require(ok: bool, complaint: str) -> None:
    if not ok:
        raise ExportError(f"the file breaks its contract: {complaint}.")
