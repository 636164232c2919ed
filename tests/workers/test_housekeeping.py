"""What goes by the clock: each team's rules of storage, and spent links."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.web.builders import envelopes, episode, make_attempt, started
from webapp.accounts.models import AuditEntry, SignInLink, User
from webapp.accounts.services import make_sign_in_link
from webapp.api.ingest import ingest
from webapp.runs.models import Run, RunEvent, RunStatus
from workers.housekeeping import delete_now, tidy_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(run: Run) -> Run:
    """A run that ended a hundred days ago."""
    attempt, _ = make_attempt(run)
    ingest(attempt, envelopes([started(), *episode("e1")]))
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FINISHED, finished_at=timezone.now() - timedelta(days=100))
    run.refresh_from_db()
    return run


def test_the_tick_applies_the_rules_of_every_team(old: Run) -> None:
    tidy_up()
    assert not RunEvent.objects.filter(run=old, kind="EpisodeStepTaken").exists()
    assert AuditEntry.objects.get(action="storage.deleted").actor is None


def test_what_a_person_asked_for_is_deleted_in_their_name(old: Run, runner: User) -> None:
    delete_now(str(old.team_id), str(runner.pk))
    assert AuditEntry.objects.get(action="storage.deleted").actor == runner


def test_a_team_that_is_gone_meanwhile_is_nothing_to_do(db: None) -> None:
    delete_now("999999", "1")
    assert not AuditEntry.objects.filter(action="storage.deleted").exists()


def test_spent_links_go(old: Run, runner: User) -> None:
    make_sign_in_link(user=runner, lifetime=timedelta(seconds=-1))
    tidy_up()
    assert not SignInLink.objects.exists()
