"""What single requests cost a console: the list, one long series, a comparison. Wall clock, server CPU, bytes."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta

import requests

from benchmarks.console_server import Console

WARM_UP = 3
"""Requests that are not counted: the first ones import and compile templates."""


def cost(console: Console, path: str, times: int) -> dict[str, float]:
    """Median and 95th percentile of the wall clock in ms, server CPU in ms, KB on the wire without compression."""
    session = console.session()

    def ask() -> requests.Response:
        return session.get(console.url + path, headers={"Accept-Encoding": "identity"}, timeout=120)

    answer = ask()
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered with {answer.status_code}: {answer.text[:300]}")
    for _ in range(WARM_UP):
        ask()
    walls = []
    before = console.cpu_s()
    for _ in range(times):
        began = time.perf_counter()
        answer = ask()
        walls.append(1000 * (time.perf_counter() - began))
    return {
        "p50_ms": round(statistics.median(walls), 2),
        "p95_ms": round(sorted(walls)[max(0, round(0.95 * len(walls)) - 1)], 2),
        "server_cpu_ms": round(1000 * (console.cpu_s() - before) / times, 2),
        "kb": round(len(answer.content) / 1000, 1),
    }


def long_series(run_id: str, key: str, points: int) -> None:
    """A series of so many points, written by the console's own code in batches as an engine would ship them."""
    from webapp.metrics.services import record_points

    began, size = datetime.now(UTC), 50_000
    for first in range(0, points, size):
        steps = range(first, min(first + size, points))
        rows = [(key, 1, step, began + timedelta(seconds=step), value_of(step)) for step in steps]
        record_points(run_id, rows)


def settle() -> None:
    """The housekeeping that the database would do by itself in the minute after such a load: done now, and not counted
    as the cost of whatever is asked then."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def value_of(step: int) -> float:
    """A curve that climbs with noise on it; the same for every tool."""
    return 1.0 - 1.0 / (1 + step / 1000) + ((step * 2654435761) % 1000) / 10_000
