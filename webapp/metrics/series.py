"""Series out of the database: at most so many buckets, whatever the length, with every resumed attempt's segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from webapp.metrics.models import FACTOR, LEVELS, Bucket, Point, Series

MAX_POINTS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One place on a curve: a single point (then all values are equal), or what a bucket of steps amounts to.

    All values are None where the engine had no finite number; `gaps` counts such points.
    """

    step: int
    """The last step in it."""
    at: datetime
    mean: float | None
    minimum: float | None
    maximum: float | None
    last: float | None
    count: int
    """Finite values in it."""
    gaps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one attempt contributed; a later attempt that began below its end supersedes the rest."""

    attempt: int
    first_step: int
    samples: tuple[Sample, ...]
    superseded_from: int | None = None
    """First step that a later attempt did again; the points from there on are kept, but not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One key's series of one run."""

    key: str
    segments: tuple[Segment, ...]
    width: int
    """Steps per sample; 1 when every point is there."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All segments in one line."""
        return tuple(sample for segment in self.segments for sample in segment.samples)


@dataclass(frozen=True, slots=True)
class Extent:
    """The steps of one attempt in one series that still count: from `first` up to, but without, `end`."""

    attempt: int
    first: int
    end: int
    cut: bool


def series(run_id: str, keys: Iterable[str], max_points: int = MAX_POINTS) -> dict[str, Curve]:
    """The curves of these keys, each with at most about `max_points` samples; a key never logged is absent."""
    ids = dict(Series.objects.filter(run_id=run_id, key__in=list(keys)).values_list("key", "id"))
    if not ids:
        return {}
    extents = _extents(list(ids.values()))
    return {key: _curve(key, series_id, extents.get(series_id, []), max_points) for key, series_id in ids.items()}


def keys_of(run_id: str) -> list[str]:
    """All keys that the run logged, in order."""
    return list(Series.objects.filter(run_id=run_id).order_by("key").values_list("key", flat=True))


def _extents(ids: Sequence[int]) -> dict[int, list[Extent]]:
    """Per series the range of steps that each attempt still speaks for: up to where a later attempt began."""
    with connection.cursor() as cursor:
        # Read from the coarsest level: a handful of rows, however long the series.
        cursor.execute(
            "SELECT series_id, attempt, min(first_step), max(last_step) FROM metrics_bucket"
            " WHERE series_id = ANY(%s) AND level = %s GROUP BY series_id, attempt ORDER BY series_id, attempt DESC",
            [list(ids), LEVELS],
        )
        rows = cursor.fetchall()
    extents: dict[int, list[Extent]] = {}
    begun: dict[int, int] = {}
    for series_id, attempt, first, last in rows:
        later = begun.get(series_id)
        end = last + 1 if later is None else min(last + 1, later)
        if first < end:
            extents.setdefault(series_id, []).insert(0, Extent(attempt, first, end, cut=end <= last))
        begun[series_id] = first if later is None else min(first, later)
    return extents


def _curve(key: str, series_id: int, extents: Sequence[Extent], max_points: int) -> Curve:
    span = sum(extent.end - extent.first for extent in extents)
    width = 1
    while span / width > max_points:
        width *= 2
    segments = tuple(
        Segment(
            attempt=extent.attempt,
            first_step=extent.first,
            samples=_samples(series_id, extent, width),
            superseded_from=extent.end if extent.cut else None,
        )
        for extent in extents
    )
    return Curve(key=key, segments=segments, width=width)


def _samples(series_id: int, extent: Extent, width: int) -> tuple[Sample, ...]:
    if width == 1:
        return _points(series_id, extent.attempt, extent.first, extent.end)
    level = 0
    while level < LEVELS and FACTOR ** (level + 1) <= width:
        level += 1
    if level == 0:
        return _thin(_points(series_id, extent.attempt, extent.first, extent.end), width)
    # Buckets wholly inside what counts; the ragged end, where a later attempt took over, is read point by point.
    whole_end = (extent.end // FACTOR**level) * FACTOR**level if extent.cut else extent.end
    buckets = _buckets(series_id, extent.attempt, level, whole_end)
    tail = _points(series_id, extent.attempt, whole_end, extent.end) if extent.cut else ()
    return _thin((*buckets, *tail), width)


def _points(series_id: int, attempt: int, first: int, end: int) -> tuple[Sample, ...]:
    rows = Point.objects.filter(series_id=series_id, attempt=attempt, step__gte=first, step__lt=end)
    return tuple(
        Sample(
            step=step,
            at=at,
            mean=value,
            minimum=value,
            maximum=value,
            last=value,
            count=int(value is not None),
            gaps=int(value is None),
        )
        for step, at, value in rows.order_by("step").values_list("step", "at", "value")
    )


def _buckets(series_id: int, attempt: int, level: int, end: int) -> tuple[Sample, ...]:
    rows = Bucket.objects.filter(series_id=series_id, attempt=attempt, level=level, index__lt=-(-end // FACTOR**level))
    columns = ("last_step", "last_at", "total", "count", "gaps", "minimum", "maximum", "last")
    return tuple(
        Sample(
            step=step,
            at=at,
            mean=total / count if count else None,
            minimum=low,
            maximum=high,
            last=last,
            count=count,
            gaps=gaps,
        )
        for step, at, total, count, gaps, low, high, last in rows.order_by("index").values_list(*columns)
    )


def _thin(samples: Sequence[Sample], width: int) -> tuple[Sample, ...]:
    """Join neighbours that fall into the same `width` steps."""
    joined: list[list[Sample]] = []
    place: int | None = None
    for sample in samples:
        if sample.step // width != place:
            place = sample.step // width
            joined.append([])
        joined[-1].append(sample)
    return tuple(group[0] if len(group) == 1 else _join(group) for group in joined)


def _join(samples: Sequence[Sample]) -> Sample:
    count = sum(sample.count for sample in samples)
    total = sum(sample.mean * sample.count for sample in samples if sample.mean is not None)
    lows = [sample.minimum for sample in samples if sample.minimum is not None]
    highs = [sample.maximum for sample in samples if sample.maximum is not None]
    lasts = [sample.last for sample in samples if sample.last is not None]
    return Sample(
        step=samples[-1].step,
        at=samples[-1].at,
        mean=total / count if count else None,
        minimum=min(lows, default=None),
        maximum=max(highs, default=None),
        last=lasts[-1] if lasts else None,
        count=count,
        gaps=sum(sample.gaps for sample in samples),
    )
