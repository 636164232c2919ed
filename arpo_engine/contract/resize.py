"""The size at which a Qwen-VL sees a screenshot. Shared by the model's tokens and the agents' coordinates, which must
agree on it to the pixel. Knows no tensors and no images."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_ASPECT_RATIO = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLimits:
    """How large a screenshot may be for the model; defaults are those of Qwen2-VL and Qwen2.5-VL."""

    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 16384
    factor: int = 28
    """Side of one visual token in pixels."""


def smart_resize(width: int, height: int, limits: PixelLimits) -> tuple[int, int]:
    """The (width, height) nearest to the screen's whose sides are multiples of the factor and whose area is allowed."""
    if width <= 0 or height <= 0:
        raise ValueError(f"a screen of {width}x{height} pixels has no size; give the desktop's real screen size")
    if max(width, height) / min(width, height) > MAX_ASPECT_RATIO:
        raise ValueError(
            f"a screen of {width}x{height} is more than {MAX_ASPECT_RATIO} times as long as wide; crop it first"
        )
    factor = limits.factor
    new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
    if new_height * new_width > limits.max_pixels:
        shrink = math.sqrt(height * width / limits.max_pixels)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif new_height * new_width < limits.min_pixels:
        grow = math.sqrt(limits.min_pixels / (height * width))
        new_height = math.ceil(height * grow / factor) * factor
        new_width = math.ceil(width * grow / factor) * factor
    return new_width, new_height
