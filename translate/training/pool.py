"""A memory of earlier fakes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from translate.training import processes


class ImagePool:
    """History of generated pictures that the discriminator is shown again (Shrivastava et al. 2017, sec. 2.3).

    While it fills, pictures come back as they are. Then each comes back, or is swapped for a random older one,
    with equal chance. The draw has its own random state, which is part of `state`. Several processes are shown the
    fakes of all, so that their pools are one and the same: it costs 0.8 MB for a picture of 256 x 256 pixels.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity = capacity
        self.images: list[Tensor] = []
        self.random = torch.Generator().manual_seed(seed)

    def swap(self, fakes: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W], some replaced by older ones."""
        if self.capacity == 0:
            return fakes
        fakes = processes.whole(fakes)
        if self.images and self.images[0].shape != fakes[0].shape:
            self.images = []  # the run goes on at another size
        self.images = [image.to(fakes.device) for image in self.images]  # after a checkpoint was read
        shown = []
        for fake in fakes:
            if len(self.images) < self.capacity:
                self.images.append(fake.clone())
                shown.append(fake)
            elif torch.rand((), generator=self.random) < 0.5:
                index = int(torch.randint(self.capacity, (), generator=self.random))
                shown.append(self.images[index])
                self.images[index] = fake.clone()
            else:
                shown.append(fake)
        return processes.mine(torch.stack(shown))

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"images": list(self.images), "random": self.random.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.images = list(state["images"])
        self.random.set_state(state["random"])
