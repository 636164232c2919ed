"""What the sockets have in common that hear of every run of a person's teams: whom they are for, and what they join.

Knows no page: what is made of a change is the business of those that inherit from it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from webapp.accounts.models import User
from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.live import team_group

NOT_FOUND: Final = 4404
"""Close code: there is nothing of this for this person."""


def person_of(scope: Any) -> Person:
    """Who opened the socket, as the session says."""
    person: Person = scope["user"]
    return person


class TeamConsumer(AsyncJsonWebsocketConsumer):
    """A page that is told of all runs of its person's teams; runs that changed are gathered, then told together."""

    async def connect(self) -> None:
        """Subscribe to the person's teams; a stranger is turned away."""
        self._joined: list[str] = []
        self._changed: set[str] = set()
        self._sender: asyncio.Task[None] | None = None
        if not isinstance(person_of(self.scope), User):
            await self.accept()
            await self.close(NOT_FOUND)
            return
        for team_id in await self._team_ids():
            await self.channel_layer.group_add(team_group(team_id), self.channel_name)
            self._joined.append(team_group(team_id))
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        if self._sender is not None:
            self._sender.cancel()
        for group in self._joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def run_changed(self, message: dict[str, Any]) -> None:
        """Some run of the team moved."""
        self._changed.add(message["run"])
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._tell_all())

    async def tell(self) -> None:
        """Make something of `take_changed()`; asked again as long as runs change meanwhile."""
        raise NotImplementedError

    def take_changed(self) -> set[str]:
        """The runs that changed since it was asked last."""
        changed, self._changed = self._changed, set()
        return changed

    async def _tell_all(self) -> None:
        while self._changed:
            await self.tell()

    @database_sync_to_async
    def _team_ids(self) -> list[int]:
        return list(teams_visible_to(person_of(self.scope)).values_list("id", flat=True))
