"""Random numbers for the pictures of a batch, of a state of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from translate.training import processes


class Draws:
    """Numbers from one random state, which is part of the checkpoint; drawn on the CPU: every device draws the same.

    Several processes draw for the pictures of the whole batch and take the numbers of their own.

    Args:
        parts: in which the pictures of a batch are computed later on (`--accumulate`).
    """

    def __init__(self, seed: int, parts: int = 1) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.parts = parts

    def uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A number for each picture, [count]."""
        drawn = torch.rand(count * processes.count(), generator=self.random) * (high - low) + low
        return processes.mine(drawn, self.parts)

    def whole(self, count: int, low: int, high: int) -> list[int]:
        """A whole number from low to high for each picture."""
        drawn = torch.randint(low, high + 1, (count * processes.count(),), generator=self.random)
        return [int(number) for number in processes.mine(drawn, self.parts)]

    def common(self, low: float = 0.0, high: float = 1.0) -> float:
        """One number for all pictures."""
        return float(torch.rand((), generator=self.random)) * (high - low) + low

    def choice(self, weights: list[float]) -> int:
        """One index for all pictures."""
        return int(torch.multinomial(torch.tensor(weights), 1, generator=self.random))

    def generators(self, count: int, device: torch.device) -> list[torch.Generator]:
        """A random state on the device for each picture, for more numbers than the CPU should draw."""
        return [torch.Generator(device).manual_seed(seed) for seed in self.whole(count, 0, 2**62)]

    def normal(self, pictures: Tensor) -> Tensor:
        """Noise of deviation 1 in the shape of the pictures, [B, C, H, W]."""
        own = self.generators(len(pictures), pictures.device)
        shape: Any = {"size": pictures.shape[1:], "device": pictures.device, "dtype": pictures.dtype}
        return torch.stack([torch.randn(**shape, generator=random) for random in own])

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"random": self.random.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.random.set_state(state["random"])
