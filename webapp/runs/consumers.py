"""The sockets of the run page and of the list: subscribe first, replay what was missed, then pass on what is new.

The browser's cursor says what it has. Everything is read from the log of events; the bus only says that there is more.
Whether the person may still look is asked again with every push.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.accounts.models import User
from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.access import run_visible_to, runs_visible_to
from webapp.runs.live import as_message, run_group, team_group
from webapp.runs.models import Run, RunEvent

REPLAY_LIMIT: Final = 2000
"""Missed events beyond which the page is told to load itself anew."""
REPLAY_CHUNK: Final = 250
PULSE_S: Final = 10.0
"""How often a quiet socket looks into the table itself, and tells the page that it is alive."""
NOT_FOUND: Final = 4404
"""Close code: there is no such run for this person."""

STATUS_FIELDS: Final = (
    "id", "name", "status", "status_reason", "step", "total_steps", "successes", "attempts_count",
    "held_out_successes", "held_out_attempts", "replay_size", "sparkline", "phase", "phase_detail", "eta_s",
    "episodes_count", "faults_count", "last_cursor", "directive",
)  # fmt: skip
TIME_FIELDS: Final = ("status_at", "progress_at", "started_at", "finished_at", "queued_at")


class RunConsumer(AsyncJsonWebsocketConsumer):
    """One page that looks at one run: `/ws/runs/<id>/?since=<cursor>`."""

    run_id: str
    cursor: int
    _pulse: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Subscribe, then replay: what is announced in between waits and is told apart by its cursor."""
        self.run_id = self.scope["url_route"]["kwargs"]["run_id"]
        self.cursor = _since(self.scope)
        self._order = asyncio.Lock()
        if not await self._may_look():
            await self.accept()
            await self.close(NOT_FOUND)
            return
        await self.channel_layer.group_add(run_group(self.run_id), self.channel_name)
        await self.accept()
        async with self._order:
            await self._catch_up()
        self._pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave the group; nothing else is kept."""
        if self._pulse is not None:
            self._pulse.cancel()
        await self.channel_layer.group_discard(run_group(self.run_id), self.channel_name)

    async def run_advanced(self, message: dict[str, Any]) -> None:
        """The bus says that there is more: pass it on, or read the log where the message leaves a hole."""
        async with self._order:
            if message["cursor"] <= self.cursor:
                return
            if not await self._may_look():
                await self.close(NOT_FOUND)
                return
            if message["events"] and message["first"] <= self.cursor + 1:
                await self._push([event for event in message["events"] if event["cursor"] > self.cursor])
            else:
                await self._catch_up()

    async def _beat(self) -> None:
        """Heal lost hints, notice lost rights, and keep the page's dot honest."""
        while True:
            await asyncio.sleep(PULSE_S)
            async with self._order:
                if not await self._may_look():
                    await self.close(NOT_FOUND)
                    return
                await self._catch_up()
                await self.send_json({"type": "pulse", "cursor": self.cursor, "at": time.time()})

    async def _catch_up(self) -> None:
        """Send all that the log has after the cursor, or say that it is too much for a socket."""
        newest = await self._newest_cursor()
        if newest - self.cursor > REPLAY_LIMIT:
            self.cursor = newest
            await self.send_json({"type": "reload", "cursor": newest})
            return
        while rows := await self._events_after_cursor():
            await self._push(rows)

    async def _push(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        self.cursor = events[-1]["cursor"]
        await self.send_json(
            {"type": "events", "cursor": self.cursor, "events": events, "run": await self._state_of_run()}
        )

    @database_sync_to_async
    def _may_look(self) -> bool:
        return run_visible_to(_person(self.scope), self.run_id) is not None

    @database_sync_to_async
    def _newest_cursor(self) -> int:
        return Run.objects.values_list("last_cursor", flat=True).get(pk=self.run_id)

    @database_sync_to_async
    def _events_after_cursor(self) -> list[dict[str, Any]]:
        columns = ("run_id", "cursor", "attempt", "seq", "kind", "at", "data")
        events = RunEvent.objects.filter(run_id=self.run_id, cursor__gt=self.cursor).order_by("cursor")
        return [as_message(row) for row in events.values_list(*columns)[:REPLAY_CHUNK]]

    @database_sync_to_async
    def _state_of_run(self) -> dict[str, Any]:
        return state_of_run(Run.objects.get(pk=self.run_id))


class RunListConsumer(AsyncJsonWebsocketConsumer):
    """One page that looks at the list: `/ws/runs/`; told which of its runs changed, and into what."""

    groups_joined: list[str]

    async def connect(self) -> None:
        """Subscribe to the person's teams; a stranger is turned away."""
        self.groups_joined = []
        self._changed: set[str] = set()
        self._sender: asyncio.Task[None] | None = None
        if not isinstance(_person(self.scope), User):
            await self.accept()
            await self.close(NOT_FOUND)
            return
        for team_id in await self._team_ids():
            await self.channel_layer.group_add(team_group(team_id), self.channel_name)
            self.groups_joined.append(team_group(team_id))
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        if self._sender is not None:
            self._sender.cancel()
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def run_changed(self, message: dict[str, Any]) -> None:
        """Some run of the team moved; several within a moment are sent together."""
        self._changed.add(message["run"])
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_soon())

    async def _send_soon(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, set()
            runs = await self._states(changed)
            if runs:
                await self.send_json({"type": "runs", "runs": runs})
            await asyncio.sleep(0.5)

    @database_sync_to_async
    def _team_ids(self) -> list[int]:
        return list(teams_visible_to(_person(self.scope)).values_list("id", flat=True))

    @database_sync_to_async
    def _states(self, run_ids: set[str]) -> list[dict[str, Any]]:
        # Asked with the person's rights as they are now, not as they were when the socket opened.
        return [state_of_run(run) for run in runs_visible_to(_person(self.scope)).filter(pk__in=run_ids)]


def state_of_run(run: Run) -> dict[str, Any]:
    """What a page shows of a run besides its events."""
    state = {name: getattr(run, name) for name in STATUS_FIELDS}
    times = {name: moment.isoformat() if (moment := getattr(run, name)) else None for name in TIME_FIELDS}
    return state | times


def _person(scope: Any) -> Person:
    """Who opened the socket, as the session says."""
    person: Person = scope["user"]
    return person


def _since(scope: Any) -> int:
    """The cursor that the page has; anything but a number means that it has nothing."""
    word = parse_qs(scope["query_string"].decode()).get("since", ["0"])[0]
    return int(word) if word.isdigit() and len(word) < 19 else 0
