"""Static files before anything else: a page has some forty, and each would otherwise go through Django's whole handler.

Which files there are, what is said of each (type, age, ranges, whether it has changed) and how they are sent is the
business of ServeStatic and the settings; here is only the order, and Django's own headers of safety. Knows no page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from servestatic.asgi import FileServerASGI
from servestatic.middleware import ServeStaticMiddleware

Handler = Callable[[Any, Any, Any], Awaitable[None]]
BLOCK: Final = 2 << 20
"""Bytes of a file that are sent at a time: each goes to a thread and back, and the largest file is 1.2 MB."""


class StaticDoor:
    """Answers for static files, and hands everything else on. While the console is being worked on (ARPO_DEBUG) files
    come and go, and Django answers for them too."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._files: Mapping[str, Any] = {}
        if not settings.SERVESTATIC_AUTOREFRESH:
            self._files = ServeStaticMiddleware(handler).files
        safe = SecurityMiddleware(lambda _: HttpResponse()).process_response(HttpRequest(), HttpResponse())
        self._safety = [
            (name.lower().encode(), value.encode()) for name, value in safe.items() if name != "Content-Type"
        ]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request, as ASGI has it."""
        file = self._files.get(scope["path"])
        if file is None:
            await self._handler(scope, receive, send)
            return

        async def send_safely(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._safety]}
            await send(message)

        sender = FileServerASGI(file)
        sender.block_size = BLOCK
        await sender(scope, receive, send_safely)
