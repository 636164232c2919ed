"""The workers' tests use the web's fixtures, and a cluster that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection

from tests.web.conftest import admin, cheap_passwords, own_folders, run, runner, team
from tests.workers.cluster import FakeCluster
from workers import launcher

__all__ = ["admin", "cheap_passwords", "own_folders", "run", "runner", "team"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, valkey: str) -> Iterator[FakeCluster]:
    """Stands where the Ray cluster's HTTP API is; the launcher itself is the real one."""
    fake = FakeCluster()
    cache.clear()
    monkeypatch.setattr(launcher, "_ask", fake.ask)
    monkeypatch.setattr(launcher, "ray_address", lambda: "http://cluster")
    monkeypatch.setenv("ARPO_REPORT_URL", "http://console:8000")
    monkeypatch.setenv("ARPO_RUNS_AT_ONCE", "1")
    yield fake


@pytest.fixture
def other_session(db: None) -> Iterator[Callable[[str], None]]:
    """Another connection to the test's database, kept open until the test ends."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:

        def execute(statement: str) -> None:
            other.execute(statement.encode())

        yield execute
