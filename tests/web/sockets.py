"""A browser's end of a WebSocket, without a server: what channels.testing has, but without its need for daphne."""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from webapp.accounts.models import User
from webapp.fleet.routing import websocket_urlpatterns as fleet_sockets
from webapp.runs.routing import websocket_urlpatterns as run_sockets

WAIT_S = 10.0


class Page(ApplicationCommunicator):  # type: ignore[misc]  # asgiref ships no types for it
    """One open page."""

    def __init__(self, person: User | AnonymousUser, path: str) -> None:
        where, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "path": where,
            "query_string": query.encode(),
            "headers": [],
            "subprotocols": [],
            "user": person,
        }
        super().__init__(URLRouter([*run_sockets, *fleet_sockets]), scope)

    async def open(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(WAIT_S))["type"] == "websocket.accept"

    async def message(self) -> dict[str, Any]:
        """The next message; fails when the socket is closed instead."""
        output = await self.receive_output(WAIT_S)
        assert output["type"] == "websocket.send", output
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def close_code(self) -> int:
        """The code with which the socket is closed; nothing may come before."""
        output = await self.receive_output(WAIT_S)
        assert output["type"] == "websocket.close", output
        return int(output["code"])

    async def events_until(self, kind: str) -> list[dict[str, Any]]:
        """All events up to and with the message that brings this kind."""
        found: list[dict[str, Any]] = []
        while not any(event["kind"] == kind for event in found):
            found += (await self.message()).get("events", [])
        return found

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(WAIT_S)
