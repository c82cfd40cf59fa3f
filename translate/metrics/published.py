"""Figures from papers, to stand beside ours where the protocol is theirs."""

from __future__ import annotations

from pathlib import Path

from translate.metrics.distances import Scores

PICTURES = {"Set5": 5, "Set14": 14}
BORDER = 4


def _luma(psnr: float, ssim: float) -> Scores:
    return {"PSNR (Y)": psnr, "SSIM (Y)": ssim}


def _rgb(psnr: float, ssim: float) -> Scores:
    return {"PSNR (RGB)": psnr, "SSIM (RGB)": ssim}


FOUR_TIMES: dict[str, dict[str, Scores]] = {
    "Set5": {
        "SRResNet (Ledig et al. 2017)": _luma(32.05, 0.902),
        "SRGAN (Ledig et al. 2017)": _luma(29.40, 0.847),
        "RRDBNet (Wang et al. 2018)": _luma(32.73, 0.9011),
        "MSRResNet (BasicSR)": _rgb(30.25, 0.8651),
        "SRGAN (BasicSR)": _rgb(28.02, 0.8087),
    },
    "Set14": {
        "SRResNet (Ledig et al. 2017)": _luma(28.49, 0.818),
        "SRGAN (Ledig et al. 2017)": _luma(26.02, 0.740),
        "RRDBNet (Wang et al. 2018)": _luma(28.99, 0.7917),
        "MSRResNet (BasicSR)": _rgb(26.78, 0.7451),
        "SRGAN (BasicSR)": _rgb(24.75, 0.6623),
    },
}
"""Set -> method -> what was published, enlarged 4 times. Shrunk by MATLAB's bicubic kernel, which is Pillow's."""


def published(folder: Path, pictures: int, scale: int, kernel: str, border: int) -> dict[str, Scores]:
    """What was published for a benchmark set, known by the folder's name and count, measured so; or nothing."""
    name = next((name for name in PICTURES if name.lower() == folder.resolve().name.lower()), "")
    same = scale == 4 and kernel == "bicubic" and border == BORDER and PICTURES.get(name) == pictures
    return FOUR_TIMES[name] if same else {}
