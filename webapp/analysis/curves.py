"""One number of several runs, each placed on the x axis and smoothed; and several of them as mean and spread.

Knows numbers and axes; knows no figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webapp.metrics.axes import Ruler, View
from webapp.metrics.columns import Columns, Curve, Number
from webapp.metrics.smoothing import smooth

GRID: Final = 200
"""Places at which a group's runs are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A curve on the x axis, its attempts one after the other."""

    x: list[float]
    raw: list[Number]
    y: list[Number]
    """The raw values, smoothed."""
    width: int
    """Steps per sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Mean and spread of a group's runs at places along the x axis."""

    x: list[float]
    mean: list[float]
    spread: list[float]
    """Standard deviation (n - 1) over the runs that have got there; 0 for a single one."""
    runs: list[int]
    """How many runs that are."""


def placed(key: str, curves: dict[str, Curve], view: View) -> Placed | None:
    """One run's curve; None where it never logged the key, or nothing can stand on this axis."""
    curve = curves.get(key)
    ruler = Ruler(view, curves)
    if curve is None or not len(curve) or not ruler.usable:
        return None
    columns: Columns = curve.columns
    raw = list(columns.mean)
    y = smooth([float(step) for step in columns.step], raw, view.smoothing)
    return Placed(x=list(ruler.places(columns)), raw=raw, y=y, width=curve.width)


def band_of(members: Sequence[Placed]) -> Band:
    """The group's mean and spread. Beyond a run's own ends it is not counted, so the mean never invents a value."""
    pairs = [_finite(one) for one in members]
    pairs = [(x, y) for x, y in pairs if x]
    if not pairs:
        return Band(x=[], mean=[], spread=[], runs=[])
    low, high = min(x[0] for x, _ in pairs), max(x[-1] for x, _ in pairs)
    width = (high - low) / (GRID - 1) if high > low else 0.0
    grid = [low + place * width for place in range(GRID)] if width else [low]
    columns = [_at(x, y, grid) for x, y in pairs]
    found = Band(x=[], mean=[], spread=[], runs=[])
    for place, values in zip(grid, zip(*columns, strict=True), strict=True):
        there = [value for value in values if value is not None]
        if not there:
            continue
        mean = sum(there) / len(there)
        found.x.append(place)
        found.mean.append(mean)
        found.runs.append(len(there))
        squares = sum((value - mean) ** 2 for value in there)
        found.spread.append(math.sqrt(squares / (len(there) - 1)) if len(there) > 1 else 0.0)
    return found


def _finite(one: Placed) -> tuple[list[float], list[float]]:
    pairs = sorted((x, y) for x, y in zip(one.x, one.y, strict=True) if y is not None)
    return [x for x, _ in pairs], [y for _, y in pairs]


def _at(x: Sequence[float], y: Sequence[float], grid: Sequence[float]) -> list[Number]:
    """Linear between samples; None outside of them. Both are in order."""
    values: list[Number] = []
    place = 0
    # A hair of room, so that rounding does not push the last place of the grid off the curve.
    slack = (x[-1] - x[0]) * 1e-9
    for at in grid:
        if at < x[0] - slack or at > x[-1] + slack:
            values.append(None)
            continue
        while place + 1 < len(x) and x[place + 1] < at:
            place += 1
        if place + 1 == len(x) or at <= x[0]:
            values.append(y[-1] if at > x[0] else y[0])
            continue
        span = x[place + 1] - x[place]
        share = min(1.0, (at - x[place]) / span) if span else 1.0
        values.append(y[place] + share * (y[place + 1] - y[place]))
    return values
