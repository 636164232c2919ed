"""Starts queued runs as far as there is room and quotas allow, by the rules of the queue; says why the others wait."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from webapp.env import EnvError
from webapp.runs.models import Run, RunAttempt, RunStatus
from webapp.runs.preflight import passed_lately
from webapp.runs.queueing import state
from webapp.runs.queueing.rules import decide
from webapp.runs.services import give_up_attempt, mark_submitted, start_attempt
from webapp.supervisor.setup_state import read_state
from workers import launcher
from workers.environment import engine_resources

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
        mark_submitted(attempt, host="", gpus=int(engine_resources().get("GPU", 0)))


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
    state.lock_queue()
    queued = list(state.in_order().select_for_update(skip_locked=True, of=("self",)))
    verdicts = decide(state.as_waiting(queued), state.books_of(state.holding(), timezone.now()))
    begun = []
    for run, verdict in zip(queued, verdicts, strict=True):
        if verdict.starts:
            attempt, secret = start_attempt(run, reason="Its process is being started")
            begun.append((run, attempt, secret))
    state.tell_reasons(queued, verdicts)
    return begun


def _say_why(reason: str) -> None:
    Run.objects.filter(status=RunStatus.QUEUED).exclude(status_reason=reason).update(status_reason=reason)


def _engine_reason(waiting: str) -> str:
    state = read_state(settings.DATA_DIR)
    if state is not None and state.error:
        return f"The engine could not be set up: {state.error}"
    if state is not None and not state.done:
        return f"The engine is still being set up ({state.message}); this run starts by itself afterwards"
    return f"Waiting: {waiting}"
