"""One run in several processes, each with its share of every batch; torchrun starts them.

What all must know is agreed on here, so that what they hold stays equal: weights, since gradients are averaged before
an optimizer follows them; the image pool, since it is shown the fakes of all; every draw, since it is made for the
whole batch. accelerate finds the devices and connects the processes. It does not wrap the networks: a wrapper averages
within one backward pass of one forward pass, and a step has several of both. Where there is one process, nothing
here does anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.errors import ConfigError, DeviceError, TrainingError

Value = TypeVar("Value")

PATIENCE = timedelta(hours=6)
"""How long the others wait while the first one decodes, measures or writes. One that ends is noticed at once."""


class OtherEnded(TrainingError):
    """Another process of the run has ended; whatever made it end is said there."""


@dataclass
class Place:
    """Which of the processes this one is, and the group in which they talk; of one, where there are no others."""

    rank: int = 0
    count: int = 1
    group: Any = None


_place = Place()


def rank() -> int:
    """Number of this process, from 0. The first one writes, measures and prints."""
    return _place.rank


def count() -> int:
    """How many processes train together."""
    return _place.count


def say(text: str) -> None:
    """A line on standard error, of the first process."""
    if _place.rank == 0:
        sys.stderr.write(f"{text}\n")


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Connect with the processes that torchrun has started beside this one, if any.

    Yields what `device`, a setting, means for this process: one GPU for each.

    Raises:
        ConfigError: several machines, or one device for all.
        DeviceError: fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    if size == 1:
        yield device
        return
    on_gpu = _has_gpus(device, size)
    from accelerate import PartialState

    with _listening():
        state = PartialState(cpu=not on_gpu, timeout=PATIENCE)
        _place.group = dist.new_group(backend="gloo", timeout=PATIENCE)  # flags do not wait for a GPU's queue
    _place.rank, _place.count = state.process_index, state.num_processes
    if _place.count != size:
        raise TrainingError(f"{size} processes were started, and {_place.count} found each other.")
    say(f"{size} processes, each with its share of the batch, on {'as many GPUs' if on_gpu else 'the CPU'}")
    yield str(state.device)
    leave()
    state.destroy_process_group()  # after an error the others learn of it from the closed connection


def _has_gpus(device: str, size: int) -> bool:
    if os.environ.get("LOCAL_WORLD_SIZE", str(size)) != str(size):
        raise ConfigError("the processes of a run must be on one machine: start torchrun with --nnodes 1.")
    if device.startswith("cuda:"):
        raise ConfigError(
            f"--device {device} names one GPU for {size} processes: say --device cuda, and each has its own."
        )
    found = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if device == "cuda" and found < size:
        raise DeviceError(
            f"--device cuda: PyTorch finds {found} CUDA devices for {size} processes. Start fewer "
            "(torchrun --nproc-per-node), or use --device cpu."
        )
    return found >= size


def leave() -> None:
    """From here on this process is alone: nothing waits for the others any more."""
    _place.rank, _place.count, _place.group = 0, 1, None


@contextmanager
def _listening() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise OtherEnded(
            f"process {_place.rank} cannot reach the others, of which one has ended ({reason[0]}). Look for what it "
            "says; --resume goes on from the last checkpoint."
        ) from None


def first(make: Callable[[], Value]) -> Value:
    """What the first process makes, for all. The others wait."""
    if _place.count == 1:
        return make()
    parcel = [make() if _place.rank == 0 else None]
    with _listening():
        dist.broadcast_object_list(parcel, src=0, group=_place.group)
    return parcel[0]  # type: ignore[return-value]


def gather(value: Value) -> list[Value]:
    """What each process has, plain data."""
    if _place.count == 1:
        return [value]
    parcels: list[Any] = [None] * _place.count
    with _listening():
        dist.all_gather_object(parcels, value, group=_place.group)
    return parcels


def any_of(*wishes: bool) -> list[bool]:
    """For each wish, whether some process has it. Also where it is noticed that one has ended."""
    if _place.count == 1:
        return list(wishes)
    votes = torch.tensor(wishes, dtype=torch.int32)
    with _listening():
        dist.all_reduce(votes, dist.ReduceOp.MAX, group=_place.group)
    return [bool(vote) for vote in votes]


def average(values: Tensor) -> Tensor:
    """Mean over the processes."""
    if _place.count == 1:
        return values
    values = values.clone()
    with _listening():
        dist.all_reduce(values)
    return values / _place.count


def average_gradients(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """What an optimizer follows: with equal shares, the gradient of the whole batch. A hook before its step."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    _average_all([p.grad for p in parameters if p.grad is not None])


def average_statistics(networks: Iterable[nn.Module]) -> None:
    """BatchNorm normalises by a process's own share; what it remembers becomes the mean over all."""
    norms = (layer for network in networks for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    _average_all([known for norm in norms for known in (norm.running_mean, norm.running_var) if known is not None])


def _average_all(tensors: list[Tensor]) -> None:
    """In place, in one message."""
    if _place.count == 1 or not tensors:
        return
    means = average(torch.cat([tensor.detach().flatten() for tensor in tensors]))
    for tensor, mean in zip(tensors, torch.split(means, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view(tensor.shape))


def whole(share: Tensor) -> Tensor:
    """[B, ...] of each process -> [count * B, ...], as one process would have it."""
    if _place.count == 1:
        return share
    shares = [torch.empty(share.shape, dtype=share.dtype, device=share.device) for _ in range(_place.count)]
    with _listening():
        dist.all_gather(shares, share.contiguous())
    return torch.cat(shares)


def mine(whole_batch: Tensor, parts: int = 1) -> Tensor:
    """[count * B, ...] -> [B, ...]: what belongs to this process's share of the batch, of each of its parts."""
    return torch.cat([part.chunk(_place.count)[_place.rank] for part in whole_batch.chunk(parts)])


def mean(share: Tensor) -> Tensor:
    """Scalar: the mean over the shares of all processes. Gradients reach all of them."""
    own = share.mean()
    return own if _place.count == 1 else _Mean.apply(own)  # type: ignore[no-any-return,no-untyped-call]


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, own: Tensor) -> Tensor:
        return average(own)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return average(gradient)  # each loss's, as gradients are averaged once more before an optimizer follows them
