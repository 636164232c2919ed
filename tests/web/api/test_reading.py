"""The API for people's scripts: their own teams' runs, by session or by token, and a stop."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.web.builders import envelopes, episode, make_run, one_step, started
from webapp.accounts.models import Team, User
from webapp.accounts.services import create_api_token, create_team
from webapp.runs.models import Run, RunStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(post: Any, run: Run) -> Run:
    """The run after two training steps."""
    post(envelopes([started(), *episode("e1"), *one_step(1), *one_step(2)]))
    run.refresh_from_db()
    return run


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_member_reads_runs_curves_and_events(client: Client, told: Run, viewer: User) -> None:
    client.force_login(viewer)
    listed = client.get("/api/v1/runs").json()
    assert [line["id"] for line in listed["runs"]] == [told.pk]
    detail = client.get(f"/api/v1/runs/{told.pk}").json()
    assert (detail["status"], detail["step"], detail["cursor"]) == ("running", 2, told.last_cursor)
    assert client.get(f"/api/v1/runs/{told.pk}/metrics").json() == ["train/entropy", "train/success"]
    curves = client.get(f"/api/v1/runs/{told.pk}/series", {"key": ["train/success"]}).json()
    assert [point["mean"] for point in curves[0]["segments"][0]["points"]] == [0.375, 0.375]
    page = client.get(f"/api/v1/runs/{told.pk}/events", {"since": 2, "limit": 3}).json()
    assert ([event["cursor"] for event in page["events"]], page["more"]) == ([3, 4, 5], True)


@pytest.mark.parametrize("path", ["", "/metrics", "/series?key=a", "/events"])
def test_another_teams_run_is_not_there(client: Client, told: Run, stranger: User, path: str) -> None:
    client.force_login(stranger)
    answer = client.get(f"/api/v1/runs/{told.pk}{path}")
    assert answer.status_code == 404
    assert client.get("/api/v1/runs").json()["runs"] == []


def test_without_signing_in_there_is_nothing(client: Client, told: Run) -> None:
    assert client.get("/api/v1/runs").status_code == 401


def test_an_example_is_there_for_everybody(client: Client, told: Run, stranger: User) -> None:
    Run.objects.filter(pk=told.pk).update(is_example=True)
    client.force_login(stranger)
    assert client.get(f"/api/v1/runs/{told.pk}").json()["is_example"] is True


def test_the_list_comes_in_parts_without_a_hole(client: Client, runner: User, team: Team) -> None:
    made = [make_run(runner, team).pk for _ in range(5)]
    client.force_login(runner)
    found: list[str] = []
    before = ""
    while before is not None:
        part = client.get("/api/v1/runs", {"limit": 2, "before": before}).json()
        found += [line["id"] for line in part["runs"]]
        before = part["next"]
    assert found == made[::-1]


def test_the_list_is_filtered_by_status_and_tag(client: Client, runner: User, team: Team) -> None:
    tagged = make_run(runner, team, tags=["ablation"])
    make_run(runner, team)
    client.force_login(runner)
    assert [line["id"] for line in client.get("/api/v1/runs", {"tag": "ablation"}).json()["runs"]] == [tagged.pk]
    assert client.get("/api/v1/runs", {"status": "failed"}).json()["runs"] == []
    assert client.get("/api/v1/runs", {"status": "sleeping"}).status_code == 422


def test_a_token_reads_its_own_team_only(client: Client, told: Run, runner: User, team: Team) -> None:
    elsewhere = create_team(name="Greens", admin=runner)
    _, here = create_api_token(user=runner, team=team, name="here", scopes=["read"])
    _, there = create_api_token(user=runner, team=elsewhere, name="there", scopes=["read"])
    assert client.get(f"/api/v1/runs/{told.pk}", headers=bearer(here)).status_code == 200
    assert client.get(f"/api/v1/runs/{told.pk}", headers=bearer(there)).status_code == 404
    assert client.get("/api/v1/runs", headers=bearer("arpo_wrong")).status_code == 401


def test_a_token_stops_a_run_when_its_scope_says_so(client: Client, told: Run, runner: User, team: Team) -> None:
    _, reads = create_api_token(user=runner, team=team, name="reads", scopes=["read"])
    _, runs = create_api_token(user=runner, team=team, name="runs", scopes=["read", "run"])
    refused = client.post(f"/api/v1/runs/{told.pk}/stop", headers=bearer(reads))
    assert (refused.status_code, "may only read" in refused.json()["detail"]) == (403, True)
    said = client.post(f"/api/v1/runs/{told.pk}/stop", headers=bearer(runs)).json()
    assert said["status"] == RunStatus.STOPPING
    assert "asked for already" in client.post(f"/api/v1/runs/{told.pk}/stop", headers=bearer(runs)).json()["message"]


def test_a_session_stops_a_run_only_with_the_pages_own_token(told: Run, runner: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(runner)
    assert strict.post(f"/api/v1/runs/{told.pk}/stop").status_code == 403
    told.refresh_from_db()
    assert told.status == RunStatus.RUNNING


def test_a_viewer_cannot_stop_a_run(client: Client, told: Run, viewer: User) -> None:
    client.force_login(viewer)
    answer = client.post(f"/api/v1/runs/{told.pk}/stop")
    assert answer.status_code == 403
    assert "maintainer" in answer.json()["detail"]


def test_too_many_points_at_once_are_refused(client: Client, told: Run, viewer: User) -> None:
    client.force_login(viewer)
    assert client.get(f"/api/v1/runs/{told.pk}/series", {"key": "a", "points": 10_000_000}).status_code == 422
