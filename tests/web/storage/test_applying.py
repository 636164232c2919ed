"""Deleting what is due: logs and screenshots, what must not go, and a crash in the middle."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.web.builders import envelopes, episode, frame_of, make_attempt, make_run, started
from tests.web.storage.retained import SHOTS, aged, rule, save, shown
from webapp.accounts.models import AuditEntry, Team, User
from webapp.api.ingest import ingest
from webapp.episodes.models import Episode, Frame, Step, StepNote
from webapp.episodes.services.frames import delete_files
from webapp.metrics.models import Point
from webapp.runs.models import Run, RunEvent, RunStatus
from webapp.storage.facts import facts_of, plan_for, rules_of
from webapp.storage.models import RunPin
from webapp.storage.plan import Part, Rules
from webapp.storage.services import apply_rules, applying

pytestmark = pytest.mark.django_db


def test_by_default_the_log_and_the_screenshots_go_and_the_history_stays(old: Run) -> None:
    default_storage.save("other", ContentFile(b"x"))
    plan = plan_for(old.team, rules_of(old.team), timezone.now())
    assert plan.size == old.frames_bytes > 0
    assert apply_rules(old.team) == plan.size
    assert set(RunEvent.objects.filter(run=old).values_list("kind", flat=True)) == {"RunStarted", "StatusChanged"}
    assert Episode.objects.filter(run=old).exists() and Step.objects.filter(episode__run=old).exists()
    assert Point.objects.filter(series__run=old).exists()
    old.refresh_from_db()
    assert shown(old) == [] and old.frames_bytes == 0 and default_storage.exists("other")


def test_the_days_of_the_environment_are_the_default(old: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_KEEP_FRAMES_DAYS", "200")
    monkeypatch.setenv("ARPO_KEEP_EVENTS_DAYS", "300")
    assert rules_of(old.team) == Rules(frame_days=200, event_days=300)
    assert apply_rules(old.team) == 0 and len(shown(old)) == 7


def test_thinning_keeps_first_last_failing_and_noted_steps_and_the_scored_desktop(old: Run, runner: User) -> None:
    Step.objects.filter(episode__run=old, index=2).update(problem="no action could be read")
    StepNote.objects.create(episode=old.episodes.get(), index=3, author=runner, text="look")
    rule(old, thin_days=10)
    apply_rules(old.team)
    assert shown(old) == [0, 2, 3, 5, 6]
    old.refresh_from_db()
    assert old.frames_bytes == sum(frame.size for frame in Frame.objects.filter(run=old))
    entry = AuditEntry.objects.get(action="storage.deleted")
    assert (entry.object_id, entry.data["count"]) == (old.pk, 2)
    assert apply_rules(old.team) == 0, "the second time there is nothing left to thin"


def test_a_note_or_a_pin_that_comes_while_screenshots_go_keeps_what_is_left(
    old: Run, runner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Screenshots go some at a time; between two of them people go on working."""
    rule(old, thin_days=10)
    due = {frame_of(SHOTS[place]).sha256: place for place in (1, 2, 3, 4)}
    following = list(Frame.objects.filter(run=old, sha256__in=due).order_by("pk").values_list("sha256", flat=True))
    noted, gone = due[following[1]], []

    def meanwhile(run_id: str, sha256: str) -> None:
        delete_files(run_id, sha256)
        gone.append(sha256)
        if len(gone) == 1:
            StepNote.objects.create(episode=old.episodes.get(), index=noted, author=runner, text="look")
        else:
            RunPin.objects.create(run=old)

    monkeypatch.setattr(applying, "CHUNK", 1)
    monkeypatch.setattr(applying, "delete_files", meanwhile)
    apply_rules(old.team)
    assert gone == [following[0], following[2]]
    assert shown(old) == sorted({0, 5, 6, noted, due[following[3]]})
    old.refresh_from_db()
    assert old.frames_bytes == sum(frame.size for frame in Frame.objects.filter(run=old))


