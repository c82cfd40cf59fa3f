"""A file of published weights to a plain state dict. Nothing that a file brings is ever run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models.errors import BadModelFile, UnknownGenerator
from models.published.weights import Weights

SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
MAX_BYTES = 2 * 2**30
"""Largest file, and most bytes of weights, that are read; an ONNX file can hold no more."""
WRAPPERS = ("params_ema", "params-ema", "params", "state_dict", "model_state_dict", "model", "weights", "net")
"""Keys that wrap a state dict; the averaged weights first, for those are what the authors show."""
GENERATORS = re.compile(
    r"(?P<ema>ema_)?(?P<kind>generators?|net_?[gG]|g_?ema|gen|[gG]|model)(?P<more>_ema)?(?P<which>[_.](?!ema)\w+)?"
)
"""Names of generators among the networks in a file: netG, netG_A, generator_ema, generators.zebra, g_ema, G_AB ..."""
OTHERS = re.compile(
    r"(discriminators?|net_?[dDF]|dis|disc|[dD])(_\w+)?|opt|.*optim.*|.*scheduler.*|.*loss.*|hparams|step_counter"
)
PROGRAM = {105, 111, 129, 146, 147, 149}
"""Instructions of pickles that name classes and make objects, or frame those that do: INST, OBJ, NEWOBJ ... FRAME."""
PREFIXES = ("module.", "_orig_mod.")


def read_weights(path: Path, generator: str = "") -> Weights:
    """Read the generator of a .pth, .pt, .ckpt or .safetensors file.

    Wrappers, other networks and what a training run keeps beside are taken away; half precision becomes float32.

    Args:
        generator: which one, where the file holds several.
    Raises:
        BadModelFile: the file cannot be read, would run code, or holds no weights that can be used; says why.
        UnknownGenerator: the file has several generators, and none or another one was named.
    """
    content = _load(path)
    if isinstance(content, dict) and {"state", "param_groups"} <= content.keys():
        raise BadModelFile("it holds the state of an optimizer, no network. Take the file with the weights.")
    tensors = _chosen(_flat(content), generator)
    return {key: _plain(key, value) for key, value in tensors.items()}


def _load(path: Path) -> Any:
    if not path.is_file():
        raise BadModelFile(f"there is no file {path}.")
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise BadModelFile(f"it has {size:,} bytes; files of 1 to {MAX_BYTES:,} bytes are read.")
    damaged = "it is damaged or cut off, or no file of weights. Fetch it again."
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        if zipfile.is_zipfile(path):
            _check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # of formats that are refused further down
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BadModelFile(_refused(str(error)) or damaged) from None
    except SafetensorError as error:
        raise BadModelFile(f"{damaged} ({error})") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        if "TorchScript" in str(error):
            raise BadModelFile(_program("TorchScript")) from None
        raise BadModelFile(damaged) from None


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise BadModelFile(f"it unpacks to more than {MAX_BYTES:,} bytes.")
    if any(entry.filename.endswith("constants.pkl") for entry in entries):
        raise BadModelFile(_program("TorchScript"))


def _refused(message: str) -> str:
    """Why the safe reader stopped, in words; empty where the file is merely damaged."""
    if found := re.search(r"GLOBAL ([\w.]+)", message):
        return _program(found[1])
    operand = re.search(r"Unsupported operand (\d+)", message)
    if "Unsupported class" in message or (operand and int(operand[1]) in PROGRAM):
        return _program("a class of its own")
    return ""


def _program(what: str) -> str:
    return (
        f"it is a pickled program, not weights: it names {what}, and to open it would run code from its author. "
        "Ask for a state_dict or a .safetensors file."
    )


def _flat(content: Any) -> dict[str, Any]:
    """Nested dicts of tensors as one, the wrappers' names left out: network.layer.weight."""
    if not isinstance(content, dict):
        raise BadModelFile(f"it holds a {type(content).__name__}, no state_dict of a network.")
    for name in WRAPPERS:
        if isinstance(content.get(name), dict):
            return _flat(content[name])
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Tensor):
            found[str(key)] = value
        elif isinstance(value, dict) and not OTHERS.fullmatch(str(key)):
            inner = next((value[name] for name in WRAPPERS if isinstance(value.get(name), dict)), value)
            found |= {f"{key}.{name}": tensor for name, tensor in inner.items() if isinstance(tensor, Tensor)}
    if not found:
        held = ", ".join(map(str, list(content)[:6]))
        raise BadModelFile(f"it holds no weights{f', only {held}' if held else ''}. Take the file with the generator.")
    return _stripped(found)


def _stripped(tensors: dict[str, Any]) -> dict[str, Any]:
    for prefix in PREFIXES * 2:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def _chosen(tensors: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The one generator that is meant, its name left out."""
    groups: dict[str, dict[str, Any]] = {}
    for key, value in tensors.items():
        top, _, rest = key.partition(".")
        if top == "generators" and "." in rest:  # mmagic: generators.zebra.model...
            which, _, rest = rest.partition(".")
            top = f"generators.{which}"
        groups.setdefault(top, {})[rest] = value
    named = {}
    for top, group in groups.items():
        if (found := GENERATORS.fullmatch(top)) and not (top == "model" and not _is_wrapped(group)):
            named[top] = (found, group)
    others = [top for top in groups if top not in named and not OTHERS.fullmatch(top)]
    if not named or others:
        if groups and all(OTHERS.fullmatch(top) for top in groups):
            raise BadModelFile(f"it holds {', '.join(groups)}, no generator: the other half of a training run.")
        return tensors
    averaged = {found["which"] for found, _ in named.values() if _averaged(found)}
    best = {top: group for top, (found, group) in named.items() if _averaged(found) or found["which"] not in averaged}
    names = {re.sub(r"^(generators?|net_?G|G)[._]", "", top): group for top, group in best.items()}
    if not wanted and len(names) == 1:
        return _stripped(next(iter(names.values())))
    if wanted in names:
        return _stripped(names[wanted])
    hint = f"The file holds several generators: say which with --generator {' or '.join(names)}."
    raise UnknownGenerator(wanted or "not said", names, hint if len(names) > 1 else "")


def _averaged(found: re.Match[str]) -> bool:
    return bool(found["ema"] or found["more"] or "ema" in found["kind"])


def _is_wrapped(group: dict[str, Any]) -> bool:
    """Whether `model.` is a wrapper around layers with names, not the Sequential that published networks are."""
    return not any(re.match(r"\d|model\.", key) for key in group)


def _plain(key: str, value: Tensor) -> Tensor:
    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.device.type != "cpu":
        raise BadModelFile(f"its weight {key} is of a kind that is not read: {value.dtype}, {value.layout}.")
    if value.numel() * 4 > MAX_BYTES:
        raise BadModelFile(f"its weight {key} has {value.numel():,} values, more than any network here.")
    value = value.detach()
    if not value.is_floating_point():
        return value.clone()
    value = value.float().contiguous().clone()
    if not value.isfinite().all():
        raise BadModelFile(f"its weights are not finite ({key}): its training had diverged, or it is damaged.")
    return value
