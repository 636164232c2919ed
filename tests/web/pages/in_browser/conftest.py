"""A real server and a real browser: a signed-in page in which every complaint of the console fails the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker, Settings

from tests.web.builders import make_person, make_team
from tests.web.pages.browser import DESK, FLAGS, WebServer
from webapp.accounts.models import Role, Team, User
from webapp.supervisor.browser import SKIP_REASON, WHY_SKIPPED, find_chromium

PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def server(data: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker, valkey: str) -> Iterator[WebServer]:
    with django_db_blocker.unblock():
        server = WebServer(data)
    server.wait_until_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(os.environ.get(SKIP_REASON) or WHY_SKIPPED)
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's own event loop runs in this thread; the rows that tests make have nothing to do with it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield browser
            browser.close()


@pytest.fixture
def frames_of_the_server(settings: Settings, own_folders: None, data: Path) -> None:
    settings.MEDIA_ROOT = data / "media"


@pytest.fixture
def team(browser: Browser, db: None) -> Team:
    return make_team("Reds")[0]


@pytest.fixture
def person(team: Team) -> User:
    return make_person("ruth", team, Role.RUNNER)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, server: WebServer, person: User, problems: list[str], settings: Settings) -> Iterator[Page]:
    """A signed-in page in which every complaint of the console is a failure of the test."""
    context: BrowserContext = browser.new_context(viewport=DESK, base_url=server.url)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("console", lambda said: problems.append(f"{page.url}: {said.text}") if _is_a_problem(said) else None)
    yield page
    context.close()
    server.wait_until_at_rest()
    assert problems == []


def _is_a_problem(said: ConsoleMessage) -> bool:
    """A picture may be asked for a moment before its bytes have come; the page asks again."""
    where = said.location["url"]
    return said.type == "error" and "/frames/" not in where and "/thumbs/" not in where
