"""One request by a person of a role, made in a savepoint: what came of it, and into which tables it wrote.

The world is the same for every request, whatever the one before it changed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import patch

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.utils.functional import cached_property

from tests.web.walk.world import World

PASSING_TABLES = ("django_session",)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    status: int
    text: str
    """The whole body."""
    errors: list[str]
    """Exceptions that no view answered, those of a stream's later parts among them."""
    wrote: list[str]
    """Tables of which it wrote a row, also with a value that was there before."""
    looked: bool
    """Whether anything looked at its query, form, files or body; what looks at none of them is hurt by no words."""

    @property
    def broke(self) -> bool:
        """Whether this is a failure of ours."""
        return bool(self.errors) or self.status >= 500


def ask(world: World, role: str, method: str, path: str, words: dict[str, str] | None = None) -> Answer:
    """The answer to one request; what it changed is taken back."""
    client = Client(raise_request_exception=False)
    if world.sessions[role]:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[role]
    before = rows_written()
    with (
        transaction.atomic(),
        failures() as errors,
        looks() as looked,
        patch("django.test.client.store_rendered_templates", _not_kept),
    ):
        answer = getattr(client, method)(path, words or {})
        text = body_of(answer, errors)
        transaction.set_rollback(True)
    now = rows_written()
    wrote = sorted(table for table in now if now[table] != before.get(table))
    return Answer(answer.status_code, text, errors, wrote, bool(looked))


def _not_kept(*_: Any, **__: Any) -> None:
    """The test client copies every context that a template is shown with; nobody asks for them here."""


def rows_written() -> dict[str, int]:
    """How many rows of each table this transaction has written so far, as PostgreSQL itself counts them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables "
            "WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return {table: rows for table, rows in cursor.fetchall() if table not in PASSING_TABLES}


@contextmanager
def failures() -> Iterator[list[str]]:
    """Exceptions that no view answered."""
    found: list[str] = []

    def note(**words: Any) -> None:
        found.append(repr(sys.exc_info()[1])[:300])

    got_request_exception.connect(note)
    logging.disable(logging.ERROR)
    try:
        yield found
    finally:
        logging.disable(logging.NOTSET)
        got_request_exception.disconnect(note)


def body_of(answer: HttpResponse | StreamingHttpResponse, errors: list[str]) -> str:
    """The answer's text, whole; a stream that fails half way adds to the errors."""
    if not isinstance(answer, StreamingHttpResponse):
        return answer.content.decode(errors="replace")
    try:
        whole = async_to_sync(_whole)(answer) if answer.is_async else answer.getvalue()
    except Exception as error:  # noqa: BLE001 (whatever a stream fails with is what is looked for)
        errors.append(f"in the stream: {error!r}"[:300])
        return ""
    return whole.decode(errors="replace")


async def _whole(answer: StreamingHttpResponse) -> bytes:
    return b"".join([part async for part in cast(AsyncIterator[bytes], answer.streaming_content)])


@contextmanager
def looks() -> Iterator[list[str]]:
    """What is looked at of the requests inside: query, form, files, body."""
    looked: list[str] = []
    watched: dict[str, Any] = {name: _noted(name, looked) for name in ("GET", "POST", "FILES", "body")}
    with patch.multiple(WSGIRequest, **watched):
        yield looked


def _noted(name: str, looked: list[str]) -> property:
    real = WSGIRequest.__dict__.get(name) or HttpRequest.__dict__[name]

    def look(request: WSGIRequest) -> Any:
        looked.append(name)
        if isinstance(real, cached_property):
            if name not in request.__dict__:
                request.__dict__[name] = real.func(request)
            return request.__dict__[name]
        return real.__get__(request, type(request))

    def put(request: WSGIRequest, value: Any) -> None:
        if isinstance(real, cached_property):
            request.__dict__[name] = value  # as it would without this property in the way
        else:
            real.__set__(request, value)

    return property(look, put)
