"""An import of a task set as a Ray job, looked at once a second: the folder lies where runs run, not where pages do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from django.utils import timezone
from pydantic import ValidationError

from arpo_engine.contract.osworld import OsworldReport
from webapp.benchmarks import services
from webapp.benchmarks.models import ImportState, TaskSetImport
from webapp.env import EnvError
from workers import launcher

LOOK_EVERY_S: Final = 1
GIVE_UP_AFTER: Final = timedelta(minutes=10)
"""A checkout may hold gigabytes of files to take over."""
WORDS_OF_LOG: Final = 3


def advance_import(number: str) -> bool:
    """Take an import one step further; True when it should be looked at again."""
    wanted = TaskSetImport.objects.filter(pk=number).first()
    if wanted is None or wanted.has_ended:
        return False
    submission_id = f"arpo-import-{wanted.pk}-{wanted.created_at:%Y%m%d%H%M%S}"
    try:
        if wanted.state == ImportState.WAITING:
            launcher.submit_import(submission_id, wanted.path, only_look=wanted.only_look)
            services.mark_reading(wanted)
            return True
        job = launcher.job_of(submission_id)
    except (launcher.ClusterAway, launcher.JobRefused, EnvError) as error:
        return _cannot(wanted, f"It cannot be imported now: {error}")
    if job is None:
        return _cannot(wanted, "The Ray cluster lost the import; ask for it again")
    if not job.has_ended:
        if timezone.now() - wanted.created_at > GIVE_UP_AFTER:
            launcher.stop(submission_id)
            slow = "The import took longer than ten minutes; try ./arpo import-osworld on that machine"
            return _cannot(wanted, f"The import {launcher.NO_PLACE}" if job.waits else slow)
        return True
    _conclude(wanted, launcher.log_of(submission_id))
    return False


def close_forgotten() -> None:
    """End the imports that nobody looks at any more, since a worker died with the word that the next look is due."""
    before = timezone.now() - GIVE_UP_AFTER - timedelta(minutes=1)
    for wanted in TaskSetImport.objects.filter(ended_at=None, created_at__lt=before):
        _cannot(wanted, "The console was started again meanwhile; ask for it again")


def report_in(log: str) -> OsworldReport | None:
    """The report that the engine printed, from the last line of the log that is one."""
    for line in reversed(log.splitlines()):
        if '"task_set_hash"' in line:
            try:
                return OsworldReport.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                continue
    return None


def _conclude(wanted: TaskSetImport, log: str) -> None:
    report = report_in(log)
    if report is not None:
        services.conclude(wanted, report.model_dump(mode="json"))
        return
    lines = [line for line in log.splitlines() if line.strip()]
    said = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
    _cannot(wanted, said or "The import ended without a result: " + " / ".join(lines[-WORDS_OF_LOG:]))


def _cannot(wanted: TaskSetImport, message: str) -> bool:
    services.give_up(wanted, message)
    return False
