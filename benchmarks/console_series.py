"""Reading a million-point series as buckets: server CPU of the web process and of its database session.

Called by the benchmark of the console, and by itself on the database that Django is set up for.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from typing import Any, Final

import psutil
from django.db import connection
from django.test import Client

from webapp.accounts.models import User
from webapp.metrics.models import FACTOR, LEVELS
from webapp.metrics.services import series_ids
from webapp.runs.models import Run

KEY: Final = "train/million"
POINTS: Final = 1_000_000
BUCKETS: Final = 1500
WARM_UP: Final = 3


def fill_series(run: Run, points: int = POINTS, key: str = KEY) -> int:
    """A series of so many points with its buckets, as ingest would have made them; its id."""
    series_id = series_ids(run.pk, [key])[key]
    whose: dict[str, Any] = {"series": series_id, "points": points, "start": datetime(2026, 1, 1, tzinfo=UTC)}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metrics_point (series_id, attempt, step, at, value, odd)"
            " SELECT %(series)s, 1, n, %(start)s + n * interval '1 second', sin(n / 5000.0) + random() - 0.5, 0"
            " FROM generate_series(1, %(points)s) AS n",
            whose,
        )
        for level in range(1, LEVELS + 1):
            cursor.execute(_LEVEL, {**whose, "level": level, "width": FACTOR**level})
        cursor.execute("ANALYZE metrics_point")
        cursor.execute("ANALYZE metrics_bucket")
    return series_id


_LEVEL: Final = """
    INSERT INTO metrics_bucket (series_id, attempt, level, index, count, gaps, odd, minimum, maximum, total,
                                first, last, first_step, last_step, last_at)
    SELECT series_id, 1, %(level)s, step / %(width)s, count(value), 0, 0, min(value), max(value), sum(value),
           (array_agg(value ORDER BY step))[1], (array_agg(value ORDER BY step DESC))[1], min(step), max(step), max(at)
    FROM metrics_point WHERE series_id = %(series)s GROUP BY series_id, step / %(width)s
"""


def read_series(run: Run, person: User, repeats: int = 40) -> dict[str, Any]:
    """The figure of the long series through the whole of Django, in this process: CPU and wall time in ms, KB."""
    client = Client()
    client.force_login(person)
    address = f"/runs/{run.pk}/figure.json?key={KEY}&smooth=0.6&points={BUCKETS}"
    costs: list[float] = []
    walls: list[float] = []
    size = buckets = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    here, there = psutil.Process(), psutil.Process(pid)
    for turn in range(repeats + WARM_UP):
        began, cpu = time.perf_counter(), _cpu(here, there)
        answer = client.get(address)
        if turn >= WARM_UP:
            costs.append((_cpu(here, there) - cpu) * 1000)
            walls.append((time.perf_counter() - began) * 1000)
        size = len(answer.content)
        buckets = max(len(trace["x"]) for trace in answer.json()["figure"]["data"] if trace.get("fill") is None)
    return {
        "server_cpu_ms": round(statistics.fmean(costs), 2),
        "p50_ms": round(statistics.median(walls), 2),
        "kb": round(size / 1000, 1),
        "buckets": buckets,
    }


def _cpu(*processes: psutil.Process) -> float:
    """Seconds that these have computed. The clock ticks in hundredths, so only the mean of many says something."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))