def test_a_dry_run_of_many_runs_asks_no_more_often_than_one_of_one(
    old: Run, runner: User, team: Team, django_assert_max_num_queries: Any
) -> None:
    rules = Rules(event_days=5, thin_days=10, frame_days=200, checkpoint_days=10)
    save(old, 1), save(old, 2)
    with CaptureQueriesContext(connection) as asked:
        alone = plan_for(team, rules, timezone.now())
    for number in range(5):
        other = aged(make_run(runner, team, name=f"other {number}"))
        save(other, 1), save(other, 2)
        aged(make_run(runner, team, name=f"young {number}"), days=1)
    with django_assert_max_num_queries(len(asked)):
        together = plan_for(team, rules, timezone.now())
    assert {one for one in together.removals if one.run_id == old.pk} == set(alone.removals)
    assert {one.part for one in alone.removals} == {Part.THIN, Part.CHECKPOINTS, Part.EVENTS}
    assert together.runs == 6 and "young" not in str(together)


def test_a_screenshot_that_another_step_shows_stays(old: Run) -> None:
    Step.objects.filter(episode__run=old, index=0).update(frame=frame_of(SHOTS[4]).sha256)
    rule(old, thin_days=10)
    apply_rules(old.team)
    assert shown(old) == [4, 5, 6]


def test_of_an_episode_that_never_ended_every_step_stays(old: Run) -> None:
    Episode.objects.filter(run=old).update(steps_count=0, ended_at=None)
    rule(old, thin_days=10)
    assert apply_rules(old.team) == 0 and len(shown(old)) == 7


@pytest.mark.parametrize("status", ["queued", "preparing", "running", "stopping", "paused", "lost"])
def test_a_run_that_may_go_on_keeps_everything(old: Run, status: str) -> None:
    Run.objects.filter(pk=old.pk).update(status=status)
    assert apply_rules(old.team) == 0 and len(shown(old)) == 7


def test_pinned_runs_young_runs_and_examples_keep_everything(old: Run) -> None:
    pin = RunPin.objects.create(run=old)
    assert apply_rules(old.team) == 0
    pin.delete()
    aged(old, days=20)
    assert apply_rules(old.team) == 0
    aged(old)
    Run.objects.filter(pk=old.pk).update(is_example=True)
    assert apply_rules(old.team) == 0 and len(shown(old)) == 7


def test_a_run_that_is_resumed_between_the_plan_and_the_deletion_keeps_its_rest(
    old: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = facts_of

    def then_resumed(*words: Any) -> Any:
        found = real(*words)
        Run.objects.filter(pk=old.pk).update(status=RunStatus.QUEUED)
        return found

    monkeypatch.setattr(applying, "facts_of", then_resumed)
    apply_rules(old.team)
    assert len(shown(old)) == 7


def test_a_crash_among_the_screenshots_loses_no_count(old: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = delete_files, []

    def crash_at_the_third(run_id: str, sha256: str) -> None:
        seen.append(sha256)
        if len(seen) == 3:
            raise KeyboardInterrupt
        real(run_id, sha256)

    with monkeypatch.context() as patched:
        patched.setattr(applying, "delete_files", crash_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            apply_rules(old.team)
    apply_rules(old.team)
    old.refresh_from_db()
    assert shown(old) == [] and old.frames_bytes == 0


def test_a_run_whose_files_cannot_be_deleted_does_not_stop_the_others(
    old: Run, runner: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_run(runner, team)
    attempt, _ = make_attempt(other)
    ingest(attempt, envelopes([started(), *episode("e1")]))
    aged(other)

    def broken(run_id: str, sha256: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(applying, "delete_files", broken)
    apply_rules(team)
    assert len(shown(old)) == 7
    assert not RunEvent.objects.filter(run=other, kind="EpisodeStepTaken").exists()
