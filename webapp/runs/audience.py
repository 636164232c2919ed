"""What all pages that look at one run in this process share: one ear at the bus, one look at its row, one encoding of
what is new.

Five hundred viewers then cost the bus and the database what one costs, and rights are still asked again with every
push. Knows no socket: a page is whoever can hear.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import orjson
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from webapp.accounts.models import User
from webapp.accounts.permissions import Person
from webapp.runs.access import viewers_of
from webapp.runs.live import as_message, run_group
from webapp.runs.models import Run, RunEvent

EVENT_COLUMNS: Final = ("run_id", "cursor", "attempt", "seq", "kind", "at", "data")

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Glance:
    """A run's row, and who may see it, at one moment."""

    run: Run
    viewers: frozenset[int] | None
    """None: everybody who is signed in."""
    told: int
    """The announcement after which it was looked; a later one needs another look."""
    at: float
    """On the monotonic clock."""
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    """What was sent already, by the cursors of its first and last event."""
    events: dict[tuple[int, int], list[Message]] = field(default_factory=dict)
    """What was read from the log already, by the cursor it was read after and the most that were wanted."""

    def shows_to(self, person: Person) -> bool:
        """Whether this person may see the run."""
        return isinstance(person, User) and (self.viewers is None or person.pk in self.viewers)

    def text(self, events: list[Message], make: Callable[[], Message]) -> str:
        """The message that brings these events, encoded once for all who need the same ones."""
        key = (events[0]["cursor"], events[-1]["cursor"])
        if key not in self.texts:
            self.texts[key] = orjson.dumps(make()).decode()
        return self.texts[key]


class Page(Protocol):
    """Whoever looks at a run."""

    def hear(self, message: Message) -> None:
        """Take what the bus says; returns at once, so that no page keeps another one waiting."""


class Room:
    """The pages of this process that look at one run."""

    def __init__(self, run_id: str) -> None:
        self.pages: set[Page] = set()
        self._run_id = run_id
        self._lock = asyncio.Lock()
        self._glance: Glance | None = None
        self._heard = 0
        """The latest announcement."""
        self._ear: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """Hear the bus from now on. Whatever was looked at before somebody listened is forgotten: it may be old."""
        async with self._lock:
            if self._ear is not None and not self._ear.done():
                return
            layer = get_channel_layer()
            assert layer is not None, "CHANNEL_LAYERS has a default"
            channel = await layer.new_channel()
            await layer.group_add(run_group(self._run_id), channel)
            self._glance = None
            self._ear = asyncio.create_task(self._listen(layer, channel))

    async def close(self) -> None:
        """Hear no more."""
        if self._ear is not None:
            self._ear.cancel()
            await asyncio.gather(self._ear, return_exceptions=True)

    async def lately(self, within_s: float) -> Glance | None:
        """A look at most so old that knows of everything that was announced; None when the run is gone."""
        return await self._look(lambda glance: time.monotonic() - glance.at <= within_s)

    async def now(self) -> Glance | None:
        """A look that knows of everything that was announced."""
        return await self._look(lambda glance: True)

    async def events_after(self, glance: Glance, cursor: int, limit: int) -> list[Message]:
        """The log after a cursor, read once for all pages that stand there."""
        async with self._lock:
            key = (cursor, limit)
            if key not in glance.events:
                glance.events[key] = await _read_log(self._run_id, cursor, limit)
            return glance.events[key]

    async def _look(self, fresh: Callable[[Glance], bool]) -> Glance | None:
        async with self._lock:
            if self._glance is None or self._glance.told < self._heard or not fresh(self._glance):
                self._glance = await _read_run(self._run_id, self._heard)
            return self._glance

    async def _listen(self, layer: Any, channel: str) -> None:
        try:
            while True:
                message = await layer.receive(channel)
                self._heard = max(self._heard, message["cursor"])
                for page in tuple(self.pages):
                    page.hear(message)
        finally:
            await layer.group_discard(run_group(self._run_id), channel)


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Room]] = WeakKeyDictionary()


def enter(run_id: str, page: Page) -> Room:
    """The room of a run, for one more page."""
    rooms = _rooms.setdefault(asyncio.get_running_loop(), {})
    room = rooms.setdefault(run_id, Room(run_id))
    room.pages.add(page)
    return room


async def leave(run_id: str, room: Room, page: Page) -> None:
    """One page less; the last one takes the room's memory and its ear with it."""
    room.pages.discard(page)
    rooms = _rooms.get(asyncio.get_running_loop(), {})
    if not room.pages and rooms.get(run_id) is room:
        del rooms[run_id]
        await room.close()


@database_sync_to_async
def _read_run(run_id: str, told: int) -> Glance | None:
    at = time.monotonic()
    run = Run.objects.defer("config").filter(pk=run_id).first()
    return Glance(run, viewers_of(run), told, at) if run else None


@database_sync_to_async
def _read_log(run_id: str, cursor: int, limit: int) -> list[Message]:
    events = RunEvent.objects.filter(run_id=run_id, cursor__gt=cursor).order_by("cursor")
    return [as_message(row) for row in events.values_list(*EVENT_COLUMNS)[:limit]]
