"""The y axis of a figure: a range that few far values do not stretch, and what a logarithm cannot show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from webapp.counted import counted
from webapp.metrics.axes import View
from webapp.metrics.columns import Number, finite_of

FENCE: Final = 3.0
"""Tukey's far fence: a value is far from all others beyond so many times the distance of the quartiles."""
FEWEST: Final = 8
"""Of fewer values none can be called an outlier."""
PADDING: Final = 0.06


def y_range(axis: dict[str, Any], values: Sequence[Number], view: View) -> list[str]:
    """Set the axis's range where the view asks for one; what it leaves out, in words."""
    finite = finite_of(values)
    notes = []
    if view.log:
        axis.pop("rangemode", None)
        below = sum(value <= 0 for value in finite)
        if below:
            notes.append(f"{counted(below, 'value')} at or below 0 not on the log axis")
        finite = [value for value in finite if value > 0]
    if view.hide_outliers and len(finite) >= FEWEST:
        low, high = fences(finite)
        outside = sum(not low <= value <= high for value in finite)
        if outside:
            _set(axis, [value for value in finite if low <= value <= high], log=view.log)
            notes.append(f"{counted(outside, 'outlier')} beyond the axis")
    return notes


def fences(values: Sequence[float]) -> tuple[float, float]:
    """Between which values lie those that are not far from the others."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    # Where half of all values are equal, their quartiles do not differ: the ends of the middle nine tenths do.
    spread = high - low or ordered[(19 * len(ordered)) // 20] - ordered[len(ordered) // 20]
    return low - FENCE * spread, high + FENCE * spread


def _set(axis: dict[str, Any], inside: Sequence[float], *, log: bool) -> None:
    low, high = min(inside), max(inside)
    if log:
        low, high = math.log10(low), math.log10(high)
    elif axis.pop("rangemode", "") == "tozero":
        low, high = min(low, 0.0), max(high, 0.0)
    pad = (high - low or abs(high) or 1.0) * PADDING
    axis["range"] = [low - pad if log or low < 0 else low, high + pad]
    axis["autorange"] = False
