"""The socket of the fleet page: says that something looks different now, and the page fetches itself anew.

Hints of the bus come with every event of a run; only those after which a desktop looks different are passed on. Whether
the person may still look is asked again each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.accounts.models import User
from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.fleet.selectors import fleet_state
from webapp.runs.consumers import NOT_FOUND
from webapp.runs.live import team_group

GATHER_S: Final = 0.7
"""What happens within this time after a change is told with it."""
PULSE_S: Final = 10.0
"""How often the page is told to look by itself: an engine that fell silent sends no hint."""


class FleetConsumer(AsyncJsonWebsocketConsumer):
    """One page that looks at the fleet: `/ws/fleet/`."""

    async def connect(self) -> None:
        """Subscribe to the person's teams; a stranger is turned away."""
        self._joined: list[str] = []
        self._changed: set[str] = set()
        self._told: dict[str, str] = {}
        self._sender: asyncio.Task[None] | None = None
        self._pulse: asyncio.Task[None] | None = None
        if not isinstance(_person(self.scope), User):
            await self.accept()
            await self.close(NOT_FOUND)
            return
        for team_id in await self._team_ids():
            await self.channel_layer.group_add(team_group(team_id), self.channel_name)
            self._joined.append(team_group(team_id))
        await self.accept()
        self._pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        for task in (self._sender, self._pulse):
            if task is not None:
                task.cancel()
        for group in self._joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def run_changed(self, message: dict[str, Any]) -> None:
        """Something happened in a run of the team."""
        self._changed.add(message["run"])
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._tell_soon())

    async def _tell_soon(self) -> None:
        while self._changed:
            await asyncio.sleep(GATHER_S)
            changed, self._changed = self._changed, set()
            news = [run for run in changed if await self._is_news(run)]
            if news:
                await self.send_json({"type": "fleet", "runs": sorted(news)})

    async def _is_news(self, run_id: str) -> bool:
        state = await self._state(run_id)
        if self._told.get(run_id, "") == state:
            return False
        self._told[run_id] = state
        return True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            await self.send_json({"type": "pulse", "at": time.time()})

    @database_sync_to_async
    def _team_ids(self) -> list[int]:
        return list(teams_visible_to(_person(self.scope)).values_list("id", flat=True))

    @database_sync_to_async
    def _state(self, run_id: str) -> str:
        # A run of a team that the person has left has no state for them, and so never any news.
        rows = fleet_state(_person(self.scope), {run_id})
        return hashlib.sha256(repr(rows).encode()).hexdigest() if rows else ""


def _person(scope: Any) -> Person:
    """Who opened the socket, as the session says."""
    person: Person = scope["user"]
    return person
