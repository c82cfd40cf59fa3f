"""The weights of an ONNX file as one .safetensors file. Needs no PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.errors import ExportError
from models.manifest import METADATA_KEY, Manifest

PREFIX = "generator."
"""What exported files put before the names of the generator's own weights."""


def weights_of(model: bytes, manifest: Manifest) -> bytes:
    """A .safetensors file of an ONNX file's weights, with the Manifest.

    Of our own exports these are the names and shapes of the network, so that `models.checkpoint.load_checkpoint`
    reads them, unless the exporter folded a fixed normalization into its convolutions. Of imported files they are the
    file's own.

    Raises:
        ExportError: no weights inside, or quantized ones, which are no weights of a network.
    """
    import onnx
    from onnx import TensorProto, numpy_helper
    from safetensors.numpy import save

    graph = onnx.load_model_from_string(model).graph
    if any(node.op_type == "DequantizeLinear" for node in graph.node):
        raise ExportError(f"{manifest.name} is quantized: its weights are in int8. Take the file it was made from.")
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
    tensors = {
        tensor.name.removesuffix("/half"): numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type in floats and len(tensor.dims)
    }
    own = {name.removeprefix(PREFIX): values for name, values in tensors.items() if name.startswith(PREFIX)}
    if own:
        own |= {name: tensors[given].reshape(-1) for name, given in _slopes(graph, own).items() if given in tensors}
    if not tensors:
        raise ExportError(f"{manifest.name} holds no weights by name; only its .onnx file has all of it.")
    kept = {name: np.ascontiguousarray(values) for name, values in (own or tensors).items()}
    data: bytes = save(kept, metadata={METADATA_KEY: manifest.to_json(), "format": "pt"})
    return data


def _slopes(graph: Any, own: Mapping[str, Any]) -> dict[str, str]:
    """Name in the network -> name in the file of PReLU's slopes, which the exporter reshapes and so renames.

    They belong to the layer after a convolution: `body.1.weight` after `body.0.weight`.
    """
    made_by = {node.output[0]: node for node in graph.node}
    found = {}
    for node in graph.node:
        before = made_by.get(node.input[0])
        if node.op_type == "PRelu" and before is not None and before.op_type == "Conv":
            layer = re.fullmatch(r"(.*\.)(\d+)\.weight", before.input[1].removeprefix(PREFIX))
            name = f"{layer[1]}{int(layer[2]) + 1}.weight" if layer else ""
            if name and name not in own:
                found[name] = node.input[1]
    return found
