"""What float16 needs: losses large enough for their gradients to be told from zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn, optim

from translate.training.method import backward

FIRST = 2.0**16
PATIENCE = 2000


class LossScale:
    """A factor on each loss, taken off again before an optimizer follows the gradient (Micikevicius et al. 2018).

    Where a gradient is no number the update is left out and the factor halved; after 2,000 good updates it is doubled.
    The figures are those of torch.amp.GradScaler, whose place is around `optimizer.step()`; this one is in hooks, so
    that a step reads the same in every precision, and like it never waits for the device.
    """

    def __init__(self, device: torch.device) -> None:
        self.scale = torch.tensor(FIRST, device=device)
        self.good = torch.tensor(0.0, device=device)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss, times the factor."""
        backward(loss * self.scale)

    @torch.no_grad()
    def unscale(self, optimizer: optim.Optimizer, *_: Any) -> None:
        """A hook before a step of a fused optimizer, which looks at `found_inf` by itself."""
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for gradient in gradients:
            gradient.div_(self.scale)
        bad = (~nn.utils.get_total_norm(gradients).isfinite()).float()
        optimizer.found_inf = bad  # type: ignore[attr-defined]
        self.good = (self.good + 1) * (1 - bad)
        grown = torch.where(self.good >= PATIENCE, 2 * self.scale, self.scale)
        self.scale = torch.where(bad > 0, self.scale / 2, grown)
        self.good = torch.where(self.good >= PATIENCE, 0, self.good)

    def state(self) -> dict[str, Any]:
        """Plain data for the checkpoint."""
        return {"scale": float(self.scale), "good": float(self.good)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.scale.fill_(state["scale"])
        self.good.fill_(state["good"])
