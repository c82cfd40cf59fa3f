"""Weights that a file stores in float16 become float32 again, so that nothing further on has to know of it."""

from __future__ import annotations


def widened(model: bytes) -> bytes:
    """The same graph without casts of float16 weights; as it was where there are none.

    Args:
        model: a checked ONNX file: its weights are inside.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, numpy_helper

    loaded = onnx.load_model_from_string(model)
    graph = loaded.graph
    halves = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    casts = [
        node
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in halves and node.attribute[0].i == TensorProto.FLOAT
    ]
    if not casts:
        return model
    kept = [node for node in graph.node if node not in casts]
    for node in casts:
        values = numpy_helper.to_array(halves[node.input[0]]).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    used = {name for node in kept for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.data_type != TensorProto.FLOAT16 or tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(weights)
    data: bytes = loaded.SerializeToString(deterministic=True)
    return data
