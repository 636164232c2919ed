"""What becomes of runs whose processes vanish, hang, or end without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from arpo_engine.contract import events as wire
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import RunRecorder
from tests.web.builders import envelopes, one_step, started
from tests.workers.cluster import FakeCluster
from webapp.accounts.models import User
from webapp.api.ingest import ingest
from webapp.runs.models import Checkpoint, Run, RunAttempt, RunEvent, RunStatus
from webapp.runs.runfolder import run_dir
from webapp.runs.services import attempt_of_token, force_stop, request_stop, resume_run
from workers import launcher, reconciler, scheduler

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(cluster: FakeCluster, run: Run) -> RunAttempt:
    """The run's first attempt: launched, and heard from."""
    scheduler.dispatch_runs()
    attempt = run.attempts.get()
    ingest(attempt, envelopes([started(), *one_step(1)]))
    return attempt


def token_of(cluster: FakeCluster) -> str:
    """What the only job was given to speak with."""
    (job,) = cluster.submitted
    return str(job["runtime_env"]["env_vars"]["ARPO_ATTEMPT_TOKEN"])


def go_silent(attempt: RunAttempt) -> None:
    RunAttempt.objects.filter(pk=attempt.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def age_status(run: Run, age: timedelta) -> None:
    Run.objects.filter(pk=run.pk).update(status_at=timezone.now() - age)


def look(run: Run) -> Run:
    reconciler.reconcile()
    run.refresh_from_db()
    return run


def test_a_healthy_run_is_left_alone(cluster: FakeCluster, attempt: RunAttempt, run: Run) -> None:
    cluster.away = True
    assert look(run).status == RunStatus.RUNNING


def test_a_killed_process_is_followed_by_the_next_attempt_from_the_checkpoint(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    Checkpoint.objects.create(run=run, attempt=1, step=1, path="checkpoints/1")
    go_silent(attempt)
    cluster.ends(attempt.ray_submission_id, "FAILED", -9)
    assert look(run).status == RunStatus.PREPARING
    second = run.attempts.get(number=2)
    assert second.started_step == 1
    assert cluster.submitted[-1]["submission_id"] == f"arpo-{run.pk}-2"
    reasons = list(RunEvent.objects.filter(run=run, kind="StatusChanged").values_list("data__reason", flat=True))
    assert any("from the checkpoint of step 1" in reason for reason in reasons)


def test_a_process_that_was_killed_is_noticed_before_its_lease_runs_out(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    RunAttempt.objects.filter(pk=attempt.pk).update(last_event_at=timezone.now() - reconciler.QUIET)
    assert look(run).status == RunStatus.RUNNING, "it only says little"
    cluster.ends(attempt.ray_submission_id, "FAILED", exit_code=-9)
    assert look(run).status == RunStatus.PREPARING
    assert run.attempts.count() == 2


def test_a_poison_run_stops_after_its_bound(cluster: FakeCluster, attempt: RunAttempt, run: Run) -> None:
    for number in range(1, run.max_attempts + 1):
        current = run.attempts.get(number=number)
        go_silent(current)
        cluster.ends(current.ray_submission_id, "FAILED", -9)
        look(run)
    assert run.status == RunStatus.FAILED
    assert "Given up after 3 attempts" in run.status_reason
    assert len(cluster.submitted) == 3


def test_a_person_may_resume_what_was_given_up(
    cluster: FakeCluster, attempt: RunAttempt, run: Run, runner: User
) -> None:
    test_a_poison_run_stops_after_its_bound(cluster, attempt, run)
    resume_run(run=run, actor=runner)
    assert look(run).status == RunStatus.PREPARING
    assert run.attempts.count() == 4


def test_an_exit_without_a_last_word_fails_with_the_end_of_the_log(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    go_silent(attempt)
    cluster.ends(attempt.ray_submission_id, "FAILED", 1, log="noise\nRuntimeError: the sky fell")
    assert look(run).status == RunStatus.FAILED
    assert "exit code 1" in run.status_reason
    assert "RuntimeError: the sky fell" in run.status_reason


def test_the_last_words_that_did_not_arrive_are_read_from_the_run_folder(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    folder = run_dir(run.pk)
    recorder = RunRecorder(folder, 1, frames=FramesConfig())
    for event in [started(), *one_step(1), *one_step(2), wire.RunEnded(outcome=RunOutcome.FINISHED, step=2)]:
        recorder.emit(event)
    recorder.close()
    go_silent(attempt)
    cluster.ends(attempt.ray_submission_id, "SUCCEEDED", 0)
    assert look(run).status == RunStatus.FINISHED
    assert run.step == 2
    assert RunEvent.objects.filter(run=run, attempt=1).count() == 6


def test_a_process_that_ray_cannot_start_says_so_and_is_tried_again(cluster: FakeCluster, run: Run) -> None:
    scheduler.dispatch_runs()
    cluster.jobs[f"arpo-{run.pk}-1"] = {"status": "FAILED", "message": "no worker could be started\nat all"}
    assert look(run).status == RunStatus.PREPARING
    assert run.attempts.get(number=1).reason == "Attempt 1: Ray could not keep its process: no worker could be started"


def test_a_job_that_ray_has_not_begun_is_waited_for(cluster: FakeCluster, run: Run) -> None:
    scheduler.dispatch_runs()
    cluster.jobs[f"arpo-{run.pk}-1"]["status"] = "PENDING"
    go_silent(run.attempts.get())
    assert look(run).status == RunStatus.PREPARING
    assert "Ray is starting its process" in run.status_reason


def test_a_cluster_started_anew_knows_no_job_and_the_run_goes_on(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    go_silent(attempt)
    cluster.jobs.clear()
    assert look(run).status == RunStatus.PREPARING
    assert run.attempts.count() == 2


def test_silence_with_a_running_job_is_borne_for_a_while(cluster: FakeCluster, attempt: RunAttempt, run: Run) -> None:
    go_silent(attempt)
    assert look(run).status == RunStatus.LOST
    assert run.attempts.count() == 1
    ingest(attempt, [])
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (RunStatus.RUNNING, "Its process was heard from again")


def test_silence_beyond_the_bound_ends_the_job_and_goes_on(cluster: FakeCluster, attempt: RunAttempt, run: Run) -> None:
    go_silent(attempt)
    look(run)
    age_status(run, reconciler.SILENCE_BORNE * 2)
    assert look(run).status == RunStatus.PREPARING
    assert cluster.stops == [attempt.ray_submission_id]


def test_with_the_cluster_away_a_silent_run_is_lost_but_not_given_up(
    cluster: FakeCluster, attempt: RunAttempt, run: Run
) -> None:
    go_silent(attempt)
    cluster.away = True
    look(run)
    age_status(run, timedelta(hours=5))
    assert look(run).status == RunStatus.LOST
    assert run.attempts.count() == 1


def test_a_stop_that_takes_too_long_is_forced(
    cluster: FakeCluster, attempt: RunAttempt, run: Run, runner: User
) -> None:
    request_stop(run=run, actor=runner)
    assert look(run).status == RunStatus.STOPPING
    age_status(run, reconciler.STOP_PATIENCE * 2)
    assert look(run).status == RunStatus.STOPPED
    assert cluster.stops


def test_a_forced_stop_ends_the_processes(cluster: FakeCluster, attempt: RunAttempt, run: Run, runner: User) -> None:
    force_stop(run=run, actor=runner)
    reconciler.force_stop(run.pk)
    run.refresh_from_db()
    assert (run.status, cluster.stops) == (RunStatus.STOPPED, [attempt.ray_submission_id])


def test_a_forced_stop_is_tried_again_when_the_cluster_was_away(
    cluster: FakeCluster, attempt: RunAttempt, run: Run, runner: User
) -> None:
    force_stop(run=run, actor=runner)
    cluster.away = True
    reconciler.force_stop(run.pk)
    run.refresh_from_db()
    assert run.status == RunStatus.STOPPING
    cluster.away = False
    assert look(run).status == RunStatus.STOPPED


def test_a_failed_preflight_fails_the_run_with_its_checks(cluster: FakeCluster, run: Run) -> None:
    scheduler.dispatch_runs()
    checks = [
        {"name": "model", "status": "fail", "message": "models/x is not there", "cure": "give a folder"},
        {"name": "disk", "status": "ok", "message": "plenty", "cure": ""},
    ]
    log = "Qt says something\n" + json.dumps({"ok": False, "checks": checks})
    cluster.ends(f"arpo-{run.pk}-1", "FAILED", 3, log=log)
    assert look(run).status == RunStatus.FAILED
    assert "model: models/x is not there (give a folder)" in run.status_reason
    assert "disk" not in run.status_reason
    assert RunEvent.objects.get(run=run, kind="PreflightFailed").data["checks"] == checks


def test_a_launch_that_was_interrupted_is_done_again(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "launch", lambda *_: None)  # the worker died between its commit and the submit
        scheduler.dispatch_runs()
    look(run)
    assert attempt_of_token(run.pk, token_of(cluster)) == run.attempts.get()


def test_a_launch_that_takes_long_is_not_locked_out_by_the_one_that_overtakes_it(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = launcher.submit_attempt

    def overtaken(*args: Any, **options: Any) -> None:
        monkeypatch.setattr(launcher, "submit_attempt", submit)
        reconciler.reconcile()  # the clock finds an attempt without a job and launches it as well
        cluster.jobs.clear()  # Ray had not heard of either when both asked; it takes the one that came first
        first_token = token_of(cluster)
        cluster.submitted.clear()
        submit(*args, **options)
        assert token_of(cluster) == first_token

    monkeypatch.setattr(launcher, "submit_attempt", overtaken)
    scheduler.dispatch_runs()
    assert attempt_of_token(run.pk, token_of(cluster)) == run.attempts.get()


def test_a_run_whose_wake_up_was_lost_is_dispatched_by_the_clock(cluster: FakeCluster, run: Run) -> None:
    assert look(run).status == RunStatus.PREPARING


def test_one_confusing_run_does_not_keep_the_others_from_care(
    cluster: FakeCluster, attempt: RunAttempt, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def confused(attempt: RunAttempt) -> None:
        seen.append(attempt.run_id)
        raise RuntimeError("confused")

    monkeypatch.setattr(reconciler, "_look_after", confused)
    look(run)
    assert seen == [run.pk]


def test_only_one_reconciler_works_at_a_time(
    cluster: FakeCluster, attempt: RunAttempt, run: Run, postgres: str, other_session: Callable[[str], None]
) -> None:
    other_session(f"SELECT pg_advisory_lock({reconciler.RECONCILE_LOCK})")
    go_silent(attempt)
    cluster.ends(attempt.ray_submission_id, "FAILED", -9)
    assert look(run).status == RunStatus.RUNNING


def test_the_folder_of_a_run_is_its_own(run: Run, tmp_path: Path) -> None:
    assert run_dir(run.pk) == tmp_path / "runs" / run.pk
