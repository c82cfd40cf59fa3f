"""Read a model file, and refuse it before any runtime sees it if it is not safe or not what it should be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from models.errors import BadManifest, BadModelFile
from models.manifest import INPUT, METADATA_KEY, OUTPUT, Manifest
from translate.inference.safety import check_safe, result_shape
from translate.inference.widen import widened

MAX_BYTES = 2**31 - 1
"""Largest model file that is opened; no ONNX file with its weights inside can be larger."""
MAX_METADATA_BYTES = 1_000_000

_BYTES = 2  # TensorProto.UINT8
_METADATA_FIELD = 14  # ModelProto.metadata_props, each a StringStringEntryProto of key (1) and value (2)


def read_manifest(path: Path) -> Manifest:
    """The Manifest of an ONNX file, without reading its weights.

    Raises:
        BadModelFile: no such file, or no ONNX file.
        BadManifest: none inside, or one that this version cannot use.
    """
    _check_file(path)
    try:
        with path.open("rb") as file:
            return _manifest(file, path)
    except OSError as error:
        raise BadModelFile(f"cannot read the model file {path}: {error.strerror or error}.") from None


def load_model(path: Path) -> tuple[bytes, Manifest]:
    """The bytes of an ONNX file that keeps the contract, and its Manifest; weights stored in float16 are float32 there.

    Runtimes get these bytes, not the path: what was checked is what runs, and no path inside can be followed.

    Raises:
        BadModelFile: no such file, too large, damaged, refers to other files, brings its own operators, would
            take endless time or memory, or has other inputs and outputs than one float32 [N, C, H, W] picture.
        BadManifest: as `read_manifest`.
    """
    data = read_bytes(path)
    manifest = check_model(data, path)
    return widened(data), manifest


def read_bytes(path: Path) -> bytes:
    """A model file's bytes, whatever they are.

    Raises:
        BadModelFile: no such file, empty, too large, or not to be read; or a checkpoint, by its name.
    """
    _check_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadModelFile(f"cannot read the model file {path}: {error.strerror or error}.") from None


def check_model(data: bytes, path: Path) -> Manifest:
    """Check all that `load_model` promises of bytes, and give the Manifest within them.

    Args:
        path: where they are from or will be, for the errors.
    Raises:
        BadModelFile, BadManifest: as `load_model`.
    """
    manifest = _manifest(BytesIO(data), path)
    model = decode_model(data, path)
    try:
        check_safe(model)
        _check_contract(model, manifest)
    except BadModelFile as error:
        raise BadModelFile(f"cannot use {path}: {error}") from None
    return manifest


def decode_model(data: bytes, path: Path) -> Any:
    """The onnx.ModelProto that bytes hold; nothing in it has been checked.

    Raises:
        BadModelFile: they hold none.
    """
    import onnx

    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's, which has no stable place to import it from
        raise BadModelFile(f"{path} is damaged: its ONNX data cannot be decoded. Fetch or export it again.") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise BadModelFile(f"there is no model file at {path}.")
    if path.suffix.lower() in {".safetensors", ".pt", ".pth", ".ckpt"}:
        raise BadModelFile(f"{path} is a checkpoint, no model file: translate export {path} -o FILE.onnx makes one.")
    size = path.stat().st_size
    if size == 0:
        raise BadModelFile(f"{path} is empty. Fetch or export it again.")
    if size > MAX_BYTES:
        raise BadModelFile(f"{path} has {size:,} bytes; model files of at most {MAX_BYTES:,} bytes are opened.")


def _manifest(file: BinaryIO, path: Path) -> Manifest:
    """Walk the top level of the protobuf message and step over all but metadata: no weights are read."""
    try:
        for field, size in _fields(file):
            if field != _METADATA_FIELD:
                continue
            if size > MAX_METADATA_BYTES:
                raise ValueError("oversized metadata")
            entry = BytesIO(file.read(size))
            texts = {key: entry.read(length).decode() for key, length in _fields(entry)}
            if texts.get(1) == METADATA_KEY:
                return Manifest.from_json(texts.get(2, ""))
    except ValueError:
        raise BadModelFile(f"{path} is not an ONNX file, or is damaged. Fetch or export it again.") from None
    except BadManifest as error:
        raise BadManifest(f"cannot use {path}: {error}") from None
    raise BadManifest(
        f"cannot use {path}: it has no Manifest (metadata {METADATA_KEY!r}), so nobody knows how to run it. "
        "Files written by `translate export` have one."
    )


def _fields(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Number and bytes of each field of a protobuf message; the file stands at the field's content."""
    end = file.seek(0, SEEK_END)
    file.seek(0)
    while file.tell() < end:
        tag = _varint(file)
        if tag < 8:
            raise ValueError("field 0")
        match tag & 7:
            case 0:
                _varint(file)
                continue
            case 1:
                size = 8
            case 2:
                size = _varint(file)
            case 5:
                size = 4
            case other:
                raise ValueError(f"wire type {other}")
        following = file.tell() + size
        if following > end:
            raise ValueError("a field beyond the end of the file")
        yield tag >> 3, size
        file.seek(following)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends within a number")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("an endless number")


def _check_contract(model: Any, manifest: Manifest) -> None:
    """What running any file depends on, whoever made it; `export.check_contract` holds our own files to more."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    for kind, name, values in (("input", INPUT, inputs), ("output", OUTPUT, list(graph.output))):
        found = [value.name for value in values]
        if found != [name]:
            raise BadModelFile(f"its {kind}s are {', '.join(found) or 'none'}; it must have one, named {name}.")
        tensor = values[0].type.tensor_type
        if tensor.elem_type == _BYTES:
            raise BadModelFile(
                f"its {kind} is bytes (--uint8), for programs that serve it; 16-bit pictures and tiles need the "
                "float32 file that it was made from."
            )
        if tensor.elem_type != 1:
            raise BadModelFile(f"its {kind} is not float32.")
        dimensions = tensor.shape.dim
        if len(dimensions) != 4:
            raise BadModelFile(f"its {kind} has {len(dimensions)} dimensions; a picture has 4: N, C, H, W.")
        channels = dimensions[1].dim_value if dimensions[1].HasField("dim_value") else manifest.channels
        if channels != manifest.channels:
            raise BadModelFile(f"its {kind} has {channels} channels; its Manifest says {manifest.channels}.")
        if any(dimension.HasField("dim_value") for dimension in dimensions[2:]):
            raise BadModelFile(
                f"its {kind} has a fixed size; height and width must be free. Export it without --fixed-size."
            )
    side = manifest.multiple * math.ceil(max(manifest.minimum, 64) / manifest.multiple)
    result = result_shape(model, (1, manifest.channels, side, side))
    promised = [1, manifest.channels, side * manifest.scale, side * manifest.scale]
    if len(result) not in (0, 4) or any(got not in (None, want) for got, want in zip(result, promised, strict=False)):
        raise BadModelFile(
            f"of a picture {[1, manifest.channels, side, side]} it makes {result}; its Manifest promises {promised}."
        )
