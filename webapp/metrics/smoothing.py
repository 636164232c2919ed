"""Smoothing of a curve after it was bucketed. Knows numbers only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

MAX_WEIGHT = 0.99


def smooth(steps: Sequence[float], values: Sequence[float | None], weight: float) -> list[float | None]:
    """An exponential moving average in units of steps, corrected for its start.

    `weight` is what remains of the past after the typical distance between samples, so a bucketed and a full curve look
    alike; a gap stays a gap and does not pull the average. A constant series stays constant.
    """
    if weight <= 0:
        return list(values)
    keep = min(weight, MAX_WEIGHT)
    typical = _typical_distance(steps)
    total, mass = 0.0, 0.0
    before: float | None = None
    result: list[float | None] = []
    for step, value in zip(steps, values, strict=True):
        if value is None or not math.isfinite(value):
            result.append(None)
            continue
        decay = keep ** ((step - before) / typical) if before is not None else 1.0
        total = total * decay + (1 - keep) * value
        mass = mass * decay + (1 - keep)
        before = step
        result.append(total / mass)
    return result


def _typical_distance(steps: Sequence[float]) -> float:
    distances = sorted(later - earlier for earlier, later in pairwise(steps) if later > earlier)
    return distances[len(distances) // 2] if distances else 1.0
