"""Schedules: made in the New run form, fired by the clock, made up for once, told, and switched by those who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from tests.web.pages.test_new_run import words_of
from webapp.accounts.models import AuditEntry, Membership, Role, Team, User
from webapp.runs.models import Run, RunStatus
from webapp.runs.planning_models import RunSchedule, Sweep
from webapp.runs.presets import find_preset
from webapp.runs.services.schedules import create_schedule, start_due, switch_schedule
from webapp.runs.services.team_presets import retire_preset, save_preset

NIGHT = {"when": "cron", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def nightly(as_runner: Client) -> RunSchedule:
    as_runner.post("/runs/new/", {**words_of(title="Nightly"), **NIGHT, "tags": "night", "tries": "5"})
    return RunSchedule.objects.get()


def due(schedule: RunSchedule, ago: timedelta = timedelta(seconds=5)) -> RunSchedule:
    schedule.next_at = timezone.now() - ago
    schedule.save()
    return schedule


def test_a_nightly_run_is_kept_and_not_started(as_runner: Client, nightly: RunSchedule, runner: User) -> None:
    assert not Run.objects.exists()
    assert (nightly.owner, nightly.cron, nightly.zone, nightly.enabled) == (runner, "0 2 * * *", "Europe/Berlin", True)
    assert nightly.next_at is not None and nightly.next_at > timezone.now()
    page = as_runner.get("/runs/schedules/").content.decode()
    assert "Nightly" in page and "every day at 02:00" in page and "02:00 Europe/Berlin" in page
    assert AuditEntry.objects.get(action="schedule.created").actor == runner


def test_a_time_at_the_end_of_the_calendar_is_refused_and_breaks_no_page(as_runner: Client) -> None:
    far = {"when": "once", "at": "9999-12-31T23:30+00:00", "timezone": "Pacific/Kiritimati"}
    answer = as_runner.post("/runs/new/", {**words_of(), **far})
    assert answer.status_code == 422 and "9999-12-31 is too far away" in answer.content.decode()
    assert not RunSchedule.objects.exists()
    assert as_runner.get("/runs/schedules/").status_code == 200


def test_when_its_time_comes_a_run_is_queued_and_the_next_time_is_set(nightly: RunSchedule, runner: User) -> None:
    due(nightly)
    assert start_due() == [nightly.pk]
    run = Run.objects.get()
    assert (run.name, run.owner, run.schedule, run.tags, run.tries) == ("Nightly", runner, nightly, ["night"], 5)
    nightly.refresh_from_db()
    assert nightly.next_at is not None and nightly.next_at > timezone.now()
    assert nightly.last_told == "Started Nightly."
    assert start_due() == [], "and only once"


def test_what_was_missed_while_the_console_was_away_is_made_up_for_once_and_told(
    as_runner: Client, nightly: RunSchedule
) -> None:
    start_due(due(nightly, timedelta(days=3, minutes=1)).next_at)
    Run.objects.update(status=RunStatus.FINISHED)
    RunSchedule.objects.update(next_at=timezone.now() - timedelta(days=3))
    start_due()
    assert Run.objects.count() == 2
    told = RunSchedule.objects.get().last_told
    assert "passed while the console was away, which is made up for by one start" in told
    assert "times after it" in told
    assert "made up for" in as_runner.get("/runs/schedules/").content.decode()


def test_a_run_at_a_time_starts_once(as_runner: Client) -> None:
    at = (timezone.now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    as_runner.post("/runs/new/", {**words_of(title="Tonight"), "when": "once", "at": at, "timezone": "UTC"})
    schedule = RunSchedule.objects.get()
    assert schedule.next_at is not None and f"{schedule.next_at:%Y-%m-%dT%H:%M}" == at
    due(schedule)
    start_due()
    schedule.refresh_from_db()
    assert Run.objects.count() == 1 and (schedule.enabled, schedule.next_at) == (False, None)


def test_a_sweep_can_be_scheduled(as_runner: Client) -> None:
    words = {**words_of(title="Night sweep", seed="1, 2, 3"), **NIGHT, "runs_shown": "3"}
    as_runner.post("/runs/new/", words)
    assert not Sweep.objects.exists()
    start_due(due(RunSchedule.objects.get()).next_at)
    sweep = Sweep.objects.get()
    assert sorted(run.config["seed"] for run in sweep.runs.all()) == [1, 2, 3]
    assert RunSchedule.objects.get().last_told.startswith("Started a sweep of 3 runs.")


def test_while_its_last_run_is_not_done_the_next_time_is_skipped_and_told(nightly: RunSchedule) -> None:
    start_due(due(nightly).next_at)
    start_due(due(RunSchedule.objects.get()).next_at)
    assert Run.objects.count() == 1
    assert RunSchedule.objects.get().last_told.startswith("Skipped: Nightly, which it started before, is queued still.")


def test_an_owner_who_may_not_start_runs_any_more_switches_it_off_with_the_reason(
    nightly: RunSchedule, runner: User
) -> None:
    Membership.objects.filter(user=runner).update(role=Role.VIEWER)
    start_due(due(nightly).next_at)
    nightly.refresh_from_db()
    assert not Run.objects.exists() and not nightly.enabled
    assert "Switched off, nothing was started: To start a run you need the role runner" in nightly.last_told


def test_a_preset_that_was_retired_switches_its_schedules_off_with_the_reason(
    as_runner: Client, admin: User, team: Team
) -> None:
    demo = find_preset("pocket_demo")
    assert demo is not None
    preset = save_preset(team=team, actor=admin, name="House", story="", config=demo.tree(), locked=[])
    words = words_of()
    del words["preset"]
    as_runner.post("/runs/new/", {**words, **NIGHT, "team_preset": str(preset.pk)})
    retire_preset(preset=preset, actor=admin)
    start_due(due(RunSchedule.objects.get()).next_at)
    told = RunSchedule.objects.get()
    assert not told.enabled and "The preset 'House' was retired" in told.last_told
    assert not Run.objects.exists()


def test_settings_of_an_earlier_release_switch_it_off_with_the_reason(nightly: RunSchedule) -> None:
    RunSchedule.objects.update(config={**nightly.config, "a_setting_that_was": 1})
    start_due(due(RunSchedule.objects.get()).next_at)
    told = RunSchedule.objects.get()
    assert not told.enabled and "its settings are of an earlier release: a_setting_that_was" in told.last_told


def test_one_that_breaks_does_not_stand_in_the_way_of_others(runner: User, team: Team, nightly: RunSchedule) -> None:
    past = timezone.now() - timedelta(minutes=1)
    broken = create_schedule(
        owner=runner, team=team, name="Broken", tree=nightly.config, next_at=past, cron="0 2 * * *", zone="Nowhere/Land"
    )
    due(nightly)
    assert len(start_due()) == 2
    broken.refresh_from_db()
    assert not broken.enabled and "no time zone" in broken.last_told
    assert Run.objects.get().schedule == nightly


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"when": "cron", "cron": "every night"}, "has 2 fields; a cron line has five"),
        ({"when": "cron", "cron": "0 0 31 2 *"}, "names a day that never comes"),
        ({"when": "cron", "cron": "0 2 * * *", "timezone": "../../etc/passwd"}, "is no time zone"),
        ({"when": "once", "at": "soon"}, "is no date with a time"),
        ({"when": "once", "at": ""}, "is no date with a time"),
        ({"when": "once", "at": "2020-01-01T00:00"}, "is over; choose a time that is yet to come"),
        ({"when": "once", "at": "0001-01-01T00:00", "timezone": "Asia/Tokyo"}, "is no date with a time"),
        ({"when": "<b>never</b>"}, "is not known; choose one of the list"),
        ({"tries": "0"}, "is not a number from 1 to 20"),
        ({"tries": "many"}, "is not a number from 1 to 20"),
        ({"tries": "9" * 4000}, "is not a number from 1 to 20"),
    ],
)
def test_a_bad_time_is_named_at_its_field_and_nothing_is_kept(
    as_runner: Client, words: dict[str, str], message: str
) -> None:
    answer = as_runner.post("/runs/new/", {**words_of(), **words})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422 and message in page
    assert "<b>never" not in answer.content.decode()
    assert not RunSchedule.objects.exists() and not Run.objects.exists()


def test_switching_and_deleting_is_the_owners_and_the_maintainers(
    as_runner: Client, as_viewer: Client, as_person: SignIn, team: Team, nightly: RunSchedule
) -> None:
    address = f"/runs/schedules/{nightly.pk}"
    other = as_person(make_person("oscar", team))
    for client in (as_viewer, other):
        assert client.post(f"{address}/switch/", {"on": "0"}).status_code == 403
        assert client.post(f"{address}/delete/").status_code == 403
    assert "Switch off" not in other.get("/runs/schedules/").content.decode()
    as_runner.post(f"{address}/switch/", {"on": "0"})
    nightly.refresh_from_db()
    assert not nightly.enabled and start_due(datetime(2100, 1, 1, tzinfo=UTC)) == []
    as_runner.post(f"{address}/switch/", {"on": "1"})
    nightly.refresh_from_db()
    assert nightly.enabled and nightly.next_at is not None and nightly.next_at > timezone.now()
    as_person(make_person("max", team, Role.MAINTAINER)).post(f"{address}/delete/")
    assert not RunSchedule.objects.exists()
    assert AuditEntry.objects.filter(action="schedule.deleted").exists()


def test_one_whose_only_time_is_over_is_not_switched_on_again(as_runner: Client, nightly: RunSchedule) -> None:
    RunSchedule.objects.update(cron="", next_at=None, enabled=False)
    answer = as_runner.post(f"/runs/schedules/{nightly.pk}/switch/", {"on": "1"})
    assert answer.status_code == 409 and "that time is over; edit it to give it another" in answer.content.decode()


def test_a_strangers_schedule_is_not_there(as_stranger: Client, nightly: RunSchedule) -> None:
    assert "Nightly" not in as_stranger.get("/runs/schedules/").content.decode()
    for what in ("switch", "delete"):
        assert as_stranger.post(f"/runs/schedules/{nightly.pk}/{what}/").status_code == 404


def test_a_viewer_schedules_nothing(as_viewer: Client) -> None:
    assert as_viewer.post("/runs/new/", {**words_of(), **NIGHT}).status_code == 403
    assert not RunSchedule.objects.exists()


def test_switching_off_twice_is_harmless(nightly: RunSchedule, runner: User) -> None:
    for _ in range(2):
        assert switch_schedule(schedule=nightly, actor=runner, on=False) == "Nightly is off."
    assert AuditEntry.objects.filter(action="schedule.off").count() == 1
