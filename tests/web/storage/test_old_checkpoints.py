"""Checkpoints that are due: their folders, links that lead out, and a crash in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.builders import make_run
from tests.web.storage.retained import aged, rule, save, steps_left
from webapp.accounts.models import Team, User
from webapp.runs.models import Checkpoint, Run
from webapp.runs.runfolder import run_dir
from webapp.storage.services import apply_rules, applying

pytestmark = pytest.mark.django_db


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
