"""The door for HTTP: one trip to a thread for middleware and view, whatever the settings hold."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from webapp.pages_handler import PagesHandler

pytestmark = pytest.mark.asyncio

seen: list[int] = []


def page(request: HttpRequest) -> HttpResponse:
    seen.append(threading.get_ident())
    return HttpResponse(request.headers["X-Word"])


urlpatterns = [path("page/", page)]


async def asked(handler: PagesHandler, address: str) -> tuple[int, dict[str, str], bytes]:
    scope = {
        "type": "http", "method": "GET", "path": address, "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"x-word", b"hello")],
    }  # fmt: skip
    client = ApplicationCommunicator(handler, scope)
    await client.send_input({"type": "http.request", "body": b""})
    start = await client.receive_output(10)
    body, more = b"", True
    while more:
        part = await client.receive_output(10)
        body, more = body + part.get("body", b""), part.get("more_body", False)
    await client.wait(10)
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, body


@override_settings(ROOT_URLCONF=__name__)
async def test_middleware_and_view_take_one_trip_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    trips: list[Any] = []
    travel = SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        trips.append(self.func)
        return await travel(self, *args, **kwargs)

    handler = PagesHandler()
    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    status, headers, body = await asked(handler, "/page/")
    assert (status, body) == (200, b"hello")
    assert headers["x-frame-options"] == "DENY" and "content-security-policy" in headers
    # The chain; SecurityMiddleware before and after it, since it stands before static files; the signals' receivers.
    assert len(trips) <= 6, trips
    assert seen and threading.get_ident() not in seen


async def test_static_files_and_what_is_not_there_are_answered_as_before() -> None:
    handler = PagesHandler()
    status, headers, body = await asked(handler, "/static/js/dom.js")
    assert (status, headers["x-content-type-options"]) == (200, "nosniff")
    assert b"export function el" in body
    assert (await asked(handler, "/static/js/no-such-file.js"))[0] == 404


@override_settings(MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
async def test_settings_without_an_asynchronous_middleware_are_refused() -> None:
    with pytest.raises(TypeError, match="ServeStaticMiddleware"):
        PagesHandler()
