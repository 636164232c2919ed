"""Refuses addresses that no page can mean: PostgreSQL stores no NUL character, so nothing can be looked up by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import unquote

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Handler = Callable[[HttpRequest], HttpResponseBase]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def refuse_nul(get_response: Handler | AsyncHandler) -> Handler | AsyncHandler:
    """Middleware: an address with a NUL in its path or query is answered 400, in words, before anything asks for it."""
    if iscoroutinefunction(get_response):
        answer_later = cast(AsyncHandler, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return _refusal() if _has_nul(request) else await answer_later(request)

        return answer_async
    answer_now = cast(Handler, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _refusal() if _has_nul(request) else answer_now(request)

    return answer


def _has_nul(request: HttpRequest) -> bool:
    return "\x00" in request.path or "\x00" in unquote(request.META.get("QUERY_STRING", ""))


def _refusal() -> HttpResponse:
    words = "The address contains the character NUL (%00), which nothing here is called; take it out."
    return HttpResponse(words, status=400, content_type="text/plain; charset=utf-8")
