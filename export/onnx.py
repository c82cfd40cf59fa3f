"""One generator to one self-describing ONNX file, verified before it is kept."""

from __future__ import annotations

import copy
import math
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from export.contract import OPSET
from export.precision import measure_precisions, with_facts
from export.radius import effective_radius
from export.verify import Parity, verify
from export.weights import with_half_weights
from models.errors import ExportError
from models.manifest import DECLARED, INPUT, METADATA_KEY, OUTPUT, Manifest


class UnitRange(nn.Module):
    """A generator that takes and gives pictures in [0, 1].

    Shapes: [N, C, H, W] -> [N, C, scale H, scale W].
    """

    def __init__(self, generator: nn.Module, manifest: Manifest) -> None:
        super().__init__()
        self.generator = generator
        self.input_low, self.input_high = manifest.input_range
        self.output_low, self.output_high = manifest.output_range

    def forward(self, image: Tensor) -> Tensor:
        values = self.generator(image * (self.input_high - self.input_low) + self.input_low)
        result: Tensor = (values - self.output_low) / (self.output_high - self.output_low)
        return result.clamp(0, 1)


def export_onnx(generator: nn.Module, manifest: Manifest, path: Path, *, half_weights: bool = False) -> Parity:
    """Write a generator as one ONNX file, and keep it only if it computes what PyTorch computes.

    A file already at `path` is replaced in one step, and only by a verified one.

    Args:
        generator: [B, C, H, W] -> [B, C, scale H, scale W], in the Manifest's ranges. It is not changed.
        manifest: what the generator is; goes into the metadata, with what lower precisions do to its
            results, and how far it sees in effect.
        half_weights: store the weights in float16; what is computed stays float32.
    Returns:
        How far ONNX Runtime is from PyTorch with it.
    Raises:
        ExportError: the Manifest describes another network, the network has no ONNX form, the file disagrees
            with the network, float16 is not near enough, or it cannot be written.
    """
    _check_described(generator, manifest)
    model = to_onnx(generator, manifest)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(model.SerializeToString(deterministic=True))
        parity = verify(part, generator, manifest)
        data = part.read_bytes()
        if half_weights:
            data, half_db = with_half_weights(data, manifest)
            parity = replace(parity, half_db=half_db)
        radius, error = effective_radius(generator, manifest)
        precisions = measure_precisions(data, manifest, generator)
        part.write_bytes(with_facts(data, precisions=precisions, radius=radius, radius_error=error))
        part.replace(path)
    except ExportError as error:
        raise ExportError(f"{path} was not written: {error}") from error
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}. Name another file with -o.") from error
    finally:
        if part.exists():
            part.unlink()
    return parity


def to_onnx(generator: nn.Module, manifest: Manifest) -> onnx.ModelProto:
    """The graph with its weights and Manifest, and nothing of the machine it was made on.

    Raises:
        ExportError: the network has no ONNX form with free sizes.
    """
    network = UnitRange(copy.deepcopy(generator).float().cpu(), manifest).eval()
    multiple, least = manifest.multiple, math.ceil(manifest.minimum / manifest.multiple)
    # Two pictures, of different sides, all of them above one: the exporter takes a side of 1 for a constant.
    example = torch.zeros(2, manifest.channels, multiple * (least + 1), multiple * (least + 2))
    high, wide = (multiple * Dim(side, min=least) if multiple > 1 else Dim(side, min=least) for side in "hw")
    try:
        program: Any = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"image": {0: Dim("n"), 2: high, 3: wide}},
            external_data=False,
            verbose=False,
        )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ExportError(f"{manifest.generator} has no ONNX form with free batch and sizes: {reason}") from error
    model = program.model_proto
    _strip(model)
    for value, scale in ((model.graph.input[0], 1), (model.graph.output[0], manifest.scale)):
        for axis, side in ((0, "n"), (2, _side("h", multiple * scale)), (3, _side("w", multiple * scale))):
            if value.type.tensor_type.shape.dim[axis].dim_param:  # a number is for the verification to refuse
                value.type.tensor_type.shape.dim[axis].dim_param = side
    model.metadata_props.add(key=METADATA_KEY, value=manifest.to_json())
    return model


def _side(symbol: str, factor: int) -> str:
    return symbol if factor == 1 else f"{factor}*{symbol}"


def _check_described(generator: nn.Module, manifest: Manifest) -> None:
    pairs = [(name, getattr(manifest, name), getattr(generator, name, "not declared")) for name in DECLARED]
    wrong = "; ".join(f"{name} {said}, but {is_so} in the network" for name, said, is_so in pairs if said != is_so)
    if wrong:
        raise ExportError(f"{manifest.name} was not exported: its Manifest describes another network: {wrong}.")


def _strip(model: onnx.ModelProto) -> None:
    """Take out the exporter's notes: stack traces with source paths, sizes in symbols of its own."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.doc_string = ""
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
