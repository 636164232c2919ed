"""Points into the database, and with them the coarser buckets from which long series are read.

A bucket is always computed anew from the level below it, so that writing the same points twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from webapp.bulk import copy_binary
from webapp.metrics.columns import finite, odd_bit
from webapp.metrics.models import FACTOR, LEVELS, Point, Series

PointRow = tuple[str, int, int, datetime, float | None]
"""key, attempt, step, at, value: NaN and the infinities are kept as what they are, None is a number that is missing"""
Place = tuple[int, int, int]
"""series, attempt, and the step or the index of a bucket"""
Row = tuple[int, int, int, datetime, float | None, int]

COLUMNS = ("series_id", "attempt", "step", "at", "value", "odd")
TYPES = ("int8", "int2", "int4", "timestamptz", "float8", "int2")
CREATE_STAGING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS metrics_staging (
        series_id bigint, attempt smallint, step integer, at timestamptz, value double precision, odd smallint
    ) ON COMMIT DELETE ROWS
"""
UPSERT_POINTS = """
    INSERT INTO metrics_point (series_id, attempt, step, at, value, odd)
    SELECT series_id, attempt, step, at, value, odd FROM metrics_staging
    ON CONFLICT (series_id, attempt, step) DO UPDATE SET at = excluded.at, value = excluded.value, odd = excluded.odd
"""
UPDATE_SERIES = """
    UPDATE metrics_series AS s SET last_step = latest.step, last_value = latest.value
    FROM unnest(%(series)s::bigint[], %(steps)s::int[], %(values)s::float8[]) AS latest (id, step, value)
    WHERE s.id = latest.id
"""
TOUCHED = "unnest(%(series)s::bigint[], %(attempts)s::int[], %(indexes)s::int[]) AS touched (series_id, attempt, index)"
ON_CONFLICT_REPLACE = """
    ON CONFLICT (series_id, attempt, level, index) DO UPDATE SET
        count = excluded.count, gaps = excluded.gaps, odd = excluded.odd,
        minimum = excluded.minimum, maximum = excluded.maximum, total = excluded.total,
        first = excluded.first, last = excluded.last,
        first_step = excluded.first_step, last_step = excluded.last_step, last_at = excluded.last_at
"""
BUCKET_COLUMNS = """
    (series_id, attempt, level, index, count, gaps, odd, minimum, maximum, total,
     first, last, first_step, last_step, last_at)
"""
# A lateral join reads eight rows by the primary key for each touched bucket; a plain join on a range may be planned as
# one over the whole series, which makes a long one slower with every batch.
LOWEST_BUCKETS = f"""
    INSERT INTO metrics_bucket {BUCKET_COLUMNS}
    SELECT touched.series_id, touched.attempt, 1, touched.index, below.*
    FROM {TOUCHED}
    CROSS JOIN LATERAL (
        SELECT count(p.value), count(*) - count(p.value), bit_or(p.odd), min(p.value), max(p.value),
               coalesce(sum(p.value), 0),
               (array_agg(p.value ORDER BY p.step) FILTER (WHERE p.value IS NOT NULL))[1],
               (array_agg(p.value ORDER BY p.step DESC) FILTER (WHERE p.value IS NOT NULL))[1],
               min(p.step), max(p.step), max(p.at)
        FROM metrics_point AS p
        WHERE p.series_id = touched.series_id AND p.attempt = touched.attempt
              AND p.step >= touched.index * {FACTOR} AND p.step < (touched.index + 1) * {FACTOR}
    ) AS below
    {ON_CONFLICT_REPLACE}
"""
HIGHER_BUCKETS = f"""
    INSERT INTO metrics_bucket {BUCKET_COLUMNS}
    SELECT touched.series_id, touched.attempt, %(level)s, touched.index, below.*
    FROM {TOUCHED}
    CROSS JOIN LATERAL (
        SELECT sum(b.count), sum(b.gaps), bit_or(b.odd), min(b.minimum), max(b.maximum), sum(b.total),
               (array_agg(b.first ORDER BY b.index) FILTER (WHERE b.first IS NOT NULL))[1],
               (array_agg(b.last ORDER BY b.index DESC) FILTER (WHERE b.last IS NOT NULL))[1],
               min(b.first_step), max(b.last_step), max(b.last_at)
        FROM metrics_bucket AS b
        WHERE b.series_id = touched.series_id AND b.attempt = touched.attempt AND b.level = %(level)s - 1
              AND b.index >= touched.index * {FACTOR} AND b.index < (touched.index + 1) * {FACTOR}
    ) AS below
    {ON_CONFLICT_REPLACE}
"""


@transaction.atomic
def record_points(run_id: str, points: Sequence[PointRow]) -> None:
    """Write points of one run; one that is there is replaced. What is not finite is a gap that says what it was.

    Of points with the same key, attempt and step the last one counts.
    """
    if not points:
        return
    ids = series_ids(run_id, {key for key, *_ in points})
    rows: dict[Place, Row] = {
        (ids[key], attempt, step): (ids[key], attempt, step, at, finite(value), odd_bit(value))
        for key, attempt, step, at, value in points
    }
    _write(list(rows.values()))
    _say_latest(rows)
    touched: set[Place] = set(rows)
    with connection.cursor() as cursor:
        for level in range(1, LEVELS + 1):
            touched = {(series_id, attempt, place // FACTOR) for series_id, attempt, place in touched}
            statement = LOWEST_BUCKETS if level == 1 else HIGHER_BUCKETS
            cursor.execute(statement, {"level": level, **_places(touched)})


def series_ids(run_id: str, keys: Iterable[str]) -> dict[str, int]:
    """The id of each key's series, made where there is none."""
    wanted = set(keys)
    known = dict(Series.objects.filter(run_id=run_id, key__in=wanted).values_list("key", "id"))
    missing = wanted - known.keys()
    if missing:
        Series.objects.bulk_create([Series(run_id=run_id, key=key) for key in sorted(missing)], ignore_conflicts=True)
        known |= dict(Series.objects.filter(run_id=run_id, key__in=missing).values_list("key", "id"))
    return known


def _write(rows: Sequence[Row]) -> None:
    """Straight into the table, since nearly always all of them are new; by a detour where one is there already."""
    try:
        with transaction.atomic():
            copy_binary(Point._meta.db_table, COLUMNS, TYPES, rows)
    except IntegrityError:
        with connection.cursor() as cursor:
            cursor.execute(CREATE_STAGING)
            cursor.execute("DELETE FROM metrics_staging")
            copy_binary("metrics_staging", COLUMNS, TYPES, rows)
            cursor.execute(UPSERT_POINTS)


def _say_latest(rows: Mapping[Place, Row]) -> None:
    """What each series ends with: of its latest attempt the latest step."""
    latest: dict[int, Place] = {}
    for place in rows:
        latest[place[0]] = max(place, latest.get(place[0], place))
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "series": list(latest),
            "steps": [place[2] for place in latest.values()],
            "values": [rows[place][4] for place in latest.values()],
        }
        cursor.execute(UPDATE_SERIES, values)


def _places(touched: Iterable[Place]) -> dict[str, Any]:
    series, attempts, indexes = zip(*sorted(touched), strict=True)
    return {"series": list(series), "attempts": list(attempts), "indexes": list(indexes)}
