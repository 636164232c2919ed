"""The life of a run: which status may follow which, and the one function that changes it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils import timezone

from webapp.accounts.models import User
from webapp.accounts.services import record
from webapp.runs.errors import TransitionRefused
from webapp.runs.journal import append_console_event
from webapp.runs.models import ENDED_STATUSES, Run, RunStatus

TRANSITIONS: Final[dict[RunStatus, frozenset[RunStatus]]] = {
    RunStatus.QUEUED: frozenset({RunStatus.PREPARING, RunStatus.STOPPED, RunStatus.FAILED}),
    RunStatus.PREPARING: frozenset(
        {
            RunStatus.RUNNING,
            RunStatus.STOPPING,
            RunStatus.PAUSED,
            RunStatus.FINISHED,
            RunStatus.STOPPED,
            RunStatus.FAILED,
            RunStatus.LOST,
            RunStatus.QUEUED,
        }
    ),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.STOPPING,
            RunStatus.PAUSED,
            RunStatus.FINISHED,
            RunStatus.STOPPED,
            RunStatus.FAILED,
            RunStatus.LOST,
        }
    ),
    RunStatus.STOPPING: frozenset(
        {RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.LOST}
    ),
    RunStatus.PAUSED: frozenset(
        {RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.STOPPING, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.LOST}
    ),
    # A lost run may be heard from again, and its last events may still arrive and tell how it really ended.
    RunStatus.LOST: frozenset(
        {
            RunStatus.QUEUED,
            RunStatus.RUNNING,
            RunStatus.STOPPING,
            RunStatus.FINISHED,
            RunStatus.STOPPED,
            RunStatus.FAILED,
            RunStatus.PAUSED,
        }
    ),
    RunStatus.STOPPED: frozenset({RunStatus.QUEUED}),
    RunStatus.FAILED: frozenset({RunStatus.QUEUED, RunStatus.FINISHED, RunStatus.STOPPED}),
    RunStatus.FINISHED: frozenset(),
}


def may_become(run: Run, status: RunStatus) -> bool:
    """Whether the run may go from its status to this one."""
    return status in TRANSITIONS[RunStatus(run.status)]


def set_status(
    run: Run,
    status: RunStatus,
    reason: str,
    *,
    actor: User | None = None,
    ip: str | None = None,
    at: datetime | None = None,
) -> None:
    """Change the status, say why, and write it on the timeline (and in the audit log when a person did it).

    The run's row must be locked by the caller; the row is saved here.

    Raises:
        TransitionRefused: this status cannot follow the present one.
    """
    old = RunStatus(run.status)
    if not may_become(run, status):
        raise TransitionRefused(
            f"Run {run.name} is {old.value} and cannot become {status.value}; "
            f"from here it may become {_listed(TRANSITIONS[old])}."
        )
    now = at or timezone.now()
    run.status, run.status_reason, run.status_at = status.value, reason, now
    if status in (RunStatus.PREPARING, RunStatus.RUNNING) and run.started_at is None:
        run.started_at = now
    run.finished_at = now if status in ENDED_STATUSES else None
    if status is RunStatus.QUEUED:
        run.queued_at = run.place_at = now
    if status in ENDED_STATUSES:
        run.phase, run.phase_detail, run.eta_s = "", "", None
    run.save()
    who = str(actor) if actor else ""
    append_console_event(
        run, "StatusChanged", {"status": status.value, "was": old.value, "reason": reason, "by": who}, at=now
    )
    if actor is not None:
        record(action=f"run.{status.value}", subject=run, actor=actor, team=run.team, ip=ip, was=old.value)


def _listed(statuses: frozenset[RunStatus]) -> str:
    return ", ".join(sorted(status.value for status in statuses)) or "nothing else"
