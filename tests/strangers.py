"""Networks and graphs as strangers export them: `export(network, path)`, `tiny(path, *nodes)`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, nn

from translate.config import ImportConfig
from translate.foreign import Imported, import_model

Range = tuple[float, float]
UNIT, SIGNED, BYTES = (0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)


class Stranger(nn.Module):
    """Keeps a photograph, but for deep black and bright white; no operator gives its range away."""

    def __init__(self, scale: int = 2, given: Range = UNIT, taken: Range = UNIT, invert: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.head, self.tail = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        size, span = given[1] - given[0], taken[1] - taken[0]
        with torch.no_grad():
            for layer in (self.head, self.tail):
                layer.weight.zero_()
            for channel in range(3):
                self.head.weight[channel, channel, 1, 1] = (-1 if invert else 1) / size
                self.tail.weight[channel, channel] = span
            self.head.bias.fill_((given[1] if invert else -given[0]) / size)
            self.tail.bias.fill_(taken[0])

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(image)
        x = x + F.relu(0.15 - x) - F.relu(x - 0.7)
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=float(self.scale), mode="nearest")
        return self.tail(x)


class OwnNorm(nn.Module):
    """InstanceNorm as some write it."""

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean((2, 3), keepdim=True)
        return x / torch.sqrt((x * x).mean((2, 3), keepdim=True) + 1e-5)


def export(
    network: nn.Module, path: Path, *, dynamic: bool = True, opset: int = 17, side: int = 32, dynamo: bool = False
) -> Path:
    """As a stranger does: own names, either exporter, a fixed size unless asked otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"], "opset_version": opset}
    if dynamo:
        free = {0: torch.export.Dim("b"), 2: torch.export.Dim("high"), 3: torch.export.Dim("wide")}
        options |= {"dynamic_shapes": (free,) if dynamic else None, "external_data": False, "verbose": False}
    elif dynamic:
        options["dynamic_axes"] = {name: {0: "b", 2: "h", 3: "w"} for name in ("input", "output")}
    shape = (2, 3, side, side + 8) if dynamo and dynamic else (1, 3, side, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (torch.rand(shape),), path, dynamo=dynamo, **options)
    return path


def bring(path: Path, name: str = "mine", **options: Any) -> Imported:
    return import_model(ImportConfig(file=path, name=name, **options))


def found(imported: Imported) -> dict[str, str]:
    return {fact.name: fact.value for fact in imported.facts}


def tiny(path: Path, *nodes: onnx.NodeProto, shape: Any = ("n", 3, "h", "w"), kind: int = 1, outputs: int = 1) -> Path:
    """A graph of given nodes from `x` to `y`."""
    constants = [numpy_helper.from_array(np.asarray(v, t), n) for n, v, t in (
        ("half", 0.5, np.float32), ("larger", [1, 1, 1.5, 1.5], np.float32), ("huge", [1, 1, 40, 40], np.float32),
        ("square", [1, 3, 64, 64], np.int64), ("one", [1, 3, 1, 1], np.int64), ("vast", [10**6, 10**6], np.int64),
        ("last", [0, 2, 3, 1], np.int64), ("axis", [1], np.int64),
    )]  # fmt: skip
    graph = helper.make_graph(
        list(nodes), "tiny", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)] * outputs, constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def node(operator: str, *inputs: str, to: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, [*inputs], [to], **attributes)


def with_constants(path: Path, **values: Any) -> Path:
    model = onnx.load(path)
    for name, value in values.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    onnx.save(model, path)
    return path
