import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import make_model

from models.errors import BadManifest, BadModelFile
from models.manifest import METADATA_KEY, Manifest
from translate.inference import model_file, safety
from translate.inference.model_file import load_model, read_manifest


def edit(path: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load_model_from_string(path.read_bytes())
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_good_file_gives_its_bytes_and_manifest(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx", scale=2, name="good")
    data, manifest = load_model(path)
    assert data == path.read_bytes()
    assert (manifest.name, manifest.scale) == ("good", 2)
    assert read_manifest(path) == manifest


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_in_a_branch(model: onnx.ModelProto) -> None:
    """Weights of another file hidden in a node of the branch of an If."""
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    value.external_data.add(key="location", value="w.bin")
    branch = helper.make_graph([helper.make_node("Constant", [], ["x"], value=value)], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["c0"], ["y"], then_branch=branch, else_branch=branch))


def own_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Evil", ["image"], ["x"], domain="com.example"))


def own_operator_in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Evil", ["a"], ["b"], domain="com.example")
    model.functions.append(helper.make_function("ai.onnx", "F", ["a"], ["b"], [node], []))


def external_sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    values.data_location = TensorProto.EXTERNAL
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def external_default_of_a_function(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    function = helper.make_function("own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])
    function.attribute_proto.append(helper.make_attribute("weights", value))
    model.functions.append(function)


def external_in_training(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    value.data_location = TensorProto.EXTERNAL
    model.training_info.add().algorithm.initializer.append(value)


def operator(name: str, **attributes: Any) -> Callable[[onnx.ModelProto], None]:
    """Add an operator that nothing needs."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(name, ["image"], ["unused"], **attributes))

    return change


def text(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"x"]))


def text_in_a_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["words"], value_strings=[b"x"]))


def claims_more(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [10**6, 10**6]


def claims_more_of_a_list(model: onnx.ModelProto) -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    tensor.dims[:] = [10**9]
    model.graph.initializer.append(tensor)


def negative(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [-1, -1]


def unknown_type(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


def vast_constant(model: onnx.ModelProto) -> None:
    """A few bytes that stand for 4 terabytes, made before the first picture is seen."""
    model.graph.initializer.append(helper.make_tensor("side", TensorProto.INT64, [2], [10**6, 10**6]))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["side"], ["vast"]))


def vast_product(model: onnx.ModelProto) -> None:
    for name, shape in (("high", [10**6, 1]), ("wide", [1, 10**6])):
        model.graph.initializer.append(helper.make_tensor(f"{name}_shape", TensorProto.INT64, [2], shape))
        model.graph.node.append(helper.make_node("ConstantOfShape", [f"{name}_shape"], [name]))
    model.graph.node.append(helper.make_node("MatMul", ["high", "wide"], ["vast"]))


def vast_in_a_function(model: onnx.ModelProto) -> None:
    nodes = [
        helper.make_node("Constant", [], ["side"], value_ints=[10**6, 10**6]),
        helper.make_node("ConstantOfShape", ["side"], ["vast"]),
        helper.make_node("Relu", ["a"], ["b"]),
    ]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, [helper.make_opsetid("", 20)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.graph.node.append(helper.make_node("F", ["image"], ["unused"], domain="own"))


def vast_sparse(model: onnx.ModelProto) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [10**6, 10**6]))


def doubling(model: onnx.ModelProto) -> None:
    """40 functions, each of which calls the next one twice."""
    for number in range(40):
        nodes = [helper.make_node(f"F{number + 1}", ["a"], [name], domain="own") for name in ("b", "c")]
        model.functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], nodes, []))
    relu = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("own", "F40", ["a"], ["b"], relu, []))
    model.graph.node.append(helper.make_node("F0", ["image"], ["unused"], domain="own"))


def endless(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("F", ["a"], ["b"], domain="own")]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], nodes, []))
    model.graph.node.append(helper.make_node("F", ["image"], ["unused"], domain="own"))


def too_new(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 200


def too_new_a_format(model: onnx.ModelProto) -> None:
    model.ir_version = 200


def other_scale(model: onnx.ModelProto) -> None:
    entry = model.metadata_props[0]
    entry.value = Manifest.from_json(entry.value).to_json().replace('"scale": 4', '"scale": 2')


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("n0", TensorProto.FLOAT, [1]))


def other_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "x"


def other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


def half_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def other_rank(model: onnx.ModelProto) -> None:
    del model.graph.input[0].type.tensor_type.shape.dim[0]


def other_channels(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1


def fixed_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (external, "another file"),
        (external_in_a_branch, "another file"),
        (own_operator, "Evil of the domain 'com.example'"),
        (own_operator_in_a_function, "Evil of the domain 'com.example'"),
        (external_sparse, "another file"),
        (external_default_of_a_function, "another file"),
        (external_in_training, "another file"),
        (operator("Loop"), "operator Loop, which is not run: it repeats"),
        (operator("Scan"), "operator Scan, which is not run: it repeats"),
        (operator("SequenceMap"), "operator SequenceMap, which is not run: it repeats"),
        (operator("ImageDecoder"), "operator ImageDecoder, which is not run"),
        (operator("Cast", to=TensorProto.STRING), "computes with text"),
        (text, "holds text"),
        (text_in_a_constant, "computes with text"),
        (claims_more, "claim 1,000,000,000,000 elements, but the file holds 1"),
        (claims_more_of_a_list, "claim 1,000,000,000 elements, but the file holds 2"),
        (negative, "claim 1 elements"),
        (unknown_type, "unknown type 99"),
        (vast_constant, "'vast' has 1,000,000,000,000 elements for a picture of 64 x 64"),
        (vast_product, "'vast' has 1,000,000,000,000 elements"),
        (vast_in_a_function, "1,000,000,000,000 elements"),
        (vast_sparse, "sparse tensor of it has 1,000,000,000,000 elements"),
        (doubling, "more than 50,000 operators"),
        (endless, "F calls itself"),
        (too_new, "ONNX opset 200 .*update onnxruntime"),
        (too_new_a_format, "file format 200.*update onnxruntime"),
        (other_scale, r"it makes \[1, 3, 256, 256\]; its Manifest promises \[1, 3, 128, 128\]"),
        (second_input, "inputs are image, noise"),
        (second_output, "outputs are result, n0"),
        (other_name, "inputs are x; it must have one, named image"),
        (other_type, r"its input is bytes \(--uint8\)"),
        (half_type, "not float32"),
        (other_rank, "3 dimensions"),
        (other_channels, "output has 1 channels; its Manifest says 3"),
        (fixed_size, "fixed size"),
    ],
)
def test_refusals(tmp_path: Path, change: Callable[[onnx.ModelProto], None], complaint: str):
    path = edit(make_model(tmp_path / "m.onnx"), change)
    with pytest.raises(BadModelFile, match=complaint) as refusal:
        load_model(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (None, "no Manifest"),
        ("{", "not JSON"),
        ('{"schema": 99}', "schema 99"),
        ('{"schema": 1, "surprise": 1}', "surprise"),
        ('{"schema": 1, "name": "x"}', "lacks"),
    ],
)
def test_refused_manifests(tmp_path: Path, manifest: str | None, complaint: str):
    def change(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]
        model.metadata_props.add(key="other", value="x")
        if manifest is not None:
            model.metadata_props.add(key=METADATA_KEY, value=manifest)

    path = edit(make_model(tmp_path / "m.onnx"), change)
    for read in (load_model, read_manifest):
        with pytest.raises(BadManifest, match=complaint) as refusal:
            read(path)
        assert str(path) in str(refusal.value)


def test_functions_of_standard_operators_run(tmp_path: Path):
    """As some exporters write them; what matters is what they are made of."""

    def change(model: onnx.ModelProto) -> None:
        relu = [helper.make_node("Relu", ["a"], ["b"])]
        model.functions.append(helper.make_function("own", "F", ["a"], ["b"], relu, [helper.make_opsetid("", 20)]))
        model.opset_import.append(helper.make_opsetid("own", 1))
        model.graph.node[0].input[0] = "positive"
        model.graph.node.insert(0, helper.make_node("F", ["image"], ["positive"], domain="own"))

    path = edit(make_model(tmp_path / "m.onnx"), change)
    session = onnxruntime.InferenceSession(load_model(path)[0], providers=["CPUExecutionProvider"])
    assert session.run(None, {"image": np.zeros((1, 3, 8, 8), np.float32)})[0].shape == (1, 3, 32, 32)


def test_an_opset_that_the_runtime_knows_is_taken(tmp_path: Path):
    """Also one that is newer than what every onnxruntime is sure to know: the installed one is asked."""

    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = 24
        model.ir_version = 11

    assert load_model(edit(make_model(tmp_path / "m.onnx"), change))[1].name == "tiny"


def test_too_many_operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(safety, "MAX_NODES", 5)
    with pytest.raises(BadModelFile, match="more than 5 operators"):
        load_model(make_model(tmp_path / "m.onnx"))


@pytest.mark.parametrize("scale", [1, 2, 16])
@pytest.mark.parametrize(("multiple", "minimum"), [(1, 1), (4, 8), (32, 256)])
def test_sizes_of_good_files_are_no_surprise(tmp_path: Path, scale: int, multiple: int, minimum: int):
    path = make_model(tmp_path / "m.onnx", scale=scale, multiple=multiple, minimum=minimum, normalization="picture")
    assert load_model(path)[1].scale == scale


@pytest.mark.parametrize("scale", [0, 17, 10**9, -4])
def test_absurd_scales_are_refused(tmp_path: Path, scale: int):
    def change(model: onnx.ModelProto) -> None:
        entry = model.metadata_props[0]
        entry.value = entry.value.replace('"scale": 4', f'"scale": {scale}')

    with pytest.raises(BadManifest, match=f"scale {scale}; 1 to 16 make sense"):
        load_model(edit(make_model(tmp_path / "m.onnx"), change))


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    with pytest.raises(BadModelFile, match="at most 100 bytes"):
        load_model(make_model(tmp_path / "m.onnx"))


def test_oversized_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(model_file, "MAX_METADATA_BYTES", 100)
    with pytest.raises(BadModelFile, match="damaged"):
        load_model(make_model(tmp_path / "m.onnx"))


def test_truncated_files_are_refused(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx")
    data = path.read_bytes()
    for size in (0, 1, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises((BadModelFile, BadManifest)):
            load_model(path)
        with pytest.raises((BadModelFile, BadManifest)):
            read_manifest(path)


def test_damage_within_the_graph_is_refused(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx")
    data = bytearray(path.read_bytes())
    start = data.index(b"image") - 8
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))
    with pytest.raises(BadModelFile):
        load_model(path)


@pytest.mark.parametrize("noise", [b"\xff" * 100, b"PK\x03\x04" + b"x" * 50, b"\x89PNG\r\n\x1a\n", b"\x00" * 64])
def test_files_of_other_kinds_are_refused(tmp_path: Path, noise: bytes):
    path = tmp_path / "m.onnx"
    path.write_bytes(noise)
    with pytest.raises(BadModelFile, match="not an ONNX file"):
        load_model(path)


def test_checkpoints_are_told_how_to_become_models(tmp_path: Path):
    path = tmp_path / "g.safetensors"
    path.write_bytes(b"x")
    with pytest.raises(BadModelFile, match="translate export"):
        load_model(path)


def test_no_file_and_no_permission(tmp_path: Path):
    with pytest.raises(BadModelFile, match="no model file"):
        read_manifest(tmp_path / "none.onnx")
    with pytest.raises(BadModelFile, match="no model file"):
        load_model(tmp_path)


def test_a_listing_reads_no_weights_and_imports_no_library(tmp_path: Path):
    path = make_model(tmp_path / "m.onnx")
    program = (
        "import sys; from pathlib import Path; from translate.store import list_models; "
        "from translate.inference.model_file import read_manifest; "
        f"assert read_manifest(Path({str(path)!r})).name == 'tiny'; list_models(); "
        "print(*{'torch', 'onnx', 'onnxruntime', 'openvino', 'numpy'} & sys.modules.keys())"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert seen.stdout.strip() == ""
