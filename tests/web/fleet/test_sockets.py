"""The fleet page's socket: a hint when something looks different, none when nothing does, and none for strangers."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser

from arpo_engine.contract.fleet import DesktopPhase
from tests.web.builders import fleet, make_team, one_step, seen
from tests.web.runs.test_sockets import scene
from tests.web.sockets import Page
from webapp.accounts.models import Membership
from webapp.fleet import consumers
from webapp.runs.team_socket import NOT_FOUND

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio, pytest.mark.usefixtures("valkey")]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "GATHER_S", 0.01)


async def test_a_page_is_told_when_a_desktop_looks_different() -> None:
    owner, run, engine = await scene()
    page = Page(owner, "/ws/fleet/")
    await page.open()
    await engine.say(fleet(seen("pocket-0/0")))
    assert await page.message() == {"type": "fleet", "runs": [run.pk]}
    await engine.say(fleet(seen("pocket-0/0", DesktopPhase.ACTING)))
    assert await page.message() == {"type": "fleet", "runs": [run.pk]}
    await page.leave()


async def test_what_changes_no_desktop_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 0.5)
    owner, _, engine = await scene()
    page = Page(owner, "/ws/fleet/")
    await page.open()
    await engine.say(*one_step(1))
    assert (await page.message())["type"] == "pulse"
    await page.leave()


async def test_desktops_of_other_teams_are_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 0.5)
    _, _, engine = await scene()
    _, stranger = await sync_to_async(make_team)("Blues")
    page = Page(stranger, "/ws/fleet/")
    await page.open()
    await engine.say(fleet(seen("pocket-0/0")))
    assert (await page.message())["type"] == "pulse"
    await page.leave()


async def test_who_left_the_team_hears_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 1.0)
    owner, _, engine = await scene()
    page = Page(owner, "/ws/fleet/")
    await page.open()
    await sync_to_async(Membership.objects.filter(user=owner).delete)()
    await engine.say(fleet(seen("pocket-0/0")))
    assert (await page.message())["type"] == "pulse"
    await page.leave()


async def test_who_is_not_signed_in_is_turned_away() -> None:
    page = Page(AnonymousUser(), "/ws/fleet/")
    await page.open()
    assert await page.close_code() == NOT_FOUND
