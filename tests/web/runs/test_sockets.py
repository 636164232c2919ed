"""The live sockets: what was missed comes first, nothing comes twice, and strangers see nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser

from arpo_engine.contract import events as wire
from tests.web.builders import envelopes, make_attempt, make_person, make_run, make_team, one_step, started
from tests.web.sockets import Page
from webapp.accounts.models import Membership, Role, User
from webapp.api.ingest import ingest
from webapp.runs import audience, consumers, live
from webapp.runs.live import run_group
from webapp.runs.models import Run, RunAttempt, RunEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio, pytest.mark.usefixtures("valkey")]


class Engine:
    """An engine that speaks to ingest directly."""

    def __init__(self, run: Run, attempt: RunAttempt) -> None:
        self.run, self.attempt, self.seq = run, attempt, 0

    async def say(self, *events: Any) -> None:
        lines = envelopes(events, first_seq=self.seq + 1)
        self.seq += len(lines)
        await sync_to_async(ingest)(self.attempt, lines)


async def scene(username: str = "ruth") -> tuple[User, Run, Engine]:
    """A run that has said that it started, and its owner."""

    def build() -> tuple[User, Run, Engine]:
        team, _ = make_team("Reds")
        owner = make_person(username, team, Role.RUNNER)
        run = make_run(owner, team)
        attempt, _ = make_attempt(run)
        return owner, run, Engine(run, attempt)

    owner, run, engine = await sync_to_async(build)()
    await engine.say(started())
    return owner, run, engine


def cursors(events: Sequence[dict[str, Any]]) -> list[int]:
    return [event["cursor"] for event in events]


async def test_a_page_gets_what_it_missed_and_then_what_is_new() -> None:
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/?since=0")
    await page.open()
    missed = await page.events_until("RunStarted")
    await engine.say(*one_step(1))
    new = await page.events_until("StepFinished")
    assert cursors([*missed, *new]) == list(range(1, len(missed) + len(new) + 1))
    await page.leave()


async def test_a_page_that_knows_a_cursor_gets_only_the_rest() -> None:
    owner, run, engine = await scene()
    known = (await Run.objects.aget(pk=run.pk)).last_cursor
    await engine.say(*one_step(1))
    page = Page(owner, f"/ws/runs/{run.pk}/?since={known}")
    await page.open()
    events = await page.events_until("StepFinished")
    assert cursors(events)[0] == known + 1
    await page.leave()


async def test_a_message_arrives_after_the_socket_was_idle_for_longer_than_the_drivers_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # redis-py 8 gives up on a read after five idle seconds unless it is told otherwise; the pulse must not hide that.
    monkeypatch.setattr(consumers, "PULSE_S", 3600.0)
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    await page.events_until("RunStarted")
    assert await page.receive_nothing(timeout=11.0)
    await engine.say(*one_step(1))
    assert cursors(await page.events_until("StepFinished"))
    await page.leave()


async def test_a_lost_hint_is_healed_by_the_pulse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 0.2)
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    await page.events_until("RunStarted")
    monkeypatch.setattr("webapp.runs.live.announce", lambda *_: None)
    await engine.say(*one_step(1))
    await page.events_until("StepFinished")
    await page.leave()


async def test_a_hole_in_the_hints_is_read_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 3600.0)
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    first = await page.events_until("RunStarted")
    with monkeypatch.context() as patch:
        patch.setattr("webapp.runs.live.announce", lambda *_: None)
        await engine.say(*one_step(1))
    await engine.say(wire.PhaseChanged(phase="collecting", step=2))
    rest = await page.events_until("PhaseChanged")
    assert cursors([*first, *rest]) == list(range(1, len(first) + len(rest) + 1))
    await page.leave()


async def test_too_much_to_replay_asks_the_page_to_load_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "REPLAY_LIMIT", 3)
    owner, run, engine = await scene()
    await engine.say(*one_step(1), *one_step(2))
    page = Page(owner, f"/ws/runs/{run.pk}/?since=0")
    await page.open()
    message = await page.message()
    newest = await RunEvent.objects.filter(run=run).acount()
    assert message == {"type": "reload", "cursor": newest}
    await page.leave()


async def test_many_events_in_a_burst_come_in_few_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The publisher is kept from sending until all has been said: what came meanwhile travels together."""
    monkeypatch.setattr(consumers, "PULSE_S", 3600.0)
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    await page.events_until("RunStarted")
    all_said, publish = threading.Event(), live._publish

    async def held(*words: Any) -> None:
        await asyncio.to_thread(all_said.wait)
        await publish(*words)

    monkeypatch.setattr(live, "_publish", held)
    for number in range(1, 21):
        await engine.say(wire.PhaseChanged(phase="collecting", step=number))
    await engine.say(wire.PhaseChanged(phase="done", step=20))
    all_said.set()
    messages, found = 0, 0
    while found < 21:
        message = await page.message()
        messages, found = messages + 1, found + len(message.get("events", []))
    assert found == 21
    assert messages <= 2
    await page.leave()


