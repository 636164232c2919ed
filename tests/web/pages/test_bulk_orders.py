"""One order for many runs: what is done, what is refused and why, and that a stop can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_person, make_run
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, in_status, titled_run
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.runs.history.models import RunStar
from webapp.runs.models import Run, RunStatus

FETCH = {"X-Requested-With": "fetch"}


def order(client: Client, word: str, runs: Sequence[Run], status: int = 200, **more: Any) -> dict[str, Any]:
    fields = {"order": word, "run": [run.pk for run in runs], **more}
    answer = client.post("/runs/bulk/", fields, headers=FETCH)
    assert answer.status_code == status, answer.content
    said: dict[str, Any] = answer.json()
    return said


@pytest.fixture
def pair(runner: User, team: Team) -> list[Run]:
    return [titled_run(runner, team, name) for name in ("One", "Two")]


def test_runs_are_stopped_together_and_the_queue_gives_them_their_place_back(
    as_runner: Client, pair: list[Run]
) -> None:
    waiting, running = pair
    Engine(running).start()
    place = waiting.queued_at
    said = order(as_runner, "stop", pair)
    assert said["said"] == "2 runs asked to stop."
    assert said["undo"] == "keep_running"
    assert set(said["done"]) == {waiting.pk, running.pk}
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.status, running.status) == (RunStatus.STOPPED, RunStatus.STOPPING)
    assert order(as_runner, "keep_running", pair)["said"] == "2 runs kept running."
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.status, running.status) == (RunStatus.QUEUED, RunStatus.RUNNING)
    assert waiting.queued_at == place


def test_a_stop_of_long_ago_is_not_taken_back_by_the_undo(as_runner: Client, pair: list[Run]) -> None:
    order(as_runner, "stop", pair[:1])
    Run.objects.filter(pk=pair[0].pk).update(status_at=timezone.now() - timedelta(minutes=2))
    assert "resume it instead" in order(as_runner, "keep_running", pair[:1], 409)["said"]


def test_each_run_is_done_or_refused_by_itself(as_runner: Client, pair: list[Run]) -> None:
    in_status(pair[0], RunStatus.FINISHED)
    said = order(as_runner, "archive", pair)
    assert said["done"] == [pair[0].pk]
    assert said["said"].startswith("1 run archived. 1 not: The run is queued; stop it before archiving it.")
    assert AuditEntry.objects.filter(action="run.archived").count() == 1
    assert order(as_runner, "unarchive", pair[:1])["done"] == [pair[0].pk]


def test_tags_are_added_and_taken_away_and_others_stay(as_runner: Client, pair: list[Run]) -> None:
    Run.objects.filter(pk=pair[0].pk).update(tags=["old", "paper"])
    order(as_runner, "tag", pair, tags="night,  paper ")
    order(as_runner, "untag", pair, tags="old")
    tags = [set(Run.objects.get(pk=run.pk).tags) for run in pair]
    assert tags == [{"paper", "night"}, {"night", "paper"}]
    assert "Write a tag first" in order(as_runner, "tag", pair, 400, tags=" , ")["said"]
    assert "40 or fewer" in order(as_runner, "tag", pair, 409, tags="x" * 41)["said"]


def test_stars_are_everybodys_own(as_runner: Client, as_viewer: Client, pair: list[Run], viewer: User) -> None:
    order(as_viewer, "star", pair)
    order(as_viewer, "star", pair)
    assert RunStar.objects.filter(person=viewer).count() == 2
    assert "Starred" not in as_runner.get("/runs/").content.decode().split("<table")[1]
    assert "Starred" in as_viewer.get("/runs/").content.decode().split("<table")[1]
    answer = as_viewer.post("/runs/bulk/", {"star": pair[0].pk}, headers=FETCH)
    assert answer.json()["said"] == "1 run no longer starred."
    order(as_viewer, "unstar", pair)
    assert not RunStar.objects.exists()


def test_viewers_change_nothing_and_runners_only_their_own(
    as_viewer: Client, as_person: SignIn, team: Team, pair: list[Run]
) -> None:
    for word in ("stop", "archive", "tag", "keep_running"):
        assert "you need the role" in order(as_viewer, word, pair, 409, tags="a")["said"]
    colleague = as_person(make_person("rolf", team, Role.RUNNER))
    assert "you need the role maintainer" in order(colleague, "stop", pair, 409)["said"]
    assert not Run.objects.exclude(status=RunStatus.QUEUED).exists()


def test_another_teams_runs_are_not_there(as_stranger: Client, pair: list[Run]) -> None:
    for word in ("stop", "star", "tag"):
        assert order(as_stranger, word, pair, 404, tags="a")["done"] == []
    assert as_stranger.post("/runs/bulk/", {"star": pair[0].pk}, headers=FETCH).status_code == 404
    assert not Run.objects.exclude(status=RunStatus.QUEUED).exists()


@pytest.mark.parametrize(
    "fields", [{}, {"order": "stop"}, {"order": "explode", "run": "x"}, {"order": "stop", "run": ["a"] * 5 + ["\x00"]},
               {"star": "\x00"}, {"order": "stop", "run": [str(number) for number in range(300)]}],
)  # fmt: skip
def test_orders_that_mean_nothing_are_answered_in_words(as_runner: Client, run: Run, fields: dict[str, Any]) -> None:
    answer = as_runner.post("/runs/bulk/", fields, headers=FETCH)
    assert answer.status_code in (400, 404)
    assert answer.json()["said"]
    assert as_runner.post("/runs/bulk/", fields).status_code == 302
    assert as_runner.get("/runs/bulk/").status_code == 405


def test_without_a_script_the_form_leads_back_to_the_same_view(as_runner: Client, pair: list[Run]) -> None:
    fields = {"order": "star", "run": [pair[0].pk], "state": "q=name:One&sort=name&next=//evil.example"}
    answer = as_runner.post("/runs/bulk/", fields)
    assert answer.url == "/runs/?q=name:One&sort=name"
    assert "1 run starred." in as_runner.get(answer.url).content.decode()


def test_compare_and_csv_take_what_is_selected_along(as_runner: Client, pair: list[Run], runner: User) -> None:
    ids = ",".join(run.pk for run in pair)
    fields = {"order": "compare", "run": [run.pk for run in pair]}
    assert as_runner.post("/runs/bulk/", fields).url == f"/compare/?runs={ids}"
    assert "compare 2 to 20" in order(as_runner, "compare", pair[:1], 400)["said"]
    csv = as_runner.post("/runs/bulk/", {"order": "csv", "run": [pair[0].pk], "state": "sort=name"})
    assert csv.url == f"/runs/export.csv?sort=name&runs={pair[0].pk}"


def test_an_example_is_nobodys_to_change(as_runner: Client, runner: User, team: Team) -> None:
    example = make_run(runner, team)
    Run.objects.filter(pk=example.pk).update(is_example=True)
    assert "recorded example" in order(as_runner, "stop", [example], 409)["said"]
    assert order(as_runner, "star", [example])["done"] == [example.pk]
