"""What tests of deleting hold on to: a run that ended long ago, and what is left of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage
from django.utils import timezone

from tests.web.builders import EPOCH, frame_of, picture
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import frame_name
from webapp.runs.models import Checkpoint, Run, RunStatus
from webapp.runs.runfolder import run_dir
from webapp.storage.models import TeamRetention

SHOTS = [picture(colour) for colour in range(6)]
SCORED = picture(99)


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
