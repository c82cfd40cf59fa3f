"""What an ONNX operator does to the plane of a picture: which inputs a place of its output is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.receptive import Step, bilinear, conv, enlarge, transposed, unshuffle


class NotLocal(Exception):
    """A graph that cannot be computed window by window; the message says which operator prevents it."""


@dataclass(frozen=True)
class Reach:
    """What an operator does along one axis."""

    factor: Fraction
    """Output side / input side, up to a constant number of pixels."""
    reads: Step
    """First and last place of the output -> first and last place of the input, borders aside."""
    side: Callable[[int], int]
    """Input side -> output side."""


@dataclass(frozen=True)
class Layer:
    """What an operator does to a picture."""

    channels: tuple[int, ...]
    """Of each output."""
    reaches: tuple[Reach, Reach]
    """Down and across."""
    work: int = 0
    """Multiply-adds for each place of its output, all channels."""
    inplace: bool = False
    """It can write over its input, or be fused with what made it."""


@dataclass(frozen=True)
class Operator:
    """A node of the graph, its inputs told apart."""

    kind: str
    attributes: Mapping[str, Any]
    channels: Sequence[int | None]
    """Of each input that is computed from the picture; None for constants and inputs left out."""
    constants: Sequence[NDArray[Any] | None]
    """The inputs that are not."""

    def constant(self, place: int, what: str) -> NDArray[Any]:
        value = self.constants[place] if place < len(self.constants) else None
        if value is None:
            raise NotLocal(f"{self.kind} without constant {what}")
        return value

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


SAME = Reach(Fraction(1), lambda out: out, lambda side: side)

_POINTWISE = {
    "Abs", "Cast", "Ceil", "Celu", "Clip", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "Identity", "InstanceNormalization", "BatchNormalization", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu",
    "Round", "Selu", "Sigmoid", "Sign", "Sin", "Cos", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu",
}  # fmt: skip
_JOINS = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "Pow", "PRelu"}


def layer(operator: Operator) -> Layer:
    """What a node does to a picture.

    Raises:
        NotLocal: it reads all of the picture, or is unknown.
    """
    if operator.kind in _POINTWISE:
        return Layer((_only(operator),), (SAME, SAME), inplace=True)
    if operator.kind in _JOINS:
        return _join(operator)
    if operator.kind not in _LAYERS:
        raise NotLocal(f"the operator {operator.kind}, whose results may depend on places far away")
    return _LAYERS[operator.kind](operator)


def _only(operator: Operator) -> int:
    """Channels of the first input, the only one that may come from the picture."""
    first, *others = operator.channels
    if first is None or any(other is not None for other in others):
        raise NotLocal(f"{operator.kind} of computed settings")
    return first


def _join(operator: Operator) -> Layer:
    sizes = [size for size in operator.channels if size is not None]
    for constant in operator.constants:
        if constant is not None:
            if any(side != 1 for side in constant.shape[-2:]) or constant.ndim > 4:
                raise NotLocal(f"{operator.kind} with a constant of shape {list(constant.shape)}")
            sizes.append(constant.shape[-3] if constant.ndim > 2 else 1)
    return Layer((max(sizes),), (SAME, SAME), inplace=True)


def _pads(operator: Operator, kernel: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Top, left, bottom, right."""
    how = operator.get("auto_pad", b"NOTSET")
    if how in (b"SAME_UPPER", b"SAME_LOWER"):  # of sides that are multiples of the stride
        total = [max(k - s, 0) for k, s in zip(kernel, strides, strict=True)]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        return small + large if how == b"SAME_UPPER" else large + small
    return [0, 0, 0, 0] if how == b"VALID" else list(operator.get("pads", [0, 0, 0, 0]))


def _windowed(kernel: int, stride: int, before: int, after: int) -> Reach:
    return Reach(
        Fraction(1, stride), conv(kernel, stride, before), lambda side: (side + before + after - kernel) // stride + 1
    )


