import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bad_models
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import make_model

from models.errors import BadManifest, BadModelFile
from models.manifest import METADATA_KEY
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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (bad_models.external, "another file"),
        (bad_models.external_in_a_branch, "another file"),
        (bad_models.own_operator, "Evil of the domain 'com.example'"),
        (bad_models.own_operator_in_a_function, "Evil of the domain 'com.example'"),
        (bad_models.external_sparse, "another file"),
        (bad_models.external_default_of_a_function, "another file"),
        (bad_models.external_in_training, "another file"),
        (bad_models.operator("Loop"), "operator Loop, which is not run: it repeats"),
        (bad_models.operator("Scan"), "operator Scan, which is not run: it repeats"),
        (bad_models.operator("SequenceMap"), "operator SequenceMap, which is not run: it repeats"),
        (bad_models.operator("ImageDecoder"), "operator ImageDecoder, which is not run"),
        (bad_models.operator("Cast", to=TensorProto.STRING), "computes with text"),
        (bad_models.text, "holds text"),
        (bad_models.text_in_a_constant, "computes with text"),
        (bad_models.claims_more, "claim 1,000,000,000,000 elements, but the file holds 1"),
        (bad_models.claims_more_of_a_list, "claim 1,000,000,000 elements, but the file holds 2"),
        (bad_models.negative, "claim 1 elements"),
        (bad_models.unknown_type, "unknown type 99"),
        (bad_models.vast_constant, "'vast' has 1,000,000,000,000 elements for a picture of 64 x 64"),
        (bad_models.vast_product, "'vast' has 1,000,000,000,000 elements"),
        (bad_models.vast_in_a_function, "1,000,000,000,000 elements"),
        (bad_models.vast_sparse, "sparse tensor of it has 1,000,000,000,000 elements"),
        (bad_models.doubling, "more than 50,000 operators"),
        (bad_models.endless, "F calls itself"),
        (bad_models.too_new, "ONNX opset 200 .*update onnxruntime"),
        (bad_models.too_new_a_format, "file format 200.*update onnxruntime"),
        (bad_models.other_scale, r"it makes \[1, 3, 256, 256\]; its Manifest promises \[1, 3, 128, 128\]"),
        (bad_models.second_input, "inputs are image, noise"),
        (bad_models.second_output, "outputs are result, n0"),
        (bad_models.other_name, "inputs are x; it must have one, named image"),
        (bad_models.other_type, r"its input is bytes \(--uint8\)"),
        (bad_models.half_type, "not float32"),
        (bad_models.other_rank, "3 dimensions"),
        (bad_models.other_channels, "output has 1 channels; its Manifest says 3"),
        (bad_models.fixed_size, "fixed size"),
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
