"""The folder of a run that is long in the archive: what goes, what must not, and a crash in the middle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.web.builders import EPOCH, make_run
from tests.web.storage.retained import rule, save, steps_left
from webapp.accounts.models import AuditEntry, User
from webapp.episodes.models import Episode
from webapp.runs.models import Checkpoint, Run, RunStatus
from webapp.runs.runfolder import run_dir
from webapp.storage.facts import plan_for, rules_of
from webapp.storage.models import RunPin
from webapp.storage.plan import Amount, Part
from webapp.storage.services import apply_rules, applying

pytestmark = pytest.mark.django_db


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
