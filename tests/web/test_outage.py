"""The database goes away and comes back: pages and the API say so and go on by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis.exceptions
from django.db import IntegrityError, OperationalError

from tests.web.pages.browser import WebServer
from webapp.env import BASE_DIR
from webapp.outage import what_is_away
from webapp.supervisor.services import Postgres


@pytest.fixture
def database() -> Iterator[Postgres]:
    """A database server of this test's own, which may be stopped."""
    with tempfile.TemporaryDirectory(prefix="arpo-outage-") as place:
        Path(place).chmod(0o711)  # the database's unprivileged user walks through
        server = Postgres(Path(place))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def console(database: Postgres, tmp_path: Path, valkey: str) -> Iterator[WebServer]:
    """A web server on that database."""
    environment = {**os.environ, "DATABASE_URL": database.url, "ARPO_DATA_DIR": str(tmp_path)}
    prepare = [sys.executable, "manage.py", "prepare_console"]
    subprocess.run(prepare, cwd=BASE_DIR, env=environment, check=True, capture_output=True)
    server = WebServer(tmp_path, database.url)
    server.wait_until_ready()
    yield server
    server.stop()


def asked(url: str) -> tuple[int, str]:
    """Status and text of the answer to a browser that has been here before: whoever has a session is looked up."""
    try:
        request = urllib.request.Request(url, headers={"Cookie": "arpo_session=" + "x" * 32})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_while_the_database_is_away_pages_say_so_look_again_and_then_go_on(
    database: Postgres, console: WebServer
) -> None:
    page_of_runs = f"{console.url}/runs/"
    assert asked(page_of_runs)[0] == 200
    database.stop()
    status, page = asked(page_of_runs)
    assert status == 503
    assert "The console&#x27;s database is away" in page
    assert 'http-equiv="refresh"' in page
    assert asked(f"{console.url}/healthz") == (503, '{"status": "no database"}')
    engine = urllib.request.Request(
        f"{console.url}/api/v1/runs/x/events", data=b"", headers={"Authorization": "Bearer run_x"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(engine, timeout=60)
    assert refused.value.code == 503
    assert "send it again" in json.loads(refused.value.read())["detail"]
    database.start()
    assert asked(page_of_runs)[0] == 200
    assert asked(f"{console.url}/healthz")[0] == 200


def test_only_a_server_that_is_away_is_called_away() -> None:
    refused = OperationalError("connection refused")
    refused.__cause__ = psycopg.OperationalError("connection refused")
    too_slow = OperationalError("canceling statement due to statement timeout")
    too_slow.__cause__ = psycopg.errors.QueryCanceled("canceling statement")
    assert what_is_away(refused) == "The console's database"
    assert what_is_away(redis.exceptions.ConnectionError()) == "The console's bus (Valkey)"
    assert what_is_away(IntegrityError("twice")) is None
    assert what_is_away(ValueError("ours")) is None
    assert what_is_away(None) is None
    assert what_is_away(too_slow) is None
