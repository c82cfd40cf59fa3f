"""Every network of the zoo leaves PyTorch and computes the same outside."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exporting import Exported

from export import check_contract
from models.manifest import METADATA_KEY, Manifest


@pytest.mark.parametrize(("batch", "high", "wide"), [(1, 2, 3), (2, 3, 1), (3, 1, 2)])
def test_computes_the_same_at_sizes_it_was_not_exported_with(
    exported: Exported, batch: int, high: int, wide: int
) -> None:
    manifest, step = exported.manifest, exported.manifest.multiple
    least = -(-max(manifest.minimum, 12) // step)
    sides = (step * (least + high), step * (least + wide))
    image = np.random.default_rng(7).random((batch, manifest.channels, *sides), np.float32)
    session = onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    (result,) = session.run(["result"], {"image": image})

    with torch.no_grad():
        expected = (exported.network(torch.from_numpy(image) * 2 - 1).numpy() + 1) / 2
    assert result.shape == (batch, manifest.channels, *(manifest.scale * side for side in sides))
    np.testing.assert_allclose(result, expected.clip(0, 1), rtol=0, atol=1e-4)


def test_the_file_describes_itself(exported: Exported) -> None:
    metadata = (
        onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
        .get_modelmeta()
        .custom_metadata_map
    )
    found = Manifest.from_json(metadata[METADATA_KEY])
    assert found.precisions.keys() == {"fp16", "bf16"}
    assert found.radius <= exported.manifest.radius
    assert 0 <= found.radius_error < 1 / 255
    measured = {name: getattr(exported.manifest, name) for name in ("precisions", "radius", "radius_error")}
    assert dataclasses.replace(found, **measured) == exported.manifest
    assert set(metadata) == {METADATA_KEY}


def test_what_is_said_of_it_was_measured(exported: Exported) -> None:
    """At sizes where single values are held to the tightest gate, too."""
    assert exported.parity.values > 50_000
    assert 0 < exported.parity.largest <= 1e-4


def test_the_file_keeps_the_contract_alone(exported: Exported) -> None:
    check_contract(exported.path, exported.manifest)
    assert [file.name for file in exported.path.parent.iterdir()] == ["model.onnx"]


def test_nothing_of_this_machine_is_in_the_file(exported: Exported) -> None:
    content = exported.path.read_bytes()
    here = [Path.cwd(), Path.home(), Path(torch.__file__).parents[1], Path(__file__).parents[2]]
    traces = [str(folder).encode() for folder in here if len(folder.parts) > 1]
    for trace in [*traces, b".py", b"site-packages", b"stack_trace", b"pkg.torch"]:
        assert trace not in content


def test_sizes_are_named_as_the_network_needs_them(exported: Exported) -> None:
    graph = onnx.load(exported.path).graph
    multiple, scale = exported.manifest.multiple, exported.manifest.scale

    def sides(value: onnx.ValueInfoProto) -> list[str]:
        return [side.dim_param or str(side.dim_value) for side in value.type.tensor_type.shape.dim]

    def times(factor: int, symbol: str) -> str:
        return symbol if factor == 1 else f"{factor}*{symbol}"

    assert sides(graph.input[0]) == ["n", "3", times(multiple, "h"), times(multiple, "w")]
    assert sides(graph.output[0]) == ["n", "3", times(multiple * scale, "h"), times(multiple * scale, "w")]
