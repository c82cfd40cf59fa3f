import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import make_model

from models.errors import BadManifest, BadModelFile
from models.manifest import METADATA_KEY
from translate.inference import model_file
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


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("n0", TensorProto.FLOAT, [1]))


def other_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "x"


def other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8


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
        (second_input, "inputs are image, noise"),
        (second_output, "outputs are result, n0"),
        (other_name, "inputs are x; it must have one, named image"),
        (other_type, "not float32"),
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
