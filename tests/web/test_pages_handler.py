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

from webapp.env import BASE_DIR
from webapp.pages_handler import PagesHandler
from webapp.static_door import StaticDoor

pytestmark = pytest.mark.asyncio

seen: list[int] = []


def page(request: HttpRequest) -> HttpResponse:
    seen.append(threading.get_ident())
    return HttpResponse(request.headers["X-Word"])


urlpatterns = [path("page/", page)]


async def asked(
    handler: PagesHandler | StaticDoor, address: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": address, "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"x-word", b"hello"), *given],
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


SCRIPT = "/static/js/dom.js"


async def test_the_door_answers_for_static_files_as_django_would() -> None:
    handler = PagesHandler()
    door = StaticDoor(handler)
    for address in (SCRIPT, "/static/vendor/plotly-basic.min.js", "/static/icons.svg", "/static/admin/css/base.css"):
        status, headers, body = await asked(door, address)
        theirs = await asked(handler, address)
        assert (status, headers, body) == theirs, address
    assert (await asked(door, SCRIPT, "HEAD"))[2] == b""
    assert (await asked(door, SCRIPT, "POST"))[0] == 405
    assert (await asked(door, SCRIPT, range="bytes=0-9"))[::2] == (206, body_of(SCRIPT)[:10])


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    door = StaticDoor(PagesHandler())
    _, headers, _ = await asked(door, SCRIPT)
    status, _, body = await asked(door, SCRIPT, if_modified_since=headers["last-modified"])
    assert (status, body) == (304, b"")


async def test_a_static_file_asks_nothing_of_django() -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("Django was asked for a static file")

    assert (await asked(StaticDoor(never), SCRIPT))[0] == 200


@pytest.mark.parametrize(
    "address",
    ["/static/../manage.py", "/static/js/../../manage.py", "/static//etc/passwd", "/static/js/", "/static/%00"],
)
async def test_what_is_no_static_file_is_not_found(address: str) -> None:
    assert (await asked(StaticDoor(PagesHandler()), address))[0] in (400, 404)


def body_of(address: str) -> bytes:
    return (BASE_DIR / address.removeprefix("/")).read_bytes()
