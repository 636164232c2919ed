"""Deleting what is due, run by run. Each step looks again under the run's lock, so a run that goes on keeps everything.

A crash at any place leaves what the next pass finishes: a file goes before its row, a checkpoint is moved aside before
its row goes and deleted after it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from webapp.accounts.models import Team, User
from webapp.accounts.services import record
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import delete_files
from webapp.runs.models import ENDED_STATUSES, Checkpoint, Run
from webapp.runs.runfolder import run_dir
from webapp.storage.facts import (
    bulky_events,
    due_runs,
    facts_of,
    is_of_age,
    noted_steps,
    rules_of,
    stored_frames,
    thinnable_frames,
)
from webapp.storage.folders import (
    delete_whole,
    empty_aside,
    left_aside,
    real_folder,
    set_aside,
    set_whole_aside,
    whole_aside,
)
from webapp.storage.models import DELETED, RunPin
from webapp.storage.plan import CheckpointFacts, Part, Plan, Removal, Rules, plan_run

CHUNK: Final = 500

log = logging.getLogger(__name__)


def apply_rules(team: Team, actor: User | None = None) -> int:
    """Delete what is due by the team's rules; the bytes that were freed. Can be repeated at any time.

    A run whose files cannot be deleted is left for the next pass and does not stop the others.
    """
    now, rules, freed = timezone.now(), rules_of(team), 0
    _finish_folders()
    for run in due_runs(team, rules, now):
        try:
            _finish(run)
            freed += _tidy(run, rules, now, actor)
        except OSError as error:
            log.warning("storage could not be freed", extra={"run": run.pk, "error": str(error)})
    return freed


def _tidy(run: Run, rules: Rules, now: datetime, actor: User | None) -> int:
    plan = plan_run(facts_of(run, rules, now), rules)
    for due in plan.removals:
        if due.part is Part.EVENTS:
            _drop_events(run, rules, now)
        elif due.part is Part.CHECKPOINTS:
            for one in due.checkpoints:
                _drop_checkpoint(run, one, rules, now)
        elif due.part is Part.FOLDER:
            _drop_folder(run, rules, now)
        else:
            _drop_frames(run, due.part, rules, now)
        left = _still_due(run, rules, now, due.part)
        gone = due.amount.count - (left.amount.count if left else 0)
        size = due.amount.size - (left.amount.size if left else 0)
        if gone > 0:
            record(
                action=DELETED, subject=run, actor=actor, team=run.team, run=run.name, part=due.part.value,
                count=gone, size=size,
            )  # fmt: skip
    return plan.size


@transaction.atomic
def _drop_events(run: Run, rules: Rules, now: datetime) -> None:
    if _still_due(run, rules, now, Part.EVENTS, lock=True):
        bulky_events([run.pk]).delete()


def _drop_frames(run: Run, part: Part, rules: Rules, now: datetime) -> None:
    """Screenshots with their files, some at a time. Which ones is found out once: it takes a look at every step."""
    due = stored_frames([run.pk]) if part is Part.FRAMES else thinnable_frames([run.pk])
    ids = list(due.order_by("pk").values_list("pk", flat=True))
    for begin in range(0, len(ids), CHUNK):
        if not _drop_some_frames(run, part, rules, now, ids[begin : begin + CHUNK]):
            return


@transaction.atomic
def _drop_some_frames(run: Run, part: Part, rules: Rules, now: datetime, some: Sequence[int]) -> bool:
    """These, unless the run may not lose them any more; False when it may not."""
    row = _locked(run)
    days = rules.frame_days if part is Part.FRAMES else rules.thin_days
    if row is None or days is None or RunPin.objects.filter(run=row).exists() or not is_of_age(row, days, now):
        return False
    frames = stored_frames([run.pk]).filter(pk__in=some)
    if part is Part.THIN:  # somebody may have written a note meanwhile
        frames = frames.exclude(sha256__in=list(noted_steps(run).values_list("frame", flat=True)))
    going = list(frames)
    for frame in going:
        delete_files(run.pk, frame.sha256)
    Frame.objects.filter(pk__in=[frame.pk for frame in going]).delete()
    freed = sum(frame.size for frame in going)
    Run.objects.filter(pk=run.pk).update(frames_bytes=Greatest(F("frames_bytes") - freed, 0))
    return True


def _drop_checkpoint(run: Run, wanted: CheckpointFacts, rules: Rules, now: datetime) -> None:
    with transaction.atomic():
        # Whoever starts from this checkpoint holds its row meanwhile, and has a row of their own afterwards.
        list(Checkpoint.objects.select_for_update().filter(pk=wanted.pk))
        due = _still_due(run, rules, now, Part.CHECKPOINTS, lock=True)
        if due is None or wanted.pk not in {one.pk for one in due.checkpoints}:
            return
        set_aside(run_dir(run.pk), wanted.paths, wanted.pk)
        Checkpoint.objects.filter(pk=wanted.pk).delete()
    empty_aside(run_dir(run.pk))


def _drop_folder(run: Run, rules: Rules, now: datetime) -> None:
    with transaction.atomic():
        # As above: whoever starts from one of its checkpoints has its row locked, or a row of their own.
        list(Checkpoint.objects.select_for_update().filter(run=run).order_by("pk"))
        if _still_due(run, rules, now, Part.FOLDER, lock=True) is None:
            return
        set_whole_aside(run_dir(run.pk))
        Checkpoint.objects.filter(run=run).delete()
    delete_whole(run.pk)


def _finish_folders() -> None:
    """What a pass that was cut short had moved aside as a whole is deleted, with the rows of checkpoints in it.

    A run that went on meanwhile has a new folder, whose checkpoints stay.
    """
    for name in whole_aside():
        folder = run_dir(name)
        gone = [row.pk for row in Checkpoint.objects.filter(run_id=name) if real_folder(folder, row.path) is None]
        Checkpoint.objects.filter(pk__in=gone).delete()
        try:
            delete_whole(name)
        except OSError as error:
            log.warning("a run's folder could not be deleted", extra={"run": name, "error": str(error)})


def _finish(run: Run) -> None:
    """What a pass that was cut short had moved aside is deleted, with its rows."""
    folder = run_dir(run.pk)
    if numbers := left_aside(folder):
        Checkpoint.objects.filter(run=run, pk__in=numbers).delete()
        empty_aside(folder)


def _still_due(run: Run, rules: Rules, now: datetime, part: Part, *, lock: bool = False) -> Removal | None:
    """What of this part is due at this moment; None also for a run that goes on, was pinned or is gone."""
    row = _locked(run) if lock else _ended(Run.objects.all(), run)
    plan = plan_run(facts_of(row, rules, now), rules) if row else Plan()
    return next((one for one in plan.removals if one.part is part), None)


def _locked(run: Run) -> Run | None:
    """The run's row for as long as the transaction lasts; None for one that goes on or is gone."""
    return _ended(Run.objects.select_for_update(), run)


def _ended(rows: QuerySet[Run], run: Run) -> Run | None:
    return rows.filter(pk=run.pk, status__in=ENDED_STATUSES, finished_at__isnull=False, is_example=False).first()
