"""Editing a schedule: in its own form, with both texts for the second of two editors, and with one's own rights."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from tests.web.pages.test_new_run import words_of
from tests.web.pages.test_schedules import NIGHT
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run
from webapp.runs.planning_models import RunSchedule
from webapp.runs.services.schedules import delete_schedule, start_due, switch_schedule


@pytest.fixture
def nightly(as_runner: Client) -> RunSchedule:
    as_runner.post("/runs/new/", {**words_of(title="Nightly"), **NIGHT, "tags": "night", "tries": "5"})
    return RunSchedule.objects.get()


@pytest.fixture
def as_maintainer(as_person: SignIn, team: Team) -> Client:
    return as_person(make_person("mia", team, Role.MAINTAINER))


def address_of(schedule: RunSchedule) -> str:
    return f"/runs/schedules/{schedule.pk}/"


def words(schedule: RunSchedule, *, version: int = 1, **changes: str) -> dict[str, str]:
    """What the form sends for a schedule, with other settings."""
    hidden = {"schedule": str(schedule.pk), "version": str(version)}
    return {**words_of(title="Nightly", **changes), **NIGHT, "tags": "night", "tries": "5", **hidden}


def test_the_form_holds_what_is_saved(as_runner: Client, nightly: RunSchedule) -> None:
    page = unescape(as_runner.get(address_of(nightly)).content.decode())
    assert "Edit the schedule Nightly" in page and "Save the schedule" in page and "Start run" not in page
    assert 'value="0 2 * * *"' in page and 'value="Europe/Berlin"' in page and 'name="version" value="1"' in page
    assert '<option value="cron" selected>' in page and '<option value="now"' not in page
    assert "data-own-zone" not in page, "or UTC would become the zone of whoever opens it"
    assert f'href="{address_of(nightly)}"' in as_runner.get("/runs/schedules/").content.decode()


def test_settings_and_time_are_changed_and_written_down(as_runner: Client, nightly: RunSchedule, runner: User) -> None:
    changed = {**words(nightly, seed="77"), "cron": "30 4 * * mon", "tags": "week", "tries": "2"}
    assert as_runner.post(address_of(nightly), changed).status_code == 302
    nightly.refresh_from_db()
    assert nightly.config["seed"] == 77
    assert (nightly.cron, nightly.tags, nightly.tries) == ("30 4 * * mon", ["week"], 2)
    assert (nightly.version, nightly.edited_by, nightly.owner, nightly.enabled) == (2, runner, runner, True)
    assert nightly.next_at is not None and nightly.next_at > timezone.now()
    entry = AuditEntry.objects.get(action="schedule.edited")
    assert (entry.actor, entry.data["old"]["cron"], entry.data["version"]) == (runner, "0 2 * * *", 2)
    assert "edited by" in as_runner.get("/runs/schedules/").content.decode()
    RunSchedule.objects.update(next_at=timezone.now())
    start_due()
    assert Run.objects.get().config["seed"] == 77


def test_the_second_of_two_editors_is_told_and_sees_both(
    as_runner: Client, as_maintainer: Client, nightly: RunSchedule
) -> None:
    as_maintainer.post(address_of(nightly), words(nightly, seed="11"))
    late = words(nightly, seed="22")
    answer = as_runner.post(address_of(nightly), late)
    page = unescape(answer.content.decode())
    assert answer.status_code == 409 and "mia edited this schedule since you opened it" in page
    assert "seed: 11" in page and 'name="c.seed"' in page and 'value="22"' in page
    assert 'name="version" value="2"' in page
    nightly.refresh_from_db()
    assert nightly.config["seed"] == 11
    assert as_runner.post(address_of(nightly), {**late, "version": "2"}).status_code == 302
    nightly.refresh_from_db()
    assert (nightly.config["seed"], nightly.version) == (22, 3)


def test_a_time_that_is_due_is_not_lost_by_an_edit_of_the_settings(as_runner: Client, nightly: RunSchedule) -> None:
    due = timezone.now() - timedelta(seconds=1)
    RunSchedule.objects.update(next_at=due)
    as_runner.post(address_of(nightly), words(nightly, seed="5"))
    nightly.refresh_from_db()
    assert nightly.next_at == due


def test_a_sweep_is_edited_as_a_sweep(as_runner: Client) -> None:
    sweep = {**words_of(title="Night sweep", seed="1, 2, 3"), **NIGHT, "sweep": "algorithm.kind: grpo, arpo"}
    as_runner.post("/runs/new/", {**sweep, "runs_shown": "6"})
    schedule = RunSchedule.objects.get()
    page = unescape(as_runner.get(address_of(schedule)).content.decode())
    assert "seed: 1, 2, 3" in page and 'algorithm.kind: "grpo", "arpo"' in page and "6 runs" in page
    fewer = {**words(schedule, seed="1"), "sweep": 'seed: 1, 2\nalgorithm.kind: "grpo", "arpo"'}
    assert as_runner.post(address_of(schedule), fewer).status_code == 302
    schedule.refresh_from_db()
    assert schedule.axes == [["seed", [1, 2]], ["algorithm.kind", ["grpo", "arpo"]]]
    as_runner.post(address_of(schedule), words(schedule, version=2))
    schedule.refresh_from_db()
    assert schedule.axes == [], "and a sweep may become a run"


def test_one_that_ran_once_gets_another_time(as_runner: Client, nightly: RunSchedule) -> None:
    RunSchedule.objects.update(cron="", next_at=None, enabled=False, last_at=timezone.now())
    assert as_runner.get(address_of(nightly)).status_code == 200
    at = (timezone.now() + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M")
    once = {**words(nightly), "when": "once", "at": at, "timezone": "UTC"}
    answer = as_runner.post(address_of(nightly), once, follow=True)
    assert "is saved; it is still off" in answer.content.decode()
    assert as_runner.post(f"{address_of(nightly)}switch/", {"on": "1"}).status_code == 302


def test_editing_is_the_owners_and_the_maintainers(
    as_viewer: Client, as_maintainer: Client, as_person: SignIn, team: Team, nightly: RunSchedule, runner: User
) -> None:
    for client in (as_viewer, as_person(make_person("oscar", team))):
        page = client.get(address_of(nightly)).content.decode()
        assert "Its owner and maintainers of the team edit a schedule" in page and "Save the schedule" not in page
        assert client.post(address_of(nightly), words(nightly, seed="9")).status_code == 403
    assert as_maintainer.post(address_of(nightly), words(nightly, seed="9")).status_code == 302
    nightly.refresh_from_db()
    assert (nightly.owner, nightly.config["seed"]) == (runner, 9)


def test_nobody_lets_an_owner_start_what_they_may_not_start_themselves(
    as_runner: Client, as_maintainer: Client, nightly: RunSchedule, admin: User
) -> None:
    RunSchedule.objects.update(owner=admin)
    own_code = words(nightly, model__kind="hf", model__path="some/model")
    own_code["c.model.trust_remote_code"] = "on"
    answer = as_maintainer.post(address_of(nightly), own_code)
    assert answer.status_code == 403, answer.content.decode()[:3000]
    nightly.refresh_from_db()
    assert nightly.version == 1


def test_another_teams_schedule_is_not_there(as_stranger: Client, nightly: RunSchedule) -> None:
    assert as_stranger.get(address_of(nightly)).status_code == 404
    assert as_stranger.post(address_of(nightly), words(nightly)).status_code == 404
    assert "Nightly" not in as_stranger.get(f"/runs/new/?schedule={nightly.pk}").content.decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"when": "now"}, "a schedule starts at a time or again and again"),
        ({"cron": "every night"}, "has 2 fields"),
        ({"c.seed": "many"}, "is not a whole number"),
        ({"c.title": " "}, "a run needs a name"),
        ({"tries": "0"}, "is not a number from 1 to 20"),
    ],
)
def test_a_bad_word_is_named_and_nothing_is_saved(
    as_runner: Client, nightly: RunSchedule, changes: dict[str, str], message: str
) -> None:
    answer = as_runner.post(address_of(nightly), {**words(nightly), **changes})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422 and message in page and "Nothing was saved." in page
    nightly.refresh_from_db()
    assert nightly.version == 1


@pytest.mark.parametrize("version", ["", "-1", "x", "9" * 30, "²"])
def test_a_version_that_is_none_counts_as_an_old_one(as_runner: Client, nightly: RunSchedule, version: str) -> None:
    assert as_runner.post(address_of(nightly), {**words(nightly), "version": version}).status_code == 409


def test_settings_of_an_earlier_release_are_shown_and_named(as_runner: Client, nightly: RunSchedule) -> None:
    RunSchedule.objects.update(config={**nightly.config, "a_setting_that_was": 1}, zone="Nowhere/Land", cron="")
    page = as_runner.get(address_of(nightly))
    assert page.status_code == 200 and "a_setting_that_was" in page.content.decode()


def test_one_that_was_deleted_meanwhile_is_said_to_be(as_runner: Client, nightly: RunSchedule, runner: User) -> None:
    stale = RunSchedule.objects.get(pk=nightly.pk)
    delete_schedule(schedule=nightly, actor=runner)
    assert as_runner.post(address_of(stale), words(stale)).status_code == 404
    with pytest.raises(RunRefused, match="was deleted meanwhile"):
        switch_schedule(schedule=stale, actor=runner, on=False)


def test_the_check_of_the_form_counts_what_is_changed_from_the_schedule(
    as_runner: Client, nightly: RunSchedule
) -> None:
    rail = as_runner.post("/runs/new/check/", words(nightly, seed="5")).content.decode()
    assert "Different from Nightly" in rail and "seed" in rail
    assert as_runner.get(f"/runs/new/?schedule={nightly.pk}")["Location"] == address_of(nightly)