async def test_another_teams_person_finds_no_such_run() -> None:
    _, run, _ = await scene()
    stranger = (await sync_to_async(make_team)("Blues"))[1]
    for person in (stranger, AnonymousUser()):
        page = Page(person, f"/ws/runs/{run.pk}/")
        await page.open()
        assert await page.close_code() == 4404


async def test_a_person_who_leaves_the_team_sees_nothing_more() -> None:
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    await page.events_until("RunStarted")
    await Membership.objects.filter(user=owner).adelete()
    await engine.say(*one_step(1))
    assert await page.close_code() == 4404


async def test_the_list_is_told_which_run_changed() -> None:
    owner, run, engine = await scene()
    page = Page(owner, "/ws/runs/")
    await page.open()
    await engine.say(*one_step(1))
    state: dict[str, Any] = {}
    while state.get("step") != 1:
        message = await page.message()
        state = message["runs"][0]
    assert (state["id"], state["status"], state["successes"]) == (run.pk, "running", 3)
    await page.leave()


async def test_the_list_of_another_team_is_told_nothing() -> None:
    _, _, engine = await scene()
    stranger = (await sync_to_async(make_team)("Blues"))[1]
    page = Page(stranger, "/ws/runs/")
    await page.open()
    await engine.say(*one_step(1))
    assert await page.receive_nothing(timeout=1.0)
    await page.leave()


async def test_a_stranger_gets_no_list() -> None:
    page = Page(AnonymousUser(), "/ws/runs/")
    await page.open()
    assert await page.close_code() == 4404


async def test_many_pages_of_a_run_cost_one_subscription_and_one_look_at_each_piece_of_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumers, "PULSE_S", 3600.0)
    looks: list[str] = []
    look = audience._read_run

    async def counted(run_id: str, told: int) -> audience.Glance | None:
        looks.append(run_id)
        return await look(run_id, told)

    owner, run, engine = await scene()
    monkeypatch.setattr(audience, "_read_run", counted)
    pages = [Page(owner, f"/ws/runs/{run.pk}/") for _ in range(8)]
    for page in pages:
        await page.open()
        await page.events_until("RunStarted")
    assert len(looks) <= 3  # whether the first may look, once more when the room listens; the others share that
    layer = get_channel_layer()
    assert len(layer.groups[layer._get_group_channel_name(run_group(run.pk))]) == 1
    looks.clear()
    await engine.say(wire.PhaseChanged(phase="collecting", step=2))
    for page in pages:
        await page.events_until("PhaseChanged")
    assert len(looks) == 1
    for page in pages:
        await page.leave()
    assert layer._get_group_channel_name(run_group(run.pk)) not in layer.groups or not any(
        layer.groups[layer._get_group_channel_name(run_group(run.pk))]
    )


async def test_a_page_that_reads_slowly_holds_few_messages_and_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MOST_HELD", 1)
    monkeypatch.setattr(consumers, "PULSE_S", 3600.0)
    owner, run, engine = await scene()
    page = Page(owner, f"/ws/runs/{run.pk}/")
    await page.open()
    first = await page.events_until("RunStarted")
    for number in range(2, 9):
        await engine.say(wire.PhaseChanged(phase="collecting", step=number))
    await engine.say(wire.PhaseChanged(phase="done", step=9))
    rest: list[dict[str, Any]] = []
    while len(rest) < 8:
        rest += (await page.message()).get("events", [])
    assert cursors([*first, *rest]) == list(range(1, len(first) + 9))
    await page.leave()