def _settings(operator: Operator, shape: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Sides of the kernel with its gaps, strides, paddings."""
    if len(shape) != 2:
        raise NotLocal(f"{operator.kind} over {len(shape)} axes")
    strides, gaps = list(operator.get("strides", [1, 1])), operator.get("dilations", [1, 1])
    kernel = [(k - 1) * gap + 1 for k, gap in zip(shape, gaps, strict=True)]
    return kernel, strides, _pads(operator, kernel, strides)


def _conv(operator: Operator) -> Layer:
    _only(operator)
    weight = operator.constant(1, "weights")
    kernel, strides, pads = _settings(operator, weight.shape[2:])
    down, across = (_windowed(kernel[a], strides[a], pads[a], pads[a + 2]) for a in (0, 1))
    return Layer((weight.shape[0],), (down, across), work=int(np.prod(weight.shape)))


def _conv_transpose(operator: Operator) -> Layer:
    _only(operator)
    weight = operator.constant(1, "weights")
    if operator.get("auto_pad", b"NOTSET") != b"NOTSET" or "output_shape" in operator.attributes:
        raise NotLocal("ConvTranspose of a size that is not its own")
    kernel, strides, pads = _settings(operator, weight.shape[2:])
    extra = operator.get("output_padding", [0, 0])

    def reach(axis: int) -> Reach:
        length, stride, before, after = kernel[axis], strides[axis], pads[axis], pads[axis + 2]
        grown = length + extra[axis] - before - after
        return Reach(Fraction(stride), transposed(length, stride, before), lambda side: (side - 1) * stride + grown)

    work = int(np.prod(weight.shape)) // (strides[0] * strides[1])
    return Layer((weight.shape[1] * operator.get("group", 1),), (reach(0), reach(1)), work)


def _pool(operator: Operator) -> Layer:
    channels = _only(operator)
    kernel, strides, pads = _settings(operator, operator.get("kernel_shape", []))
    if operator.get("ceil_mode", 0):
        raise NotLocal(f"{operator.kind} with ceil_mode")
    down, across = (_windowed(kernel[a], strides[a], pads[a], pads[a + 2]) for a in (0, 1))
    return Layer((channels,), (down, across))


def _pad(operator: Operator) -> Layer:
    channels = _only(operator)
    pads = [int(pad) for pad in operator.constant(1, "widths")]
    if len(operator.constants) > 3 and operator.constants[3] is not None:
        axes = [int(axis) % 4 for axis in operator.constant(3, "axes")]
        pads = [dict(zip(axes, half, strict=True)).get(axis, 0)
                for half in (pads[: len(axes)], pads[len(axes) :]) for axis in range(4)]  # fmt: skip
    if operator.get("mode", b"constant") not in (b"constant", b"reflect", b"edge") or len(pads) != 8:
        raise NotLocal("Pad around the picture's other side")
    if any(pads[axis] for axis in (0, 1, 4, 5)):
        raise NotLocal("Pad of channels")
    down, across = (_windowed(1, 1, pads[axis], pads[axis + 4]) for axis in (2, 3))
    return Layer((channels,), (down, across))


def _resize(operator: Operator) -> Layer:
    channels = _only(operator)
    scales = operator.constants[2] if operator.kind == "Resize" and len(operator.constants) > 2 else None
    scales = operator.constants[1] if operator.kind == "Upsample" else scales
    if scales is None or len(scales) != 4 or "axes" in operator.attributes:
        raise NotLocal(f"{operator.kind} to a given size")
    steps = [Fraction(float(scale)).limit_denominator(64) for scale in scales]
    if steps[0] != 1 or steps[1] != 1 or any(step.denominator != 1 for step in steps[2:]):
        raise NotLocal(f"{operator.kind} by {' x '.join(str(step) for step in steps)}")
    places = operator.get("coordinate_transformation_mode", b"half_pixel")
    if operator.kind == "Upsample":
        places = b"asymmetric"
    if places not in (b"half_pixel", b"pytorch_half_pixel", b"asymmetric"):
        raise NotLocal(f"{operator.kind} with {places.decode()}")
    mode = operator.get("mode", b"nearest")

    def reach(factor: int) -> Reach:
        known = {b"nearest": enlarge(factor), b"linear": bilinear(factor)}
        exact = mode == b"nearest" or places != b"asymmetric"
        # whatever else: four neighbours, as cubic interpolation reads
        reads = known[mode] if mode in known and exact else _widened(enlarge(factor), 2)
        return Reach(Fraction(factor), reads, lambda side: side * factor)

    return Layer((channels,), (reach(int(steps[2])), reach(int(steps[3]))))


def _widened(step: Step, by: int) -> Step:
    return lambda out: (step(out)[0] - by, step(out)[1] + by)


def _depth_to_space(operator: Operator) -> Layer:
    block = int(operator.get("blocksize", 1))
    reach = Reach(Fraction(block), enlarge(block), lambda side: side * block)
    return Layer((_only(operator) // block**2,), (reach, reach))


def _space_to_depth(operator: Operator) -> Layer:
    block = int(operator.get("blocksize", 1))
    reach = Reach(Fraction(1, block), unshuffle(block), lambda side: side // block)
    return Layer((_only(operator) * block**2,), (reach, reach))


def _check_axis(operator: Operator, default: int) -> None:
    if operator.get("axis", default) not in (1, -3):
        raise NotLocal(f"{operator.kind} along an axis of the picture")


def _concat(operator: Operator) -> Layer:
    _check_axis(operator, 0)
    if None in operator.channels:
        raise NotLocal("Concat with a constant")
    return Layer((sum(size or 0 for size in operator.channels),), (SAME, SAME))


def _split(operator: Operator) -> Layer:
    channels = _only(operator)
    _check_axis(operator, 0)
    given = operator.constants[1] if len(operator.constants) > 1 else operator.get("split", None)
    if given is None:
        given = [channels // operator.get("num_outputs", 2)] * operator.get("num_outputs", 2)
    return Layer(tuple(int(part) for part in given), (SAME, SAME))


def _slice(operator: Operator) -> Layer:
    """Some of the channels."""
    channels = _only(operator)
    starts, ends, axes = (operator.constant(place, "places") for place in (1, 2, 3))
    steps = operator.constants[4] if len(operator.constants) > 4 else None
    if [int(axis) % 4 for axis in axes] != [1]:
        raise NotLocal("Slice along an axis of the picture")
    kept = range(channels)[int(starts[0]) : int(ends[0]) : 1 if steps is None else int(steps[0])]
    return Layer((len(kept),), (SAME, SAME))


def _reduce(operator: Operator) -> Layer:
    """One channel of all."""
    _only(operator)
    axes = operator.constants[1] if len(operator.constants) > 1 else operator.get("axes", None)
    if axes is None or [int(axis) % 4 for axis in axes] != [1] or not operator.get("keepdims", 1):
        raise NotLocal(f"{operator.kind} along an axis of the picture")
    return Layer((1,), (SAME, SAME))


_LAYERS: dict[str, Callable[[Operator], Layer]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "AveragePool": _pool,
    "MaxPool": _pool,
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceMin": _reduce,
    "ReduceSum": _reduce,
}
