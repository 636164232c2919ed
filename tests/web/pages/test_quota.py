"""Quotas: set by administrators of the console, kept by the dispatcher, told in the queue, shown with who uses what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from arpo_engine.contract.events import HostSampled
from tests.web.builders import make_attempt
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import AuditEntry, Team, User
from webapp.runs.models import Run, RunAttempt, RunStatus
from webapp.runs.planning_models import TeamQuota
from webapp.runs.queueing import state


@pytest.fixture
def as_console_admin(as_person: SignIn, admin: User) -> Client:
    admin.is_superuser = True
    admin.save()
    return as_person(admin)


def used(run: Run, *, gpus: int, began: timedelta, ended: timedelta | None) -> RunAttempt:
    attempt, _ = make_attempt(run)
    now = timezone.now()
    RunAttempt.objects.filter(pk=attempt.pk).update(
        gpus=gpus, started_at=now - began, ended_at=now - ended if ended is not None else None
    )
    return attempt


def test_bounds_are_set_audited_and_taken_away_again(as_console_admin: Client, team: Team, admin: User) -> None:
    as_console_admin.post("/runs/quota/change/", {"gpu_hours": "500", "desktops": "64", "concurrent_runs": ""})
    quota = TeamQuota.objects.get(team=team)
    assert (quota.gpu_hours, quota.desktops, quota.concurrent_runs, quota.set_by) == (500, 64, None, admin)
    as_console_admin.post("/runs/quota/change/", {})
    quota.refresh_from_db()
    assert (quota.gpu_hours, quota.desktops) == (None, None)
    entry = AuditEntry.objects.filter(action="quota.set").first()
    assert entry is not None and entry.data["old"]["gpu_hours"] == 500


@pytest.mark.parametrize("word", ["-1", "many", "1e9", "99999999999999999999", "1.5", "\x00"])
def test_a_bad_bound_is_named_at_its_field(as_console_admin: Client, word: str) -> None:
    answer = as_console_admin.post("/runs/quota/change/", {"gpu_hours": word})
    assert answer.status_code == 422 and "field-error" in answer.content.decode()
    assert not TeamQuota.objects.exists()


def test_members_see_the_use_and_only_the_console_changes_bounds(
    as_viewer: Client, as_person: SignIn, admin: User, runner: User, team: Team
) -> None:
    used(titled_run(runner, team), gpus=4, began=timedelta(hours=3), ended=timedelta(hours=1))
    page = as_viewer.get("/runs/quota/").content.decode()
    assert "ruth" in page and "8.0" in page and "Bounds" not in page
    for client in (as_viewer, as_person(admin)):
        assert client.post("/runs/quota/change/", {"gpu_hours": "5"}).status_code == 403
    assert not TeamQuota.objects.exists()


def test_gpu_hours_are_those_of_the_last_thirty_days(runner: User, team: Team) -> None:
    for gpus, began, ended in ((2, 40 * 24, 35 * 24), (2, 31 * 24, 29 * 24), (8, 1, None)):
        over = timedelta(hours=ended) if ended else None
        used(titled_run(runner, team), gpus=gpus, began=timedelta(hours=began), ended=over)
    now = timezone.now()
    hours = state.gpu_hours_since(now - state.QUOTA_WINDOW, now, run__team=team)
    assert hours == pytest.approx(2 * 24 + 8, rel=0.01)


def test_gpus_that_the_machine_shows_are_counted_where_none_were_reserved(runner: User, team: Team) -> None:
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    sample = {"cpu_percent": 1.0, "cores": 8, "memory_used_mb": 1, "memory_total_mb": 2, "disk_free_mb": 3}
    engine.say(HostSampled(host="bench", gpus=[{"name": "a"}, {"name": "b"}], **sample))
    assert run.attempts.get().gpus == 2
    run.attempts.update(gpus=4)
    engine.say(HostSampled(host="bench", gpus=[{"name": "a"}], **sample))
    assert run.attempts.get().gpus == 4, "what the cluster reserved stands"


def test_a_team_that_has_used_its_hours_waits_and_is_told(runner: User, team: Team, as_viewer: Client) -> None:
    TeamQuota.objects.create(team=team, gpu_hours=10)
    done = titled_run(runner, team, "Done")
    used(done, gpus=4, began=timedelta(hours=4), ended=timedelta(0))
    Run.objects.filter(pk=done.pk).update(status=RunStatus.FINISHED)
    page = as_viewer.get("/runs/queue/").content.decode()
    assert "<b>16</b> of 10" in page or "<b>16.0</b> of 10" in page


def test_another_teams_quota_is_not_shown(as_stranger: Client, runner: User, team: Team) -> None:
    used(titled_run(runner, team), gpus=4, began=timedelta(hours=3), ended=timedelta(hours=1))
    page = as_stranger.get("/runs/quota/").content.decode()
    assert "ruth" not in page and "Nothing ran in the last thirty days" in page
