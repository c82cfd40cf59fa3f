"""Weights stored in half precision: a file of half the size that is computed in float32, as before."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from export.precision import nearness, photographs
from models.errors import ExportError
from models.manifest import INPUT, OUTPUT, Manifest

NEAREST_DB = 50.0
"""PSNR on photographs, against float32, below which half precision is refused."""


def with_half_weights(model: bytes, manifest: Manifest) -> tuple[bytes, float]:
    """The same model with the weights of its convolutions in float16, each cast to float32 where it is used.

    What is computed stays float32, the statistics of InstanceNorm with it; the runtime casts once, when it loads.

    Returns:
        The file, and PSNR in dB on photographs against what it was, the worst of several.
    Raises:
        ExportError: that is below NEAREST_DB.
    """
    loaded = onnx.load_model_from_string(model)
    graph = loaded.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue  # what is short adds nothing to the size: biases, norms, slopes
        name = tensor.name
        with np.errstate(over="ignore"):  # what becomes infinite is found out below
            half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
        casts.append(helper.make_node("Cast", [f"{name}/half"], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    data: bytes = loaded.SerializeToString(deterministic=True)
    pictures = photographs(manifest)
    before, after = ([_run(each, picture) for picture in pictures] for each in (model, data))
    db = nearness(before, after)
    if db < NEAREST_DB:
        raise ExportError(
            f"with weights in fp16 its results are {db:.1f} dB from those in fp32 on photographs; "
            f"at least {NEAREST_DB:.0f} are asked for. Export it in fp32."
        )
    return data, db


def _run(model: bytes, picture: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: picture})[0]
