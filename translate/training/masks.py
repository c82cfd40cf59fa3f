"""Masks of training pictures: where a translation may change them. They ride behind their pictures, as channels do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import ConfigError
from models.resnet import ResNetGenerator
from translate.training.method import Batch
from translate.training.settings import changed

if TYPE_CHECKING:
    from translate.training.unpaired_settings import UnpairedConfig

SHARPEST = 1 / 512
"""How near to 0 or 1 a mask is looked at: bfloat16 has none between 1 - 1/512 and 1."""


def tell_mask(generator: nn.Module, config: UnpairedConfig) -> None:
    """Have a generator that paints a mask tell it, if masks of the pictures are given, to be like them.

    Raises:
        ConfigError: --mask-weight is given, and it paints none.
    """
    if isinstance(generator, ResNetGenerator) and generator.masked:
        generator.tells_mask = config.masks is not None
    elif changed(config, ["mask_weight"]):
        raise ConfigError(
            f"--mask-weight {config.mask_weight}: {config.generator} paints no mask; use resnet_6blocks_masked, or "
            "leave it out."
        )


def split(pictures: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """[B, C, H, W] pictures and [B, 1, H, W] masks from 0 to 1 that follow them; [B, 0, H, W] where there are none."""
    return pictures[:, :channels], (pictures[:, channels:] + 1) / 2


def apart(batch: Batch, channels: int) -> tuple[Batch, Batch]:
    """Both piles as `split` has them: pictures, and masks."""
    (a, may_a), (b, may_b) = (split(part, channels) for part in batch)
    return Batch(a, b), Batch(may_a, may_b)


def through(pictures: Tensor, masks: Tensor) -> Tensor:
    """What lies in the masks, grey elsewhere; everything where there are none."""
    return pictures * masks if masks.shape[1] else pictures


def unlike(drawn: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of masks that a generator drew with those given, [B, 1, H, W] from 0 to 1."""
    drawn, masks = (values.float().clamp(SHARPEST, 1 - SHARPEST) for values in (drawn, masks))
    with torch.autocast(drawn.device.type, enabled=False):
        return F.binary_cross_entropy(drawn, masks)
