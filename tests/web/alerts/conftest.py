"""A team with a chat that is told, and a run to tell of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.web.alerts.chat import Chat
from tests.web.builders import make_person, make_run
from webapp.accounts.models import Role, Team, User
from webapp.alerts import outward
from webapp.alerts.models import Route
from webapp.alerts.services import add_route
from webapp.runs.models import Run


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a chat on this machine, which the console is told that it may reach."""
    monkeypatch.setenv(outward.OPEN_HOSTS, "127.0.0.1")
    Chat.got, Chat.status, Chat.hangs = [], 200, False
    Chat.silent.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook/s3cr3t"
    Chat.silent.set()
    server.shutdown()


@pytest.fixture
def maintainer(team: Team) -> User:
    return make_person("mai", team, Role.MAINTAINER)


@pytest.fixture
def run(runner: User, team: Team) -> Run:
    return make_run(runner, team)


@pytest.fixture
def hook(team: Team, maintainer: User, chat: str) -> Route:
    return add_route(team=team, actor=maintainer, way="webhook", label="#arpo", address=chat, kinds=[])
