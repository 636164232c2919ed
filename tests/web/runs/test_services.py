"""A run's life as people steer it: who may, what happens next, and what is refused."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config import RunConfig
from tests.web.builders import make_attempt, make_person, make_run
from webapp.accounts.models import AuditEntry, Membership, Role, Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.runs import queue
from webapp.runs.errors import RunRefused, TransitionRefused
from webapp.runs.models import Checkpoint, Run, RunEvent, RunStatus
from webapp.runs.queueing import state
from webapp.runs.services import (
    TRANSITIONS,
    archive_run,
    clone_run,
    create_run,
    end_attempt,
    evaluate_checkpoint,
    force_stop,
    pause_run,
    rename_run,
    request_stop,
    resume_run,
    set_priority,
    set_status,
    tag_run,
    undo_stop,
)

pytestmark = pytest.mark.django_db


def running(run: Run) -> Run:
    """The run with a process that works on it."""
    make_attempt(run)
    set_status(run, RunStatus.RUNNING, "Started")
    return run


def ended(run: Run, status: RunStatus = RunStatus.FINISHED) -> Run:
    running(run)
    for attempt in run.attempts.all():
        end_attempt(attempt, state=attempt.State.ENDED, reason="Done")
    set_status(run, status, "Done")
    return run


def test_a_new_run_is_queued_audited_and_on_its_timeline(run: Run, runner: User) -> None:
    assert (run.status, run.last_cursor, len(run.id)) == (RunStatus.QUEUED, 1, 12)
    assert RunEvent.objects.get(run=run).data["status"] == "queued"
    assert AuditEntry.objects.get(action="run.created").actor == runner


def test_the_workers_are_woken_after_the_commit_and_not_before(
    runner: User, team: Team, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", lambda task, ids: sent.append(task))
    monkeypatch.setattr("webapp.runs.live.announce", lambda *_: None)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        make_run(runner, team)
        assert sent == []
    assert sent == [queue.DISPATCH_RUNS]


def test_a_viewer_cannot_start_a_run_and_is_told_what_is_missing(viewer: User, team: Team) -> None:
    with pytest.raises(PermissionRefused, match=r"you need the role runner or higher; you are a viewer of Reds"):
        make_run(viewer, team)


def test_a_stranger_cannot_start_a_run_in_the_team(stranger: User, team: Team) -> None:
    with pytest.raises(PermissionRefused, match="not a member of Reds"):
        make_run(stranger, team)


def test_weights_are_sent_to_a_hub_at_the_word_of_a_maintainer_only(runner: User, team: Team) -> None:
    """The token is the machine's, not the person's."""
    config = RunConfig.model_validate({"checkpoint": {"push_to": "lab/agent"}})
    with pytest.raises(PermissionRefused, match=r"checkpoint\.push_to\) you need the role maintainer or higher"):
        create_run(owner=runner, team=team, config=config)


@pytest.mark.parametrize("status", list(RunStatus))
def test_only_the_listed_changes_of_status_are_possible(run: Run, status: RunStatus) -> None:
    for target in RunStatus:
        run.status = status.value
        if target in TRANSITIONS[status]:
            set_status(run, target, "Because")
        else:
            with pytest.raises(TransitionRefused, match=rf"is {status.value} and cannot become {target.value}"):
                set_status(run, target, "Because")


def test_a_graceful_stop_leaves_the_work_to_the_engine(run: Run, runner: User) -> None:
    message = request_stop(run=running(run), actor=runner)
    run.refresh_from_db()
    assert (run.status, run.directive) == (RunStatus.STOPPING, "stop_gracefully")
    assert "saves a checkpoint" in message


def test_a_second_stop_is_harmless_and_says_so(run: Run, runner: User) -> None:
    request_stop(run=running(run), actor=runner)
    events = RunEvent.objects.filter(run=run).count()
    assert "asked for already" in request_stop(run=run, actor=runner)
    assert RunEvent.objects.filter(run=run).count() == events


def test_a_stop_can_be_taken_back(run: Run, runner: User) -> None:
    request_stop(run=running(run), actor=runner)
    undo_stop(run=run, actor=runner)
    run.refresh_from_db()
    assert (run.status, run.directive) == (RunStatus.RUNNING, "run")


def test_a_stop_that_was_forced_cannot_be_taken_back(run: Run, runner: User) -> None:
    force_stop(run=running(run), actor=runner)
    with pytest.raises(RunRefused, match="can be taken back only"):
        undo_stop(run=run, actor=runner)


def test_a_queued_run_stops_at_once(run: Run, runner: User) -> None:
    request_stop(run=run, actor=runner)
    run.refresh_from_db()
    assert (run.status, run.directive) == (RunStatus.STOPPED, "run")


def test_stopping_what_has_ended_says_so(run: Run, runner: User) -> None:
    assert "nothing to stop" in request_stop(run=ended(run), actor=runner)
    assert "nothing to stop" in force_stop(run=run, actor=runner)


def test_a_runner_stops_their_own_runs_only(run: Run, team: Team) -> None:
    colleague = make_person("rob", team, Role.RUNNER)
    with pytest.raises(PermissionRefused, match="maintainer"):
        request_stop(run=running(run), actor=colleague)
    Membership.objects.filter(user=colleague).update(role=Role.MAINTAINER)
    request_stop(run=run, actor=colleague)


def test_an_example_is_nobodys_to_change(run: Run, runner: User) -> None:
    Run.objects.filter(pk=run.pk).update(is_example=True)
    for change in (request_stop, force_stop, pause_run, resume_run, archive_run):
        with pytest.raises(RunRefused, match="recorded example"):
            change(run=run, actor=runner)


def test_a_pause_is_a_wish_until_the_engine_has_paused(run: Run, runner: User) -> None:
    pause_run(run=running(run), actor=runner)
    run.refresh_from_db()
    assert (run.status, run.directive) == (RunStatus.RUNNING, "pause")
    assert "about to be" in pause_run(run=run, actor=runner)


def test_a_waiting_run_cannot_be_paused(run: Run, runner: User) -> None:
    with pytest.raises(RunRefused, match="only one that is running"):
        pause_run(run=run, actor=runner)


def test_a_pause_can_be_taken_back_while_the_process_lives(run: Run, runner: User) -> None:
    pause_run(run=running(run), actor=runner)
    resume_run(run=run, actor=runner)
    run.refresh_from_db()
    assert (run.status, run.directive) == (RunStatus.RUNNING, "run")


def test_a_paused_run_is_queued_again_and_says_from_where(run: Run, runner: User) -> None:
    ended(run, RunStatus.PAUSED)
    Checkpoint.objects.create(run=run, attempt=1, step=7, path="checkpoints/7")
    assert "from the checkpoint of step 7" in resume_run(run=run, actor=runner)
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_resuming_grants_as_many_tries_again_as_the_run_had(runner: User, team: Team) -> None:
    run = create_run(owner=runner, team=team, config=RunConfig(title="Twice"), tries=2)
    stopped = ended(run, RunStatus.STOPPED)
    resume_run(run=stopped, actor=runner)
    assert Run.objects.get(pk=run.pk).max_attempts == 1 + 2


def test_a_run_that_is_queued_again_goes_to_the_end_of_its_priority(runner: User, team: Team, run: Run) -> None:
    stopped = ended(run, RunStatus.STOPPED)
    other = make_run(runner, team)
    resume_run(run=stopped, actor=runner)
    assert [one.pk for one in state.in_order()] == [other.pk, run.pk]


def test_a_finished_run_cannot_be_resumed(run: Run, runner: User) -> None:
    with pytest.raises(RunRefused, match="clone it with more steps"):
        resume_run(run=ended(run), actor=runner)


def test_resuming_what_runs_says_so(run: Run, runner: User) -> None:
    assert "already" in resume_run(run=running(run), actor=runner)


def test_a_clone_remembers_where_it_came_from(run: Run, runner: User, team: Team) -> None:
    clone = clone_run(source=run, owner=runner, team=team)
    assert (clone.parent, clone.config, clone.config_hash) == (run, run.config, run.config_hash)


def test_another_teams_run_cannot_be_cloned(run: Run, stranger: User) -> None:
    with pytest.raises(RunRefused, match="no run"):
        clone_run(source=run, owner=stranger, team=stranger.teams.get())


def test_a_checkpoint_is_evaluated_as_a_run_of_its_own(run: Run, runner: User, team: Team) -> None:
    checkpoint = Checkpoint.objects.create(run=run, attempt=1, step=5, path="c/5", export_path="c/5/policy")
    measured = evaluate_checkpoint(checkpoint=checkpoint, owner=runner, team=team)
    assert (measured.kind, measured.parent) == ("evaluate", run)
    assert measured.config["model"]["path"].endswith(f"{run.pk}/c/5/policy")
    assert RunConfig.model_validate(measured.config).kind == "evaluate"


def test_a_checkpoint_without_weights_cannot_be_evaluated(run: Run, runner: User, team: Team) -> None:
    checkpoint = Checkpoint.objects.create(run=run, attempt=1, step=5, path="c/5")
    with pytest.raises(RunRefused, match="no exported weights"):
        evaluate_checkpoint(checkpoint=checkpoint, owner=runner, team=team)


def test_only_an_ended_run_is_archived(run: Run, runner: User) -> None:
    with pytest.raises(RunRefused, match="stop it before"):
        archive_run(run=run, actor=runner)
    archive_run(run=ended(run), actor=runner)
    run.refresh_from_db()
    assert run.archived_at is not None


def test_names_and_tags_are_tidied_and_bounded(run: Run, runner: User) -> None:
    rename_run(run=run, actor=runner, name="  A   better name ")
    tag_run(run=run, actor=runner, tags=["seed 1", " seed  1", "", "ablation"])
    run.refresh_from_db()
    assert (run.name, run.tags) == ("A better name", ["seed 1", "ablation"])
    with pytest.raises(RunRefused, match="1 to 120"):
        rename_run(run=run, actor=runner, name="x" * 121)
    with pytest.raises(RunRefused, match="40 or fewer"):
        tag_run(run=run, actor=runner, tags=["x" * 41])


def test_the_order_of_the_queue_is_a_maintainers_business(run: Run, runner: User, admin: User) -> None:
    with pytest.raises(PermissionRefused):
        set_priority(run=run, actor=runner, priority=9)
    set_priority(run=run, actor=admin, priority=9)
    with pytest.raises(RunRefused, match="-100 to 100"):
        set_priority(run=run, actor=admin, priority=999)


def test_a_long_config_title_is_cut_to_fit(runner: User, team: Team) -> None:
    run = create_run(owner=runner, team=team, config=RunConfig(), name="n" * 500)
    assert len(run.name) == 120
