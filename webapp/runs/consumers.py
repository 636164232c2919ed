"""The sockets of the run page and of the list: subscribe first, replay what was missed, then pass on what is new.

The browser's cursor says what it has. Everything is read from the log of events; the bus only says that there is more.
Whether the person may still look is asked again with every push.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.utils import await_many_dispatch

from webapp.runs.access import runs_visible_to
from webapp.runs.audience import Glance, Room, enter, leave
from webapp.runs.models import Run
from webapp.runs.team_socket import NOT_FOUND, TeamConsumer, person_of

REPLAY_LIMIT: Final = 2000
"""Missed events beyond which the page is told to load itself anew."""
REPLAY_CHUNK: Final = 250
PULSE_S: Final = 10.0
"""How often a quiet socket looks into the table itself, and tells the page that it is alive."""
GLANCE_S: Final = 1.0
"""How old a look at the run may be that a pulse goes by."""
MOST_HELD: Final = 20
"""Messages of the bus that wait for a page; what is dropped leaves a hole, and is read from the log."""
GATHER_S: Final = 0.5
"""How often the list hears of changes at the most."""

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
    room: Room | None = None
    _pulse: asyncio.Task[None] | None = None
    _teller: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """As Channels does it, but without a subscription of this page's own: the room hears for all its pages."""
        self.scope, self.base_send = scope, send
        with suppress(StopConsumer):
            await await_many_dispatch([receive], self.dispatch)

    async def connect(self) -> None:
        """Listen, then replay: what is announced in between waits and is told apart by its cursor."""
        self.run_id = self.scope["url_route"]["kwargs"]["run_id"]
        self.cursor = _since(self.scope)
        self._order = asyncio.Lock()
        self._heard: deque[dict[str, Any]] = deque(maxlen=MOST_HELD)
        self.room = enter(self.run_id, self)
        async with self._order:
            if await self._glance_now() is None:
                await self.accept()
                await self._turn_away()
                return
            await self.room.listen()
            await self.accept()
            await self._catch_up(await self.room.now())
        self._pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave the room; nothing else is kept."""
        for task in (self._pulse, self._teller):
            if task is not None:
                task.cancel()
        await self._leave()

    def hear(self, message: dict[str, Any]) -> None:
        """The bus says that there is more. A page that reads slowly holds few messages: it reads the log later."""
        self._heard.append(message)
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            async with self._order:
                while self._heard and self.room is not None:
                    await self._pass_on(self.room, self._heard.popleft())
        except OSError:  # the browser has gone; its socket is told so next
            await self._leave()

    async def _pass_on(self, room: Room, message: dict[str, Any]) -> None:
        """Send what is new, or read the log where the message leaves a hole."""
        if message["cursor"] <= self.cursor:
            return
        glance = await room.now()
        if glance is None or not glance.shows_to(person_of(self.scope)):
            await self._turn_away()
        elif message["events"] and message["first"] <= self.cursor + 1:
            await self._push(glance, [event for event in message["events"] if event["cursor"] > self.cursor])
        else:
            await self._catch_up(glance)

    async def _turn_away(self) -> None:
        await self._leave()
        await self.close(NOT_FOUND)

    async def _leave(self) -> None:
        room, self.room = self.room, None
        if room is not None:
            await leave(self.run_id, room, self)

    async def _beat(self) -> None:
        """Heal lost hints, notice lost rights, and keep the page's dot honest."""
        try:
            while self.room is not None:
                await asyncio.sleep(PULSE_S)
                async with self._order:
                    await self._pulse_once()
        except OSError:  # the browser has gone; its socket is told so next
            await self._leave()

    async def _pulse_once(self) -> None:
        if self.room is None:
            return
        glance = await self._glance_now()
        if glance is None:
            await self._turn_away()
            return
        await self._catch_up(glance)
        await self.send_json({"type": "pulse", "cursor": self.cursor, "at": time.time()})

    async def _glance_now(self) -> Glance | None:
        """The run as it is now; None when it is gone, or not this person's to see."""
        assert self.room is not None, "connect entered it"
        glance = await self.room.lately(GLANCE_S)
        return glance if glance is not None and glance.shows_to(person_of(self.scope)) else None

    async def _catch_up(self, glance: Glance | None) -> None:
        """Send all that the log has after the cursor, or say that it is too much for a socket."""
        if glance is None or self.room is None:
            return
        if glance.run.last_cursor - self.cursor > REPLAY_LIMIT:
            self.cursor = glance.run.last_cursor
            await self.send_json({"type": "reload", "cursor": self.cursor})
            return
        while self.cursor < glance.run.last_cursor:
            rows = await self.room.events_after(glance, self.cursor, REPLAY_CHUNK)
            if not rows:
                return
            await self._push(glance, rows)

    async def _push(self, glance: Glance, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        self.cursor = events[-1]["cursor"]
        await self.send(
            text_data=glance.text(
                events,
                lambda: {"type": "events", "cursor": self.cursor, "events": events, "run": state_of_run(glance.run)},
            )
        )


class RunListConsumer(TeamConsumer):
    """One page that looks at the list: `/ws/runs/`; told which of its runs changed, and into what."""

    async def tell(self) -> None:
        """Send the runs that changed as they are now; what changes within the pause is told with what follows it."""
        runs = await self._states(self.take_changed())
        if runs:
            await self.send_json({"type": "runs", "runs": runs})
        await asyncio.sleep(GATHER_S)

    @database_sync_to_async
    def _states(self, run_ids: set[str]) -> list[dict[str, Any]]:
        # Asked with the person's rights as they are now, not as they were when the socket opened.
        return [state_of_run(run) for run in runs_visible_to(person_of(self.scope)).filter(pk__in=run_ids)]


def state_of_run(run: Run) -> dict[str, Any]:
    """What a page shows of a run besides its events."""
    state = {name: getattr(run, name) for name in STATUS_FIELDS}
    times = {name: moment.isoformat() if (moment := getattr(run, name)) else None for name in TIME_FIELDS}
    return state | times


def _since(scope: Any) -> int:
    """The cursor that the page has; anything but a number means that it has nothing."""
    word = parse_qs(scope["query_string"].decode()).get("since", ["0"])[0]
    return int(word) if word.isdigit() and len(word) < 19 else 0
