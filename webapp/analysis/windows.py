"""Means of the late part of curves, read as batches of steps: one query for all runs and keys.

Knows the tables of metrics; knows no page. The caller knows that the person may see the runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from webapp.analysis.counts import LATE_SHARE
from webapp.metrics.models import FACTOR, LEVELS

FEWEST_BATCHES: Final = 8
"""The late part is read in the widest buckets of which it has at least so many."""

_SPANS: Final = """
    SELECT s.id, s.run_id, s.key, min(b.first_step), max(b.last_step)
    FROM metrics_series AS s JOIN metrics_bucket AS b ON b.series_id = s.id AND b.level = %(level)s
    WHERE s.run_id = ANY(%(runs)s) AND s.key = ANY(%(keys)s)
    GROUP BY s.id, s.run_id, s.key
"""
# Of a step that a later attempt did again, only what that one logged counts.
_BUCKETS: Final = """
    SELECT DISTINCT ON (b.series_id, b.index) b.series_id, b.total, b.count
    FROM unnest(%(series)s::bigint[], %(levels)s::smallint[], %(first)s::integer[]) AS wanted(id, level, first)
    JOIN metrics_bucket AS b
      ON b.series_id = wanted.id AND b.level = wanted.level AND b.index >= wanted.first
    ORDER BY b.series_id, b.index, b.attempt DESC
"""
_POINTS: Final = """
    SELECT DISTINCT ON (p.series_id, p.step) p.series_id, p.value, (p.value IS NOT NULL)::integer
    FROM unnest(%(series)s::bigint[], %(first)s::integer[]) AS wanted(id, first)
    JOIN metrics_point AS p ON p.series_id = wanted.id AND p.step >= wanted.first
    ORDER BY p.series_id, p.step, p.attempt DESC
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The late part of one curve."""

    value: float
    """Mean over all of its steps."""
    batches: tuple[float, ...]
    """Means of consecutive stretches of equally many steps."""


def late_windows(run_ids: Sequence[str], keys: Sequence[str]) -> dict[tuple[str, str], Window]:
    """The last fifth of each curve, by run and key; a key that a run never logged is absent."""
    spans = _rows(_SPANS, {"runs": list(run_ids), "keys": list(keys), "level": LEVELS})
    names = {series_id: (run_id, key) for series_id, run_id, key, _, _ in spans}
    points: list[tuple[int, int]] = []
    buckets: list[tuple[int, int, int]] = []
    for series_id, _, _, first, last in spans:
        begin = first + -(-(last - first) * (LATE_SHARE - 1) // LATE_SHARE)
        level = _level(last - begin + 1)
        if level:
            buckets.append((series_id, level, begin // FACTOR**level))
        else:
            points.append((series_id, begin))
    found: dict[int, list[tuple[float, int]]] = {}
    for series_id, total, count in _read(points, buckets):
        if count:
            found.setdefault(series_id, []).append((total, count))
    return {names[series_id]: _window(parts) for series_id, parts in found.items()}


def _level(steps: int) -> int:
    level = 0
    while level < LEVELS and steps // FACTOR ** (level + 1) >= FEWEST_BATCHES:
        level += 1
    return level


def _window(parts: Sequence[tuple[float, int]]) -> Window:
    counted = sum(count for _, count in parts)
    # A stretch at the end that is not full says less than the others: it is in the mean, not in the spread.
    full = max(count for _, count in parts)
    batches = tuple(total / count for total, count in parts if 2 * count >= full)
    return Window(value=sum(total for total, _ in parts) / counted, batches=batches)


def _read(points: Sequence[tuple[int, int]], buckets: Sequence[tuple[int, int, int]]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    if points:
        series, first = zip(*points, strict=True)
        rows += _rows(_POINTS, {"series": list(series), "first": list(first)})
    if buckets:
        series, levels, first = zip(*buckets, strict=True)
        rows += _rows(_BUCKETS, {"series": list(series), "levels": list(levels), "first": list(first)})
    return rows


def _rows(statement: str, words: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, words)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
