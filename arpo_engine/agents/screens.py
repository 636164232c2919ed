"""From the coordinates that a model writes to pixels of the desktop's screen. Knows no grammar and no tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.models.resize import PixelLimits, smart_resize

ToScreen = Callable[[Sequence[float]], tuple[int, int]]
"""A point (2 numbers) or a box (4 numbers, its centre is meant) to pixels of the screen."""

THOUSANDTHS = 1000.0


def resized_frame(screen: tuple[int, int], limits: PixelLimits) -> ToScreen:
    """For models that write pixels of the screenshot as they saw it, after its resizing (UI-TARS 1.5, Qwen2.5-VL)."""
    return _scaled(screen, *smart_resize(*screen, limits))


def thousandths(screen: tuple[int, int]) -> ToScreen:
    """For models that write thousandths of the screen (UI-TARS 1.0)."""
    return _scaled(screen, THOUSANDTHS, THOUSANDTHS)


def _scaled(screen: tuple[int, int], frame_width: float, frame_height: float) -> ToScreen:
    def to_screen(numbers: Sequence[float]) -> tuple[int, int]:
        if len(numbers) not in (2, 4):
            raise ActionUnreadable(f"a place has {len(numbers)} numbers; it is a point of 2 or a box of 4")
        x = (numbers[0] + numbers[-2]) / 2
        y = (numbers[1] + numbers[-1]) / 2
        if not (0 <= x <= frame_width and 0 <= y <= frame_height):
            raise ActionUnreadable(
                f"the place ({x:g}, {y:g}) lies outside of the frame of {frame_width:g} x {frame_height:g}"
            )
        # The frame's far edge is one pixel beyond the screen's last pixel.
        return (
            min(round(x * screen[0] / frame_width), screen[0] - 1),
            min(round(y * screen[1] / frame_height), screen[1] - 1),
        )

    return to_screen
