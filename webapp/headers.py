"""Response headers that Django 5.2 does not set by itself: Content-Security-Policy and Permissions-Policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


def content_security_policy() -> str:
    """The policy of the settings as one header line."""
    policy: dict[str, list[str]] = settings.CONTENT_SECURITY_POLICY
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in policy.items())


@sync_and_async_middleware
def security_headers(get_response: Handler | AsyncHandler) -> Handler | AsyncHandler:
    """Middleware: the headers on every response, in the sync and in the async chain alike."""
    policy = content_security_policy()

    def add(response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response

    if iscoroutinefunction(get_response):
        answer_later = cast(AsyncHandler, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return add(await answer_later(request))

        return answer_async

    answer_now = cast(Handler, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return add(answer_now(request))

    return answer
