"""Removing a run as a whole: its screenshots, its folder, its rows. For what was only to last a while.

A crash at any place leaves the run's row, so that the next pass finishes it; files that are gone are not missed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction

from webapp.accounts.services import record
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import delete_files
from webapp.runs.models import ENDED_STATUSES, Run
from webapp.runs.runfolder import run_dir
from webapp.storage.models import RunPin

REMOVED: Final = "run.removed"


@transaction.atomic
def remove_run(run: Run, *, still_due: Callable[[Run], bool], why: str) -> bool:
    """Remove an ended run, if it is still due under its lock; False where it is not, or where somebody pinned it.

    Raises:
        OSError: its folder cannot be deleted; the run stays.
    """
    row = Run.objects.select_for_update().filter(pk=run.pk, status__in=ENDED_STATUSES, is_example=False).first()
    if row is None or RunPin.objects.filter(run=row).exists() or not still_due(row):
        return False
    for sha256 in Frame.objects.filter(run=row).values_list("sha256", flat=True):
        delete_files(row.pk, sha256)
    _delete_folder(run_dir(row.pk))
    record(action=REMOVED, subject=row, actor=None, team=row.team, run=row.name, why=why, size=row.frames_bytes)
    row.delete()
    return True


def _delete_folder(folder: Path) -> None:
    """A link in the folder's place is left alone, as is a folder that is not one of the console's runs."""
    if folder.is_symlink() or not folder.is_dir():
        return
    if folder.resolve().parent == Path(settings.RUNS_DIR).resolve():
        shutil.rmtree(folder)
