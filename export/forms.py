"""An exported model in the forms that other programs want: of one size, or with bytes in and out. Needs no PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.precision import with_facts
from export.trial import run_onnx, to_bytes, to_floats, trial_pictures
from models.errors import ConfigError, ExportError
from models.manifest import INPUT, METADATA_KEY, OUTPUT, Manifest

LARGEST, UNEQUAL = 1e-4, 1e-3
"""As `export.verify` has them: most that a value may differ, and the share of bytes that may, by one level."""


def with_fixed_size(model: bytes, manifest: Manifest, height: int, width: int) -> bytes:
    """The same model for one picture of one size: [1, C, height, width], as TensorRT and neural units want it.

    Raises:
        ConfigError: the network takes no pictures of that size.
        ExportError: the file does not run at it.
    """
    least, unit = manifest.minimum, manifest.multiple
    if min(height, width) < least or height % unit or width % unit:
        rule = f"multiples of {unit} from {least} pixels" if unit > 1 else f"{least} pixels or more"
        raise ConfigError(f"--fixed-size {height}x{width} does not suit {manifest.name}: its sides are {rule}.")
    loaded = onnx.load_model_from_string(model)
    graph = loaded.graph
    sizes = ((graph.input[0], height, width), (graph.output[0], height * manifest.scale, width * manifest.scale))
    for value, high, wide in sizes:
        for dimension, side in zip(value.type.tensor_type.shape.dim, (1, manifest.channels, high, wide), strict=True):
            dimension.dim_value = side
    data: bytes = loaded.SerializeToString(deterministic=True)
    pictures = trial_pictures(data, manifest)
    for one, other in zip(run_onnx(model, pictures), run_onnx(data, pictures), strict=True):
        if one.shape != other.shape or np.abs(one - other).max() > LARGEST:
            raise ExportError(f"{manifest.name} of the fixed size {height}x{width} computes something else.")
    return data


def with_bytes(model: bytes, manifest: Manifest) -> bytes:
    """The same model with uint8 [N, H, W, C] in and out: what decoders, canvases and cameras have, at a quarter of the
    bytes of float32. Rounded as `translate run` rounds; the Manifest says so.

    The casts are the first and the last node: TensorRT takes bytes only so.

    Raises:
        ExportError: on photographs some byte is not the rounded value of before.
    """
    loaded = onnx.load_model_from_string(with_facts(model, pixels="uint8 NHWC"))
    graph = loaded.graph
    taken, given = "bytes/taken", "bytes/given"
    for node in graph.node:
        node.input[:] = [taken if name == INPUT else name for name in node.input]
        node.output[:] = [given if name == OUTPUT else name for name in node.output]
    white, black = (numpy_helper.from_array(np.float32(v), f"bytes/{v}") for v in (255, 0))
    steps_in = [
        _node("Cast", [INPUT], "bytes/floats", to=TensorProto.FLOAT),
        _node("Transpose", ["bytes/floats"], "bytes/planes", perm=[0, 3, 1, 2]),
        _node("Div", ["bytes/planes", white.name], taken),
    ]
    steps_out = [
        _node("Mul", [given, white.name], "bytes/levels"),
        _node("Round", ["bytes/levels"], "bytes/rounded"),
        _node("Clip", ["bytes/rounded", black.name, white.name], "bytes/clipped"),
        _node("Transpose", ["bytes/clipped"], "bytes/pixels", perm=[0, 2, 3, 1]),
        _node("Cast", ["bytes/pixels"], OUTPUT, to=TensorProto.UINT8),
    ]
    for value in (graph.input[0], graph.output[0]):
        tensor = value.type.tensor_type
        tensor.elem_type = TensorProto.UINT8
        n, c, h, w = [type(dimension).FromString(dimension.SerializeToString()) for dimension in tensor.shape.dim]
        del tensor.shape.dim[:]
        tensor.shape.dim.extend([n, h, w, c])
    nodes = [*steps_in, *graph.node, *steps_out]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend([white, black])
    data: bytes = loaded.SerializeToString(deterministic=True)
    _check_bytes(model, data, manifest)
    return data


def read_pixels(model: bytes) -> Manifest:
    """The Manifest in a file of any form."""
    entries = {entry.key: entry.value for entry in onnx.load_model_from_string(model).metadata_props}
    return Manifest.from_json(entries[METADATA_KEY])


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], name=f"make {output}", **attributes)


def _check_bytes(model: bytes, data: bytes, manifest: Manifest) -> None:
    pictures = trial_pictures(data, manifest)
    expected = run_onnx(model, [to_floats(each) for each in pictures])
    for one, other in zip(expected, run_onnx(data, pictures), strict=True):
        apart = np.abs(to_bytes(one).astype(int) - other)
        if apart.max() > 1 or np.count_nonzero(apart) > apart.size * UNEQUAL:
            raise ExportError(f"{manifest.name} with bytes in and out is up to {apart.max()} levels off.")
