"""How hard PNG is compressed; `python -m benchmarks.encoders` prints what each effort costs."""

from __future__ import annotations

import cv2

UP = cv2.IMWRITE_PNG_FILTER_UP
ALL = cv2.IMWRITE_PNG_ALL_FILTERS  # the best one for each row


def opencv_parameters(effort: int) -> list[int]:
    """Of `cv2.imencode`, for effort 0 (fastest) to 9 (smallest)."""
    strategy = cv2.IMWRITE_PNG_STRATEGY_RLE if effort == 0 else cv2.IMWRITE_PNG_STRATEGY_DEFAULT
    return [
        *(cv2.IMWRITE_PNG_COMPRESSION, max(1, effort)),
        *(cv2.IMWRITE_PNG_STRATEGY, strategy),
        *(cv2.IMWRITE_PNG_FILTER, UP if effort < 2 else ALL),
    ]


def zlib_level(effort: int) -> int:
    """Of Pillow and zlib, for the same efforts."""
    return max(1, effort)
