"""The list over the API: the same query, order and columns as in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.web.builders import envelopes, make_run, one_step, started
from webapp.accounts.models import Team, User
from webapp.accounts.services import create_api_token
from webapp.runs.models import Run
from webapp.runs.services import star_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(post: Any, run: Run) -> Run:
    """A run after one step, beside which nothing was logged."""
    post(envelopes([started(), *one_step(1)]))
    run.refresh_from_db()
    return run


def ask(client: Client, **words: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/runs", words)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_query_order_and_columns_are_those_of_the_list(client: Client, told: Run, runner: User, team: Team) -> None:
    other = make_run(runner, team)
    client.force_login(runner)
    both = ask(client, sort="-metric.train/success", columns="metric.train/success,optimizer.lr")["runs"]
    assert [line["id"] for line in both] == [told.pk, other.pk]
    assert both[0]["values"]["metric.train/success"] == 0.375
    assert float(both[0]["values"]["optimizer.lr"]) > 0
    assert [line["id"] for line in ask(client, q="metric.train/success>0.1")["runs"]] == [told.pk]
    assert [line["id"] for line in ask(client, q="metric.train/success>0.1", status="queued")["runs"]] == []


def test_parts_follow_each_other_in_any_order(client: Client, runner: User, team: Team) -> None:
    made = {make_run(runner, team).pk for _ in range(5)}
    client.force_login(runner)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        part = ask(client, sort="name,-seed", limit=2, after=after)
        seen += [line["id"] for line in part["runs"]]
        after = part["after"]
    assert len(seen) == 5
    assert set(seen) == made


def test_a_query_that_cannot_be_read_is_told_with_its_place(client: Client, told: Run, runner: User) -> None:
    client.force_login(runner)
    answer = client.get("/api/v1/runs", {"q": "statux:running"})
    assert answer.status_code == 422
    assert answer.json()["suggestion"] == "status"
    assert (answer.json()["start"], answer.json()["end"]) == (0, 6)
    assert client.get("/api/v1/runs", {"before": "\x00"}).status_code == 400
    assert client.get("/api/v1/runs", {"limit": 0}).status_code == 422


def test_a_token_asks_in_its_owners_name(client: Client, told: Run, runner: User, team: Team) -> None:
    star_run(run=told, actor=runner)
    _, secret = create_api_token(user=runner, team=team, name="script", scopes=["read"])
    answer = client.get("/api/v1/runs", {"q": "is:starred owner:me"}, headers={"Authorization": f"Bearer {secret}"})
    assert [line["id"] for line in answer.json()["runs"]] == [told.pk]
