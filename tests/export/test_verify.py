"""What counts as the same picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exporting import Toy, describe

from export.onnx import export_onnx
from export.verify import Parity, compare, verify
from models.errors import ExportError

GREY = np.full((1, 3, 64, 64), 100 / 255, np.float32)


def changed(values: int, by: float) -> np.ndarray:
    """GREY with its first few values off."""
    result = GREY.copy()
    result.reshape(-1)[:values] += np.float32(by)
    return result


def test_measures_what_it_lets_through() -> None:
    edge = np.full_like(GREY, 100.5 / 255 - 1e-5)
    result = edge.copy()
    result.reshape(-1)[:5] += np.float32(5e-5)
    parity = compare(edge, result, "edge")
    assert (parity.values, parity.unequal, parity.levels) == (GREY.size, 5, 1)
    assert parity.largest == pytest.approx(5e-5, rel=0.01)


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (changed(1, 2e-4), "largest difference 2.0e-04"),
        (changed(1, 2 / 255), "at most 2 levels apart"),
        (GREY[:, :, 1:], r"PyTorch gives \(1, 3, 64, 64\), ONNX Runtime \(1, 3, 63, 64\)"),
        (changed(2, np.nan), "2 of 12,288 values are not finite"),
    ],
)
def test_refuses_what_is_further_apart(result: np.ndarray, complaint: str) -> None:
    with pytest.raises(ExportError, match=f"^on a test: .*{complaint}"):
        compare(GREY, result, "a test")


def test_refuses_many_values_that_round_differently() -> None:
    edge = np.full_like(GREY, 100.5 / 255 - 1e-5)
    few, many = edge.copy(), edge.copy()
    few.reshape(-1)[:13] += np.float32(5e-5)
    many.reshape(-1)[:14] += np.float32(5e-5)
    compare(edge, few, "few")
    with pytest.raises(ExportError, match=r"99\.886% of 12,288"):
        compare(edge, many, "many")


def test_the_8_bit_gates_hold_without_the_other() -> None:
    assert compare(GREY, changed(1, 5e-4), "cramped", exact=False).unequal == 0
    for result, complaint in ((changed(1, 2 / 255), "2 levels apart"), (changed(1, np.nan), "not finite")):
        with pytest.raises(ExportError, match=complaint):
            compare(GREY, result, "cramped", exact=False)


@pytest.mark.parametrize(("normalization", "gated"), [("none", 4), ("picture", 8)])
def test_per_picture_networks_are_exact_from_twice_the_smallest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normalization: str, gated: int
) -> None:
    network = Toy(scale=1, multiple=2, minimum=4)
    network.normalization = normalization
    export_onnx(network, describe(network), tmp_path / "x.onnx")
    seen: dict[bool, set[int]] = {True: set(), False: set()}

    def spy(expected: np.ndarray, result: np.ndarray, name: str, exact: bool = True) -> Parity:
        seen[exact].add(min(result.shape[2:]))
        return compare(expected, result, name, exact)

    monkeypatch.setattr("export.verify.compare", spy)
    verify(tmp_path / "x.onnx", network, describe(network))
    assert min(seen[True]) == gated
    assert seen[False] == ({4} if gated > 4 else set())


def test_adds_up_to_the_worst() -> None:
    total = Parity(1000, 1e-6, 2, 1) + Parity(3000, 1e-5, 0, 0)
    assert total == Parity(4000, 1e-5, 2, 1)
    assert str(total) == "largest difference 1.0e-05; 99.950% of 4,000 8-bit values equal"
