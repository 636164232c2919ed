"""Django's door for HTTP, with all that is not asynchronous in one piece: middleware and view go to a thread
together and come back once.

Django hands each middleware to a thread and back by itself, and each view: fifteen times for one request, which costs
more than many pages do (ADR 14). Nothing here is about any page; the middleware and their order are those of the
settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler


class PagesHandler(ASGIHandler):
    """Serves the settings' middleware and views. Those before the first that is only asynchronous stay in the loop."""

    _middleware_chain: Callable[..., Any]

    def load_middleware(self, is_async: bool = False) -> None:
        """Put the chain together, from the view outwards, as threads see it.

        Raises:
            TypeError: the outermost middleware is not asynchronous, so that it would keep the loop waiting.
        """
        super().load_middleware(is_async=False)
        if not iscoroutinefunction(vars(self)["_middleware_chain"]):  # Django's types leave it out
            raise TypeError("No middleware of the settings is asynchronous; keep ServeStaticMiddleware among them.")

    def adapt_method_mode(
        self,
        is_async: bool,
        method: Callable[..., Any],
        method_is_async: bool | None = None,
        debug: bool = False,
        name: str | None = None,
    ) -> Callable[..., Any]:
        """What is asynchronous stays so, as the outermost part that the loop runs; the rest goes to a thread."""
        if not is_async and method_is_async:
            return method
        adapted: Callable[..., Any] = super().adapt_method_mode(is_async, method, method_is_async, debug, name)
        return adapted
