"""Photographs through an exported file, whatever form it has. Needs no PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.precision import Pictures, photographs
from models.manifest import INPUT, OUTPUT, Manifest

Given = NDArray[Any]
"""What a file takes or gives: float32 [N, C, H, W] in [0, 1], or uint8 [N, H, W, C]."""


def trial_pictures(model: bytes, manifest: Manifest) -> list[Given]:
    """Photographs as the file takes them: of its size, if it has but one, and of its type."""
    value = onnx.load_model_from_string(model).graph.input[0].type.tensor_type
    as_bytes = value.elem_type == onnx.TensorProto.UINT8
    sides = [dimension.dim_value for dimension in value.shape.dim][1 if as_bytes else 2 :][:2]
    pictures = photographs(manifest)
    if all(sides):
        pictures = [_covering(each, *sides) for each in pictures]
    return [to_bytes(each) for each in pictures] if as_bytes else list(pictures)


def to_bytes(pictures: Pictures) -> NDArray[np.uint8]:
    """[N, C, H, W] in [0, 1] -> [N, H, W, C] in 0 to 255, rounded."""
    return np.ascontiguousarray(np.rint(pictures.transpose(0, 2, 3, 1) * 255).astype(np.uint8))


def to_floats(given: Given) -> Pictures:
    """Either form as [N, C, H, W] in [0, 1]."""
    if given.dtype != np.uint8:
        return given
    return np.ascontiguousarray(given.transpose(0, 3, 1, 2) / np.float32(255))


def run_onnx(model: bytes, pictures: list[Given]) -> list[Given]:
    """Through ONNX Runtime on the processor, in fp32."""
    session = open_session(model)
    return [session.run([OUTPUT], {INPUT: each})[0] for each in pictures]


def open_session(model: bytes, threads: int = 0) -> Any:
    """A session that takes no more of the processor than it needs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _covering(picture: Pictures, height: int, width: int) -> Pictures:
    repeats = (1, 1, -(-height // picture.shape[2]), -(-width // picture.shape[3]))
    return np.ascontiguousarray(np.tile(picture, repeats)[:, :, :height, :width])
