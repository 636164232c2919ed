"""Series out of the database: at most so many buckets, whatever the length, with every resumed attempt's segment.

What is joined is joined by Postgres, so that a million points cost the web process as much as a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from django.db import connection

from webapp.metrics.columns import Columns, Curve, Sample, Segment
from webapp.metrics.models import FACTOR, LEVELS, SYSTEM_PREFIX, Series

__all__ = ["MAX_POINTS", "Curve", "Sample", "Segment", "StepRange", "keys_of", "series"]

MAX_POINTS: Final = 2000
StepRange = tuple[int, int]
"""First and last step that are asked for, both included."""

_OF_POINTS = """
    SELECT step, extract(epoch FROM at)::float8, value, odd FROM metrics_point
    WHERE series_id = %(series)s AND attempt = %(attempt)s AND step >= %(first)s AND step < %(end)s ORDER BY step
"""
_OF_JOINED_POINTS = """
    SELECT max(step), extract(epoch FROM max(at))::float8, avg(value), min(value), max(value),
           (array_agg(value ORDER BY step DESC) FILTER (WHERE value IS NOT NULL))[1],
           count(value)::int, (count(*) - count(value))::int, bit_or(odd)
    FROM metrics_point
    WHERE series_id = %(series)s AND attempt = %(attempt)s AND step >= %(first)s AND step < %(end)s
    GROUP BY step / %(width)s ORDER BY step / %(width)s
"""
_OF_BUCKETS = """
    SELECT max(last_step), extract(epoch FROM max(last_at))::float8, sum(total) / nullif(sum(count), 0),
           min(minimum), max(maximum),
           (array_agg(last ORDER BY index DESC) FILTER (WHERE last IS NOT NULL))[1],
           sum(count)::int, sum(gaps)::int, bit_or(odd)
    FROM metrics_bucket
    WHERE series_id = %(series)s AND attempt = %(attempt)s AND level = %(level)s
          AND index >= %(first)s AND index < %(end)s
    GROUP BY index / %(width)s ORDER BY index / %(width)s
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """The steps of one attempt in one series that still count: from `first` up to, but without, `end`."""

    attempt: int
    first: int
    end: int
    superseded_from: int | None
    """A later attempt did the steps from here on again."""


def series(
    run_id: str, keys: Iterable[str], max_points: int = MAX_POINTS, steps: StepRange | None = None
) -> dict[str, Curve]:
    """The curves of these keys, each with at most about `max_points` samples; a key never logged is absent.

    `steps` narrows them to a range, whose ends may lie inside a bucket: it is then shown whole.
    """
    return {
        key: _curve(key, series_id, _within(extents, steps), max_points)
        for (key, series_id), extents in _extents(run_id, keys).items()
    }


def keys_of(run_id: str) -> list[str]:
    """All keys that the run logged, in order; what its machines used is not among them."""
    logged = Series.objects.filter(run_id=run_id).exclude(key__startswith=SYSTEM_PREFIX)
    return list(logged.order_by("key").values_list("key", flat=True))


def _extents(run_id: str, keys: Iterable[str]) -> dict[tuple[str, int], list[Extent]]:
    """Per key and series the range of steps that each attempt still speaks for: up to where a later attempt began."""
    # Read from the coarsest level: a handful of rows, however long the series.
    rows = _rows(
        "SELECT s.key, s.id, b.attempt, min(b.first_step), max(b.last_step)"
        " FROM metrics_series AS s LEFT JOIN metrics_bucket AS b ON b.series_id = s.id AND b.level = %(level)s"
        " WHERE s.run_id = %(run)s AND s.key = ANY(%(keys)s)"
        " GROUP BY s.key, s.id, b.attempt ORDER BY s.key, b.attempt DESC",
        {"run": run_id, "keys": list(keys), "level": LEVELS},
    )
    extents: dict[tuple[str, int], list[Extent]] = {}
    begun: dict[int, int] = {}
    for key, series_id, attempt, first, last in rows:
        found = extents.setdefault((key, series_id), [])
        if attempt is None:
            continue
        later = begun.get(series_id)
        end = last + 1 if later is None else min(last + 1, later)
        if first < end:
            found.insert(0, Extent(attempt, first, end, end if end <= last else None))
        begun[series_id] = first if later is None else min(first, later)
    return extents


def _within(extents: Sequence[Extent], steps: StepRange | None) -> list[Extent]:
    """What of them lies in the range."""
    if steps is None:
        return list(extents)
    low, high = steps
    return [
        Extent(one.attempt, max(one.first, low), min(one.end, high + 1), one.superseded_from)
        for one in extents
        if one.first <= high and one.end > low
    ]


def _curve(key: str, series_id: int, extents: Sequence[Extent], max_points: int) -> Curve:
    span = sum(extent.end - extent.first for extent in extents)
    width = 1
    while span / width > max_points:
        width *= 2
    segments = tuple(
        Segment(
            attempt=extent.attempt,
            first_step=extent.first,
            columns=_columns(series_id, extent, width),
            superseded_from=extent.superseded_from,
        )
        for extent in extents
    )
    return Curve(key=key, segments=segments, width=width)


def _columns(series_id: int, extent: Extent, width: int) -> Columns:
    whose = {"series": series_id, "attempt": extent.attempt}
    if width == 1:
        return Columns.of_points(_rows(_OF_POINTS, {**whose, "first": extent.first, "end": extent.end}))
    level = 0
    while level < LEVELS and FACTOR ** (level + 1) <= width:
        level += 1
    points = {**whose, "width": width, "first": extent.first, "end": extent.end}
    if level == 0:
        return Columns.of_buckets(_rows(_OF_JOINED_POINTS, points))
    held = FACTOR**level
    # Buckets wholly inside what counts; the ragged end, where a later attempt took over, is read from the points.
    ragged = extent.superseded_from is not None
    end = extent.end // width * width if ragged else extent.end
    buckets = {"level": level, "width": width // held, "first": extent.first // held, "end": -(-end // held)}
    whole = Columns.of_buckets(_rows(_OF_BUCKETS, {**whose, **buckets}))
    if not ragged:
        return whole
    tail = {**points, "first": max(end, extent.first)}
    return whole.followed_by(Columns.of_buckets(_rows(_OF_JOINED_POINTS, tail)))


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows in the binary form of the wire: a number as text costs three times as much to read."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, values, binary=True).fetchall()
