"""Masks of training pictures: where a translation may change them. They ride behind their pictures, as channels do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from models.errors import DataError
from translate.training.layout import list_pictures
from translate.training.method import Batch

SHARPEST = 1 / 512
"""How near to 0 or 1 a mask is looked at: bfloat16 has none between 1 - 1/512 and 1."""


def with_masks(files: Sequence[Path], pile: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Each picture of a pile and its mask, which has the same name in the folder of masks, whatever its suffix.

    Raises:
        DataError: a picture has no mask.
    """
    found = {file.relative_to(masks).with_suffix(""): file for file in list_pictures(masks)}
    names = [file.relative_to(pile).with_suffix("") for file in files]
    missing = [file for file, name in zip(files, names, strict=True) if name not in found]
    if missing:
        more = f", nor for {len(missing) - 1:,} others" if len(missing) > 1 else ""
        raise DataError(
            f"there is no mask for {missing[0]} in {masks}{more}: each picture needs a grey one of its name there, "
            "white where it may change."
        )
    return [(file, found[name]) for file, name in zip(files, names, strict=True)]


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
