"""Which run starts, which waits, and what each is told."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from arpo_engine.contract.config import RunConfig
from tests.web.builders import make_attempt, make_run, make_team
from tests.workers.cluster import FakeCluster
from webapp.accounts.models import Team, User
from webapp.celery import app
from webapp.runs.models import Run, RunStatus
from webapp.runs.planning_models import TeamQuota
from webapp.runs.services import create_run, give_up_attempt, request_stop
from webapp.runs.services.queueing import pause_queue, release_queue
from webapp.runs.services.schedules import create_schedule
from webapp.supervisor.setup_state import SetupState, write_state
from workers import launcher, scheduler, tasks

pytestmark = pytest.mark.django_db


def test_a_queued_run_becomes_a_job_of_its_own(cluster: FakeCluster, run: Run) -> None:
    assert scheduler.dispatch_runs() == [run.pk]
    job = cluster.submitted[0]
    assert job["submission_id"] == f"arpo-{run.pk}-1"
    command = job["entrypoint"]
    assert f"train --config {settings.RUNS_DIR}/{run.pk}/config.json" in command
    assert f"--attempt 1 --run-id {run.pk} --report-to http://console:8000" in command
    assert json.loads(job["runtime_env"]["env_vars"]["ARPO_RUN_CONFIG"]) == run.config
    run.refresh_from_db()
    assert run.status == RunStatus.PREPARING


def test_a_config_of_an_earlier_release_is_left_to_the_engine_to_judge(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_a-good-token")
    Run.objects.filter(pk=run.pk).update(config={**run.config, "a_field_that_was": 1})
    scheduler.dispatch_runs()
    (job,) = cluster.submitted
    assert job["runtime_env"]["env_vars"]["ARPO_PROMISED_SECRETS"] == ""


def test_resources_that_cannot_be_read_end_the_launch_with_the_cure(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_ENGINE_RESOURCES", "8 GPUs")
    scheduler.dispatch_runs()
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED and "give a JSON object" in run.status_reason


def test_the_token_is_in_the_jobs_environment_and_not_in_its_command(cluster: FakeCluster, run: Run) -> None:
    scheduler.dispatch_runs()
    secret = cluster.submitted[0]["runtime_env"]["env_vars"]["ARPO_ATTEMPT_TOKEN"]
    assert secret not in cluster.submitted[0]["entrypoint"]
    assert secret not in str(run.attempts.values_list("token_hash", flat=True))


def test_dispatching_twice_starts_one_job(cluster: FakeCluster, run: Run) -> None:
    scheduler.dispatch_runs()
    assert scheduler.dispatch_runs() == []
    assert len(cluster.submitted) == 1


def test_a_task_delivered_twice_submits_once(cluster: FakeCluster, run: Run) -> None:
    attempt, secret = make_attempt(run)
    for _ in range(2):
        launcher.submit_attempt(run, attempt, secret, preflight=False)
    assert len(cluster.submitted) == 1


def test_the_second_run_waits_and_is_told_why(cluster: FakeCluster, runner: User, team: Team, run: Run) -> None:
    second = make_run(runner, team)
    scheduler.dispatch_runs()
    second.refresh_from_db()
    assert second.status == RunStatus.QUEUED
    assert second.status_reason.startswith("Place 1 in the queue: 1 run is under way and 1 may be at once")


def test_priority_goes_before_age(cluster: FakeCluster, runner: User, team: Team, run: Run) -> None:
    urgent = make_run(runner, team, priority=5)
    assert scheduler.dispatch_runs() == [urgent.pk]
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_without_a_cluster_runs_wait_and_none_is_lost(cluster: FakeCluster, run: Run) -> None:
    cluster.away = True
    assert scheduler.dispatch_runs() == []
    run.refresh_from_db()
    assert (run.status, run.attempts.count()) == (RunStatus.QUEUED, 0)
    assert "does not answer" in run.status_reason


def test_while_the_engine_installs_the_reason_says_so(
    cluster: FakeCluster, run: Run, settings: pytest.FixtureRequest, tmp_path: object
) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    write_state(tmp_path, SetupState(phase="torch", percent=40, message="installing torch"))  # type: ignore[arg-type]
    cluster.away = True
    scheduler.dispatch_runs()
    run.refresh_from_db()
    assert "still being set up (installing torch)" in run.status_reason


def test_a_new_config_is_checked_first_and_a_known_one_is_not(
    cluster: FakeCluster, runner: User, team: Team, run: Run
) -> None:
    scheduler.dispatch_runs()
    assert "preflight" in cluster.submitted[0]["entrypoint"]
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FINISHED)
    run.attempts.update(started_at=run.created_at)
    make_run(runner, team)
    scheduler.dispatch_runs()
    assert "preflight" not in cluster.submitted[1]["entrypoint"]


def test_words_of_a_config_never_reach_the_shell(cluster: FakeCluster, runner: User, team: Team) -> None:
    title = "'; touch /tmp/broken; echo '"
    create_run(owner=runner, team=team, config=RunConfig(title=title))
    scheduler.dispatch_runs()
    command = cluster.submitted[0]["entrypoint"]
    assert "broken" not in command
    assert shlex.split(command)


def test_an_evaluation_runs_the_evaluate_command(cluster: FakeCluster, runner: User, team: Team) -> None:
    create_run(owner=runner, team=team, config=RunConfig(kind="evaluate"))
    scheduler.dispatch_runs()
    assert "arpo_engine evaluate" in cluster.submitted[0]["entrypoint"]


def test_a_cluster_that_refuses_fails_the_run_with_its_words(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise launcher.JobRefused("the Ray cluster refuses the token")

    monkeypatch.setattr(launcher, "submit_attempt", refuse)
    scheduler.dispatch_runs()
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (RunStatus.FAILED, "the Ray cluster refuses the token")


def test_the_next_attempt_waits_until_the_process_before_has_left(cluster: FakeCluster, run: Run, runner: User) -> None:
    scheduler.dispatch_runs()
    first = run.attempts.get()
    first.state, first.ended_at = "ended", run.created_at
    first.save()
    Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    cluster.obeys_stop = False
    scheduler.dispatch_runs()
    run.refresh_from_db()
    assert "attempt 1 is still leaving" in run.status_reason
    assert len(cluster.submitted) == 1


def test_a_run_that_was_stopped_while_it_waited_never_starts(cluster: FakeCluster, run: Run, runner: User) -> None:
    request_stop(run=run, actor=runner)
    assert scheduler.dispatch_runs() == []


def test_a_team_at_its_quota_waits_and_lets_others_pass(
    cluster: FakeCluster, runner: User, team: Team, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_RUNS_AT_ONCE", "5")
    TeamQuota.objects.create(team=team, concurrent_runs=1)
    second = make_run(runner, team)
    blues, ann = make_team("Blues")
    foreign = make_run(ann, blues)
    assert scheduler.dispatch_runs() == [run.pk, foreign.pk]
    second.refresh_from_db()
    assert second.status_reason == "Place 1 in the queue: quota: 1 of 1 run of the team"


def test_a_run_waits_for_the_desktops_that_others_hold(
    cluster: FakeCluster, runner: User, team: Team, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_RUNS_AT_ONCE", "5")
    monkeypatch.setenv("ARPO_DESKTOPS_AT_ONCE", "57")
    config = RunConfig.model_validate({"title": "Large", "desktops": {"count": 16}})
    large = create_run(owner=runner, team=team, config=config)
    small = create_run(owner=runner, team=team, config=config.model_copy(update={"title": "Behind"}))
    assert scheduler.dispatch_runs() == [run.pk]
    large.refresh_from_db()
    small.refresh_from_db()
    assert large.status_reason == "Place 1 in the queue: needs 16 desktops, 9 free"
    assert small.status_reason == "Place 2 in the queue: behind Large, which waits for 16 desktops"


def test_a_paused_queue_starts_nothing_until_it_is_released(
    cluster: FakeCluster, admin: User, team: Team, run: Run
) -> None:
    pause_queue(team=team, actor=admin, reason="driver upgrade")
    assert scheduler.dispatch_runs() == []
    run.refresh_from_db()
    assert "paused by" in run.status_reason and "driver upgrade" in run.status_reason
    release_queue(team=team, actor=admin)
    assert scheduler.dispatch_runs() == [run.pk]


def test_gpus_that_the_cluster_reserves_are_counted_from_the_start(
    cluster: FakeCluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_ENGINE_RESOURCES", '{"GPU": 4}')
    scheduler.dispatch_runs()
    assert run.attempts.get().gpus == 4


def test_a_run_is_started_again_as_often_as_its_tries_allow(cluster: FakeCluster, runner: User, team: Team) -> None:
    once = create_run(owner=runner, team=team, config=RunConfig(title="Once"), tries=1)
    scheduler.dispatch_runs()
    give_up_attempt(once.attempts.get(), reason="the machine went away", retry=True)
    once.refresh_from_db()
    assert once.status == RunStatus.FAILED
    assert "Given up after 1 attempt" in once.status_reason and "the machine went away" in once.status_reason


def test_schedules_are_started_by_the_clock(cluster: FakeCluster, runner: User, team: Team) -> None:
    assert app.conf.beat_schedule["start-due"]["task"] == "arpo.start_due"
    tree = RunConfig(title="Nightly").model_dump(mode="json")
    past = timezone.now() - timedelta(seconds=5)
    create_schedule(owner=runner, team=team, name="Nightly", tree=tree, next_at=past)
    tasks.start_due()
    assert Run.objects.get(name="Nightly").status == RunStatus.QUEUED
