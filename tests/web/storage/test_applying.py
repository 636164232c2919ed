"""Deleting what is due: what goes, what must not, links that lead out, and a crash in the middle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.web.builders import EPOCH, envelopes, episode, frame_of, make_attempt, make_run, one_step, picture, started
from webapp.accounts.models import AuditEntry, Team, User
from webapp.api.ingest import ingest
from webapp.episodes.models import Episode, Frame, Step, StepNote
from webapp.episodes.services import store_frame
from webapp.episodes.services.frames import delete_files, frame_name
from webapp.metrics.models import Point
from webapp.runs.models import Checkpoint, Run, RunEvent, RunStatus
from webapp.runs.runfolder import run_dir
from webapp.storage.facts import facts_of, plan_for, rules_of
from webapp.storage.models import RunPin, TeamRetention
from webapp.storage.plan import Amount, Part, Rules
from webapp.storage.services import apply_rules, applying

pytestmark = pytest.mark.django_db

SHOTS = [picture(colour) for colour in range(6)]
SCORED = picture(99)


@pytest.fixture
def old(run: Run) -> Run:
    """A run that ended a hundred days ago: one episode of six steps, each with a screenshot of its own."""
    attempt, _ = make_attempt(run)
    begun, *steps, end = episode("e1", steps=6)
    steps = [step.model_copy(update={"frame": frame_of(shot)}) for step, shot in zip(steps, SHOTS, strict=True)]
    end = end.model_copy(update={"frame": frame_of(SCORED)})
    ingest(attempt, envelopes([started(), begun, *steps, end, *one_step(1)]))
    run.refresh_from_db()
    for shot in (*SHOTS, SCORED):
        store_frame(run, frame_of(shot).sha256, shot)
    return aged(run)


def aged(run: Run, days: int = 100) -> Run:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FINISHED, finished_at=timezone.now() - timedelta(days=days))
    run.refresh_from_db()
    return run


def rule(run: Run, **days: Any) -> None:
    TeamRetention.objects.update_or_create(team=run.team, defaults=days)


def shown(run: Run) -> list[int]:
    """Steps whose screenshot is kept, row and file; 6 is the desktop as scored."""
    kept = set(Frame.objects.filter(run=run).values_list("sha256", flat=True))
    there = [default_storage.exists(frame_name(run.pk, frame_of(shot).sha256)) for shot in (*SHOTS, SCORED)]
    rows = [frame_of(shot).sha256 in kept for shot in (*SHOTS, SCORED)]
    assert there == rows, "a file without its row, or a row without its file"
    return [place for place, is_there in enumerate(there) if is_there]


def save(run: Run, step: int, **changes: Any) -> Checkpoint:
    folder = run_dir(run.pk) / f"checkpoints/step-{step}"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"x" * 100)
    words: dict[str, Any] = {"attempt": 1, "step": step, "path": f"checkpoints/step-{step}", "size": 100}
    return Checkpoint.objects.create(run=run, saved_at=EPOCH, **(words | changes))


def steps_left(run: Run) -> list[int]:
    return list(Checkpoint.objects.filter(run=run).order_by("step").values_list("step", flat=True))


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


def test_old_checkpoints_go_with_their_folders(old: Run) -> None:
    for step in (1, 2, 3, 4):
        save(old, step, best=step == 2)
    rule(old, checkpoint_days=10, keep_last=1)
    assert apply_rules(old.team) == 200
    assert steps_left(old) == [2, 4]
    assert sorted(path.name for path in (run_dir(old.pk) / "checkpoints").iterdir()) == ["step-2", "step-4"]
    assert not (run_dir(old.pk) / ".discarded").exists()


def test_a_checkpoint_that_a_live_run_starts_from_stays_until_it_ended(old: Run, runner: User, team: Team) -> None:
    first = save(old, 1)
    save(old, 2)
    child = make_run(runner, team)
    Run.objects.filter(pk=child.pk).update(from_checkpoint=first)
    rule(old, checkpoint_days=10)
    apply_rules(old.team)
    assert steps_left(old) == [1, 2]
    aged(child, days=1)
    apply_rules(old.team)
    assert steps_left(old) == [2]


def outside(tmp_path: Path) -> Path:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    return elsewhere


@pytest.mark.parametrize("path", ["link", "link/..", "checkpoints/link", "../../elsewhere", "/etc", "", ".", "a\x01b"])
def test_what_lies_outside_the_run_folder_is_never_touched(old: Run, tmp_path: Path, path: str) -> None:
    elsewhere = outside(tmp_path)
    save(old, 2)
    for link in ("link", "checkpoints/link"):
        (run_dir(old.pk) / link).symlink_to(elsewhere)
    Checkpoint.objects.create(run=old, attempt=1, step=1, path=path, size=5)
    rule(old, checkpoint_days=10)
    apply_rules(old.team)
    assert (elsewhere / "precious").exists() and steps_left(old) == [1, 2]
    assert (run_dir(old.pk) / "checkpoints/step-2/weights").exists()


def test_a_link_inside_a_checkpoint_goes_and_what_it_points_at_stays(old: Run, tmp_path: Path) -> None:
    elsewhere = outside(tmp_path)
    save(old, 1)
    save(old, 2)
    (run_dir(old.pk) / "checkpoints/step-1/link").symlink_to(elsewhere)
    rule(old, checkpoint_days=10)
    apply_rules(old.team)
    assert steps_left(old) == [2] and (elsewhere / "precious").exists()


def test_a_run_folder_that_is_itself_a_link_is_left_alone(old: Run, tmp_path: Path) -> None:
    save(old, 1)
    save(old, 2)
    moved = tmp_path / "moved"
    run_dir(old.pk).rename(moved)
    run_dir(old.pk).symlink_to(moved)
    rule(old, checkpoint_days=10)
    apply_rules(old.team)
    assert steps_left(old) == [1, 2] and (moved / "checkpoints/step-1").exists()


def test_a_crash_between_the_rename_and_the_deletion_is_finished_by_the_next_pass(
    old: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(old, 1)
    save(old, 2)
    rule(old, checkpoint_days=10)

    def crash(folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(applying, "empty_aside", crash)
        with pytest.raises(KeyboardInterrupt):
            apply_rules(old.team)
    assert (run_dir(old.pk) / ".discarded").exists()
    apply_rules(old.team)
    assert not (run_dir(old.pk) / ".discarded").exists() and steps_left(old) == [2]


def test_a_row_whose_folder_was_moved_aside_before_the_crash_goes_too(old: Run) -> None:
    first = save(old, 1)
    save(old, 2)
    rule(old, checkpoint_days=10)
    aside = run_dir(old.pk) / ".discarded" / str(first.pk)
    aside.mkdir(parents=True)
    (run_dir(old.pk) / first.path).rename(aside / "0")
    apply_rules(old.team)
    assert steps_left(old) == [2] and not aside.exists()


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


def in_archive(run: Run, days: int = 40) -> Run:
    Run.objects.filter(pk=run.pk).update(archived_at=timezone.now() - timedelta(days=days))
    run.refresh_from_db()
    return run


def test_the_folder_of_a_run_that_is_long_in_the_archive_goes_and_its_history_stays(old: Run, tmp_path: Path) -> None:
    save(in_archive(old), 1, best=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"x")
    (run_dir(old.pk) / "link").symlink_to(outside)
    (run_dir(old.pk) / "events.jsonl").write_bytes(b"y" * 50)
    rule(old, folder_days=30)
    plan = plan_for(old.team, rules_of(old.team), timezone.now())
    (due,) = [one for one in plan.removals if one.part is Part.FOLDER]
    assert due.amount == Amount(2, 150), "the spool and the weights; what a link leads to is not counted"
    assert run_dir(old.pk).is_dir(), "by looking nothing goes"
    assert apply_rules(old.team) == plan.size
    assert not run_dir(old.pk).exists() and steps_left(old) == [] and (outside / "kept").exists()
    assert not list((run_dir(old.pk).parent / ".discarded").iterdir())
    assert Episode.objects.filter(run=old).exists() and Run.objects.filter(pk=old.pk).exists()
    entry = AuditEntry.objects.get(action="storage.deleted", data__part="files of the archived run's folder")
    assert (entry.data["count"], entry.data["size"]) == (2, 150)
    assert apply_rules(old.team) == 0


@pytest.mark.parametrize("state", ["shown", "young", "pinned", "example", "paused"])
def test_no_other_folder_goes(old: Run, state: str) -> None:
    save(in_archive(old), 1)
    rule(old, folder_days=30)
    if state == "pinned":
        RunPin.objects.create(run=old)
    changes: dict[str, Any] = {
        "shown": {"archived_at": None}, "young": {"archived_at": timezone.now()}, "example": {"is_example": True},
        "paused": {"status": RunStatus.PAUSED}, "pinned": {},
    }[state]  # fmt: skip
    Run.objects.filter(pk=old.pk).update(**{"is_example": False, **changes})
    apply_rules(old.team)
    assert run_dir(old.pk).is_dir() and steps_left(old) == [1]


def test_a_folder_whose_weights_a_waiting_run_begins_with_stays(old: Run, runner: User) -> None:
    saved = save(in_archive(old), 1)
    rule(old, folder_days=30)
    other = make_run(runner, old.team)
    Run.objects.filter(pk=other.pk).update(from_checkpoint=saved)
    apply_rules(old.team)
    assert run_dir(old.pk).is_dir()
    config = {**other.config, "model": {**other.config["model"], "path": f"{run_dir(old.pk)}/exports/1"}}
    Run.objects.filter(pk=other.pk).update(from_checkpoint=None, config=config)
    apply_rules(old.team)
    assert run_dir(old.pk).is_dir(), "a clone may name the weights by their path alone"
    Run.objects.filter(pk=other.pk).update(status=RunStatus.STOPPED)
    apply_rules(old.team)
    assert not run_dir(old.pk).exists()


def test_a_folder_that_is_a_link_is_left_alone(old: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "weights").write_bytes(b"x")
    run_dir(old.pk).parent.mkdir(exist_ok=True)
    run_dir(in_archive(old).pk).symlink_to(elsewhere)
    rule(old, folder_days=30)
    apply_rules(old.team)
    assert (elsewhere / "weights").exists() and run_dir(old.pk).is_symlink()


def test_a_crash_after_the_folder_was_moved_is_finished_by_the_next_pass(
    old: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(in_archive(old), 1)
    rule(old, folder_days=30)
    with monkeypatch.context() as patch:
        patch.setattr(applying, "delete_whole", broken)
        apply_rules(old.team)
    Checkpoint.objects.create(run=old, attempt=1, step=9, path="checkpoints/step-9", saved_at=EPOCH)
    apply_rules(old.team)
    assert steps_left(old) == [] and not list((run_dir(old.pk).parent / ".discarded").iterdir())


def broken(name: str) -> None:
    raise OSError(5, "the disk is gone")
