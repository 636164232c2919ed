"""The socket of the fleet page: says that something looks different now, and the page fetches itself anew.

Hints of the bus come with every event of a run; only those after which a desktop looks different are passed on. Whether
the person may still look is asked again each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final

from channels.db import database_sync_to_async

from webapp.accounts.models import User
from webapp.fleet.selectors import fleet_state
from webapp.runs.team_socket import TeamConsumer, person_of

GATHER_S: Final = 0.7
"""What happens within this time after a change is told with it."""
PULSE_S: Final = 10.0
"""How often the page is told to look by itself: an engine that fell silent sends no hint."""


class FleetConsumer(TeamConsumer):
    """One page that looks at the fleet: `/ws/fleet/`."""

    _pulse: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Subscribe to the person's teams, and keep the page's clock; a stranger is turned away."""
        self._told: dict[str, str] = {}
        await super().connect()
        if isinstance(person_of(self.scope), User):
            self._pulse = asyncio.create_task(self._beat())

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        if self._pulse is not None:
            self._pulse.cancel()
        await super().disconnect(code)

    async def tell(self) -> None:
        """Wait for what happens at the same time, then name the runs whose desktops look different."""
        await asyncio.sleep(GATHER_S)
        news = [run for run in self.take_changed() if await self._is_news(run)]
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
    def _state(self, run_id: str) -> str:
        # A run of a team that the person has left has no state for them, and so never any news.
        rows = fleet_state(person_of(self.scope), {run_id})
        return hashlib.sha256(repr(rows).encode()).hexdigest() if rows else ""
