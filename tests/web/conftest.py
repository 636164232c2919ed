"""What the web's tests begin with: a team, its people, a run and an engine that may speak for it."""

# ruff: noqa: E402 (a conftest named on the command line is read before pytest-django sets Django up)

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django
import pytest

# Threads of the sockets' tests close their connections with each query, so that the test database can be dropped.
os.environ.setdefault("ARPO_DB_CONN_MAX_AGE_S", "0")
django.setup()

from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from arpo_engine.contract.events import Envelope
from tests.web.builders import make_attempt, make_person, make_run, make_team, ndjson
from webapp.accounts.models import Role, Team, User
from webapp.runs.models import Run, RunAttempt

Post = Callable[..., HttpResponse]


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Settings) -> None:
    """The real hash is slow by design; what is tested here is not its strength."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    """Frames and run folders of a test are its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RUNS_DIR = tmp_path / "runs"


@pytest.fixture
def team(db: None) -> Team:
    return make_team("Reds")[0]


@pytest.fixture
def admin(team: Team) -> User:
    return User.objects.get(memberships__team=team, memberships__role=Role.ADMIN)


@pytest.fixture
def runner(team: Team) -> User:
    return make_person("ruth", team, Role.RUNNER)


@pytest.fixture
def viewer(team: Team) -> User:
    return make_person("vera", team, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> User:
    """A person of another team."""
    return make_team("Blues")[1]


@pytest.fixture
def run(runner: User, team: Team) -> Run:
    return make_run(runner, team)


@pytest.fixture
def engine(run: Run) -> tuple[RunAttempt, str]:
    """The run's first attempt and its secret."""
    return make_attempt(run)


@pytest.fixture
def post(client: Client, run: Run, engine: tuple[RunAttempt, str]) -> Post:
    """Ship envelopes (or a raw body) as the run's engine does."""

    def ship(
        lines: Sequence[Envelope] | bytes, *, secret: str = "", run_id: str = "", query: str = "", **headers: Any
    ) -> HttpResponse:
        return client.post(
            f"/api/v1/runs/{run_id or run.pk}/events{query}",
            lines if isinstance(lines, bytes) else ndjson(lines),
            content_type="application/x-ndjson",
            headers={"Authorization": f"Bearer {secret or engine[1]}", **headers},
        )

    return ship
