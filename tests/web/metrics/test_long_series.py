"""The long series of the benchmark, made small: it is what ingest would have made, and is read in few buckets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.console_series import KEY, fill_series, read_series
from webapp.accounts.models import User
from webapp.metrics.models import Bucket, Point
from webapp.metrics.services import record_points
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def test_a_filled_series_has_the_buckets_that_ingest_makes(run: Run) -> None:
    filled = fill_series(run, points=1000)
    rows = Point.objects.filter(series_id=filled).values_list("step", "value")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    record_points(run.pk, [("same", 1, step, start + timedelta(seconds=step), value) for step, value in rows])
    columns = ("level", "index", "count", "minimum", "maximum", "first", "last", "first_step", "last_step", "last_at")
    made = Bucket.objects.exclude(series_id=filled).order_by("level", "index").values_list(*columns)
    assert list(Bucket.objects.filter(series_id=filled).order_by("level", "index").values_list(*columns)) == list(made)


def test_a_long_series_is_read_in_few_buckets(run: Run, viewer: User) -> None:
    fill_series(run, points=20_000, key=KEY)
    figures = read_series(run, viewer, repeats=2)
    assert 600 <= figures["buckets"] <= 1500
    assert figures["kb"] < 200
    assert figures["server_cpu_ms"] >= 0 and figures["p50_ms"] > 0
