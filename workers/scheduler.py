"""Which queued run is next: by priority, then by who came first, as far as there is room. Says why the others wait."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from webapp.env import EnvError
from webapp.runs.models import ACTIVE_STATUSES, Run, RunAttempt, RunStatus
from webapp.runs.preflight import passed_lately
from webapp.runs.services import give_up_attempt, mark_submitted, start_attempt
from webapp.supervisor.setup_state import read_state
from workers import launcher
from workers.environment import runs_at_once

DISPATCH_LOCK: Final = 7_201
"""Key of the advisory lock that lets one dispatcher count at a time."""

STARTED_LATELY: Final = timedelta(days=1)
LEAVING: Final = timedelta(seconds=30)
"""How long a process may take to leave after its last word."""

log = logging.getLogger(__name__)


def dispatch_runs() -> list[str]:
    """Start as many queued runs as there is room for; the ids of those that were started."""
    waiting = launcher.reachable()
    if waiting:
        _say_why(_engine_reason(waiting))
        return []
    begun = _begin()
    for run, attempt, secret in begun:
        launch(run, attempt, secret)
    return [run.pk for run, _, _ in begun]


def launch(run: Run, attempt: RunAttempt, secret: str) -> None:
    """Submit an attempt's job. A cluster that is away is asked again by the reconciler while the start lease lasts."""
    try:
        _require_predecessor_gone(run, attempt)
        launcher.submit_attempt(run, attempt, secret, preflight=_needs_preflight(run, attempt))
    except launcher.ClusterAway as error:
        log.warning("a launch has to wait", extra={"run": run.pk, "attempt": attempt.number, "error": str(error)})
        Run.objects.filter(pk=run.pk, status=RunStatus.PREPARING).update(status_reason=f"Waiting: {error}")
    except (launcher.JobRefused, EnvError) as error:
        give_up_attempt(attempt, reason=str(error), retry=False)
    else:
        mark_submitted(attempt, host="")


def _needs_preflight(run: Run, attempt: RunAttempt) -> bool:
    """Whether it is news that this config can start here: checking costs the person who waits some seconds."""
    if attempt.number > 1 or passed_lately(run.config_hash):
        return False
    since = timezone.now() - STARTED_LATELY
    return not RunAttempt.objects.filter(run__config_hash=run.config_hash, started_at__gt=since).exists()


def _require_predecessor_gone(run: Run, attempt: RunAttempt) -> None:
    """Two processes must never write one run folder: the one before has to be gone, if need be by force."""
    before = run.attempts.filter(number__lt=attempt.number).order_by("-number").first()
    if before is None:
        return
    job = launcher.job_of(before.ray_submission_id)
    if job is None or job.has_ended:
        return
    if before.ended_at is None or timezone.now() - before.ended_at > LEAVING:
        launcher.stop(before.ray_submission_id)
    raise launcher.ClusterAway(f"the process of attempt {before.number} is still leaving")


@transaction.atomic
def _begin() -> list[tuple[Run, RunAttempt, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DISPATCH_LOCK])
    active = Run.objects.filter(status__in=[*ACTIVE_STATUSES, RunStatus.LOST]).count()
    room = max(0, runs_at_once() - active)
    queued = Run.objects.filter(status=RunStatus.QUEUED).order_by("-priority", "queued_at", "id")
    begun = []
    for run in queued.select_for_update(skip_locked=True, of=("self",))[:room]:
        attempt, secret = start_attempt(run, reason="Its process is being started")
        begun.append((run, attempt, secret))
    _explain_queue(active + len(begun))
    return begun


def _explain_queue(active: int) -> None:
    """Tell every run that still waits its place and what it waits for."""
    queued = Run.objects.filter(status=RunStatus.QUEUED).order_by("-priority", "queued_at", "id")
    limit = runs_at_once()
    for place, run in enumerate(queued.only("id", "status_reason"), start=1):
        runs = f"{active} run is" if active == 1 else f"{active} runs are"
        reason = f"Place {place} in the queue: {runs} under way and {limit} may be at once (ARPO_RUNS_AT_ONCE)"
        _set_reason(run, reason)


def _say_why(reason: str) -> None:
    for run in Run.objects.filter(status=RunStatus.QUEUED).only("id", "status_reason"):
        _set_reason(run, reason)


def _set_reason(run: Run, reason: str) -> None:
    if run.status_reason != reason:
        Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED).update(status_reason=reason)


def _engine_reason(waiting: str) -> str:
    state = read_state(settings.DATA_DIR)
    if state is not None and state.error:
        return f"The engine could not be set up: {state.error}"
    if state is not None and not state.done:
        return f"The engine is still being set up ({state.message}); this run starts by itself afterwards"
    return f"Waiting: {waiting}"
