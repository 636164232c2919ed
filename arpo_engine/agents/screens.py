"""From the coordinates that a model writes to pixels of the desktop's screen. Knows no grammar and no tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.contract.resize import PixelLimits, smart_resize

THOUSANDTHS = 1000.0
QWEN3_STEPS = 999.0
"""Qwen3-VL is told of a screen of 1000 x 1000 and counts from 0, so its last column is 999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The rectangle in which a model points, laid over the screen."""

    screen: tuple[int, int]
    """(width, height) of the desktop, in pixels."""
    width: float
    height: float
    slack: float = 0.0
    """How far beyond the frame's far edges a place is still read, as the last pixel."""

    def shares(self, numbers: Sequence[float]) -> list[float]:
        """Each number as a share of the frame's width or height, in turn; not limited to 0 … 1."""
        sides = (self.width, self.height)
        return [number / sides[at % 2] for at, number in enumerate(numbers)]

    def pixel(self, numbers: Sequence[float]) -> tuple[int, int]:
        """The pixel of the screen that is meant.

        Raises:
            ActionUnreadable: neither a point of 2 numbers nor a box of 4 (its centre is meant), or not finite, or
                outside of the frame: a place that is not on the screenshot is not guessed at.
        """
        x, y = self._centre(numbers)
        if not (0 <= x <= self.width + self.slack and 0 <= y <= self.height + self.slack):
            raise ActionUnreadable(
                f"the place ({x:g}, {y:g}) lies outside of the frame of {self.width:g} x {self.height:g}"
            )
        # The frame's far edge is one pixel beyond the screen's last pixel.
        return (
            min(round(x * self.screen[0] / self.width), self.screen[0] - 1),
            min(round(y * self.screen[1] / self.height), self.screen[1] - 1),
        )

    def _centre(self, numbers: Sequence[float]) -> tuple[float, float]:
        if len(numbers) not in (2, 4):
            raise ActionUnreadable(f"a place has {len(numbers)} numbers; it is a point of 2 or a box of 4")
        if not all(math.isfinite(number) for number in numbers):
            raise ActionUnreadable(f"the place {list(numbers)} is not finite; give pixels of the screenshot")
        return (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2


def resized_frame(screen: tuple[int, int], limits: PixelLimits) -> Frame:
    """For models that write pixels of the screenshot as they saw it, after its resizing (UI-TARS 1.5, Qwen2.5-VL)."""
    width, height = smart_resize(*screen, limits)
    return Frame(screen=screen, width=width, height=height)


def thousandths(screen: tuple[int, int], parts: float = THOUSANDTHS) -> Frame:
    """For models that write thousandths of the screen (UI-TARS 1.0)."""
    return Frame(screen=screen, width=parts, height=parts)


def steps_of_999(screen: tuple[int, int]) -> Frame:
    """For models that count 1000 columns and rows from 0 (Qwen3-VL)."""
    return Frame(screen=screen, width=QWEN3_STEPS, height=QWEN3_STEPS, slack=1.0)
