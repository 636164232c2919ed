"""Static files before anything else: a page has some forty, and each would otherwise go through Django's whole handler.

Which files there are, and what is said of each (type, age, ranges, whether it has changed), is the business of
ServeStatic and the settings; here it is only answered in one trip to a thread. Knows no page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import StaticFile

Scope = Mapping[str, Any]
Handler = Callable[[Any, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class StaticDoor:
    """Answers for static files, and hands everything else on. While the console is being worked on (ARPO_DEBUG) files
    come and go, and Django answers for them too."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._files: Mapping[str, object] = {}
        if not settings.SERVESTATIC_AUTOREFRESH:
            self._files = ServeStaticMiddleware(handler).files
        safe = SecurityMiddleware(lambda _: HttpResponse()).process_response(HttpRequest(), HttpResponse())
        self._safety = [
            (name.lower().encode(), value.encode()) for name, value in safe.items() if name != "Content-Type"
        ]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """One request, as ASGI has it."""
        found = self._files.get(scope["path"])
        if not isinstance(found, StaticFile):
            await self._handler(scope, receive, send)
            return
        status, headers, body = await asyncio.to_thread(_read, found, scope)
        await send({"type": "http.response.start", "status": status, "headers": headers + self._safety})
        await send({"type": "http.response.body", "body": body})


def _read(file: StaticFile, scope: Scope) -> tuple[int, Headers, bytes]:
    asked = {f"HTTP_{name.decode('latin1').upper().replace('-', '_')}": value.decode("latin1")
             for name, value in scope["headers"]}  # fmt: skip
    response = file.get_response(scope["method"], asked)
    headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in response.headers if value]
    if response.file is None:
        return int(response.status), headers, b""
    with response.file as opened:
        return int(response.status), headers, opened.read()
