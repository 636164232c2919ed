"""Every address, asked by every role: no error of ours, no word of another team, no write without the right to it.

A new route is walked without being named here; one whose address has a new kind of place fails until it has a value.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client

from tests.web.walk.routes import Route, all_routes, words_that_are_read
from tests.web.walk.world import NOBODY, ROLES, SECRET, World, fingerprint, make_world
from webapp.accounts.models import User

pytestmark = pytest.mark.django_db

OWN_WRITES = {
    "accounts:sign_out",
    "accounts:switch_team",
    "accounts:create_token",
    "accounts:sign_in",
}
"""What anybody may change: their own session and tokens."""
OUTSIDE = (302, 401, 403, 404, 405, 422)
"""Answers to somebody from outside the team; 422: the question was refused before anything was looked up."""
HOSTILE = (
    "\x00",
    "../../../etc/passwd",
    "' OR 1=1 --",
    "9" * 400,
    "-1",
    "é😀\u202e",
    "[]",
    "a" * 5000,
    "NaN",
    "%s%n{{7*7}}",
)


@pytest.fixture
def world(db: None, valkey: str) -> World:
    return make_world()


@pytest.mark.parametrize("role", ROLES)
def test_no_address_breaks_and_reading_changes_nothing(world: World, role: str) -> None:
    before = fingerprint()
    complaints = []
    for route in all_routes():
        answer, error = ask(world, role, route, "get")
        if error or answer.status_code >= 500:
            complaints.append(f"GET {route.name}: {answer.status_code} {error!r}")
        elif (now := fingerprint()) != before:
            complaints.append(f"GET {route.name} wrote into {changed(before, now)}")
            before = now
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", [NOBODY, "stranger"])
def test_nobody_outside_the_team_reads_a_word_of_it(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        for method in ("get", "post"):
            answer, _ = ask(world, role, route, method)
            if SECRET in body_of(answer):
                complaints.append(f"{method.upper()} {route.name} tells a {role} of {SECRET}")
            if method == "get" and "run_id" in route.places and answer.status_code not in OUTSIDE:
                complaints.append(f"GET {route.name} answers a {role} with {answer.status_code}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", [NOBODY, "stranger", "viewer"])
def test_who_may_only_look_changes_nothing(world: World, role: str) -> None:
    before = fingerprint()
    complaints = []
    for route in all_routes():
        if route.name in OWN_WRITES:
            continue
        answer, error = ask(world, role, route, "post")
        if error or answer.status_code >= 500:
            complaints.append(f"POST {route.name}: {answer.status_code} {error!r}")
        elif (now := fingerprint()) != before:
            complaints.append(f"POST {route.name} by a {role} wrote into {changed(before, now)}")
            before = now
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", ["runner", "maintainer", "admin", "console admin"])
def test_an_empty_form_breaks_nothing(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        answer, error = ask(world, role, route, "post")
        if error or answer.status_code >= 500:
            complaints.append(f"POST {route.name}: {answer.status_code} {error!r}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("hostile", HOSTILE, ids=repr)
def test_hostile_words_are_answered_not_failed_over(world: World, hostile: str) -> None:
    words = dict.fromkeys(words_that_are_read(), hostile)
    complaints = []
    for route in all_routes():
        for method in ("get", "post"):
            answer, error = ask(world, "admin", route, method, words)
            if error or answer.status_code >= 500:
                complaints.append(f"{method.upper()} {route.name}: {answer.status_code} {error!r}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("hostile", HOSTILE, ids=repr)
def test_hostile_addresses_find_nothing(world: World, hostile: str) -> None:
    complaints = []
    for route in all_routes():
        texts = [name for name, kind in route.places.items() if kind in ("str", "path")]
        for place in texts:
            with signed_in(world, "admin") as client, failures() as failed:
                answer = client.get(
                    route.path(lambda name, kind, at=place: hostile if name == at else world.value(name, kind))
                )
            if failed or answer.status_code >= 500:
                complaints.append(f"GET {route.name} with a hostile {place}: {answer.status_code} {failed}")
    assert not complaints, "\n".join(complaints)


def ask(
    world: World, role: str, route: Route, method: str, words: dict[str, str] | None = None
) -> tuple[HttpResponse, list[str]]:
    """The answer to one request by a person of this role, and what went wrong in it."""
    with signed_in(world, role) as client, failures() as failed:
        answer = getattr(client, method)(route.path(world.value), words or {})
    return answer, failed


@contextmanager
def signed_in(world: World, role: str) -> Iterator[Client]:
    client = Client(raise_request_exception=False)
    person = world.people[role]
    if person is not None:
        client.force_login(person)
        User.objects.filter(pk=person.pk).update(last_login=None)  # it is the test that signs in, not the request
    yield client


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


def body_of(answer: HttpResponse) -> str:
    """The answer's text, whole."""
    if isinstance(answer, StreamingHttpResponse):
        return b"".join(answer.streaming_content).decode(errors="replace")  # type: ignore[arg-type]
    return answer.content.decode(errors="replace")


def changed(before: dict[str, int], now: dict[str, int]) -> str:
    """The tables of which a row is different."""
    return ", ".join(sorted(table for table in now if before.get(table) != now[table]))
