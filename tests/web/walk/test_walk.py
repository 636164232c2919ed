"""Every address, asked by every role: no error of ours, no word of another team, no write without the right to it.

A new route is walked without being named here; one whose address has a new kind of place fails until it has a value.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.web.walk.asking import Answer, ask
from tests.web.walk.routes import Route, all_routes, words_that_are_read
from tests.web.walk.world import NOBODY, ROLES, SECRET, World

METHODS = ("get", "post")


def short(word: str) -> str:
    """A hostile word as a test's name: some have thousands of letters."""
    return repr(word)[:24]


OWN_WRITES = {
    "accounts:sign_out",
    "accounts:switch_team",
    "accounts:create_token",
    "accounts:sign_in",
    "runs:count_faults",
    "runs:begin_with_view",
    "alerts:seen",
}
"""What anybody may change: their own session, tokens and preferences, what their own list begins with, and which
alerts somebody of the team has seen."""
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


def test_the_walk_has_routes_to_walk_words_to_say_and_questions_that_read_them(world: World) -> None:
    names = {route.name for route in all_routes()}

    assert {"runs:list", "episodes:viewer", "fleet:fleet", "analysis:matrix", "alerts:bell", "healthz"} <= names
    assert {"q", "page", "threshold", "address"} <= set(words_that_are_read())
    readers = {(route.name, method) for route, method in questions_that_read(world)}
    assert {("runs:list", "get"), ("runs:new", "post"), ("alerts:add_route", "post")} <= readers
    assert ("healthz", "get") not in readers


@pytest.mark.parametrize("role", ROLES)
def test_no_address_breaks_and_reading_changes_nothing(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        answer = plain(world, role, "get", route)
        complaints += broken("GET", route, answer)
        if answer.wrote:
            complaints.append(f"GET {route.name} wrote into {', '.join(answer.wrote)}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", [NOBODY, "stranger"])
def test_nobody_outside_the_team_reads_a_word_of_it(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        for method in METHODS:
            answer = plain(world, role, method, route)
            if SECRET in answer.text:
                complaints.append(f"{method.upper()} {route.name} tells a {role} of {SECRET}")
            if method == "get" and "run_id" in route.places and answer.status not in OUTSIDE:
                complaints.append(f"GET {route.name} answers a {role} with {answer.status}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", [NOBODY, "stranger", "viewer"])
def test_who_may_only_look_changes_nothing(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        answer = plain(world, role, "post", route)
        complaints += broken("POST", route, answer)
        if answer.wrote and route.name not in OWN_WRITES:
            complaints.append(f"POST {route.name} by a {role} wrote into {', '.join(answer.wrote)}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("role", ["runner", "maintainer", "admin", "console admin"])
def test_an_empty_form_breaks_nothing(world: World, role: str) -> None:
    complaints = []
    for route in all_routes():
        complaints += broken("POST", route, plain(world, role, "post", route))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("hostile", HOSTILE, ids=short)
def test_hostile_words_are_answered_not_failed_over(world: World, hostile: str) -> None:
    words = dict.fromkeys(words_that_are_read(), hostile)
    complaints = []
    for route, method in questions_that_read(world):
        complaints += broken(method.upper(), route, ask(world, "admin", method, route.path(world.value), words))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("hostile", HOSTILE, ids=short)
def test_hostile_addresses_find_nothing(world: World, hostile: str) -> None:
    complaints = []
    for route in all_routes():
        for place in [name for name, kind in route.places.items() if kind in ("str", "path")]:
            path = route.path(lambda name, kind, at=place: hostile if name == at else world.value(name, kind))
            complaints += broken(f"GET with a hostile {place}", route, ask(world, "admin", "get", path))
    assert not complaints, "\n".join(complaints)


def questions_that_read(world: World) -> list[tuple[Route, str]]:
    """The routes and methods that look at what is asked of them."""
    return [
        (route, method) for route in all_routes() for method in METHODS if plain(world, "admin", method, route).looked
    ]


@cache
def plain(world: World, role: str, method: str, route: Route) -> Answer:
    """The answer to a request without words. The world is the same for every request, so each is made once."""
    return ask(world, role, method, route.path(world.value))


def broken(what: str, route: Route, answer: Answer) -> list[str]:
    """A complaint, if the answer is a failure of ours."""
    return [f"{what} {route.name}: {answer.status} {answer.errors}"] if answer.broke else []
