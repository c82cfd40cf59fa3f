"""The folder that NVIDIA's Triton Inference Server serves a model from."""

from __future__ import annotations

from typing import Any

import onnx

from models.manifest import INPUT, OUTPUT

MAX_BATCH = 8
"""Most pictures of one size that the server puts into one call."""
_TYPES = {1: "TYPE_FP32", 2: "TYPE_UINT8"}


def repository(model: bytes, name: str) -> dict[str, bytes]:
    """Path below the repository -> content: `NAME/config.pbtxt` and `NAME/1/model.onnx`.

    Pictures of any size are batched with others of the same size, as they come; a model of a fixed size is served as it
    is.
    """
    graph = onnx.load_model_from_string(model).graph
    fixed = graph.input[0].type.tensor_type.shape.dim[0].dim_value
    batch = 0 if fixed else MAX_BATCH
    lines = [f'name: "{name}"', 'platform: "onnxruntime_onnx"', f"max_batch_size: {batch}"]
    lines += [_tensor("input", INPUT, graph.input[0], batch), _tensor("output", OUTPUT, graph.output[0], batch)]
    if batch:
        lines.append("dynamic_batching { }")
    config = "\n".join(lines) + "\n"
    return {f"{name}/config.pbtxt": config.encode(), f"{name}/1/model.onnx": model}


def _tensor(side: str, name: str, value: Any, batch: int) -> str:
    tensor = value.type.tensor_type
    sides = [dimension.dim_value or -1 for dimension in tensor.shape.dim][1 if batch else 0 :]
    return f'{side} [\n  {{ name: "{name}" data_type: {_TYPES[tensor.elem_type]} dims: {sides} }}\n]'
