"""The processes behind a run: begun by the dispatcher, kept alive by heartbeats, judged by the reconciler."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from arpo_engine.contract.outcomes import Directive
from webapp.accounts.secrets import derived_secret, digest_of
from webapp.counted import counted
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run, RunAttempt, RunStatus
from webapp.runs.queue import DISPATCH_RUNS, enqueue
from webapp.runs.services.status import set_status

START_LEASE: Final = timedelta(minutes=5)
"""How long a process may take from its launch to its first word (imports of torch on a busy machine are slow)."""
HEARTBEAT_LEASE: Final = timedelta(seconds=90)
"""How long a process that spoke once may be silent. It speaks every few seconds, but a busy machine makes it late."""


def start_attempt(run: Run, *, reason: str) -> tuple[RunAttempt, str]:
    """The next attempt of a run (its row locked by the caller) and the secret with which its events come in."""
    number = run.attempts.count() + 1
    secret = secret_of_attempt(run.pk, number)
    now = timezone.now()
    checkpoint = run.checkpoints.order_by("-step").first()
    attempt = RunAttempt.objects.create(
        run=run,
        number=number,
        token_hash=digest_of(secret),
        ray_submission_id=f"arpo-{run.pk}-{number}",
        started_step=checkpoint.step if checkpoint else 0,
        lease_until=now + START_LEASE,
    )
    set_status(run, RunStatus.PREPARING, reason)
    return attempt, secret


def secret_of_attempt(run_id: str, number: int) -> str:
    """The secret with which an attempt's events come in.

    Whoever repeats a launch gets the same one: two launches may be under way at once, and only one of them starts the
    process, so a secret of each one's own would shut out the engine of the other.
    """
    return derived_secret("run", f"{run_id}/{number}")


def mark_submitted(attempt: RunAttempt, *, host: str, gpus: int = 0) -> None:
    """The launch was accepted; from now on the engine has the start lease to say its first word.

    `gpus` are those that the cluster reserves for it; 0: none by number, so they are counted on its machine.
    """
    RunAttempt.objects.filter(pk=attempt.pk, state=RunAttempt.State.STARTING).update(
        host=host, gpus=gpus, lease_until=timezone.now() + START_LEASE
    )


def attempt_of_token(run_id: str, secret: str) -> RunAttempt | None:
    """The attempt of this run that the secret belongs to; another run's secret opens nothing."""
    digest = digest_of(secret)
    for attempt in RunAttempt.objects.filter(run_id=run_id).order_by("-number"):
        if hmac.compare_digest(attempt.token_hash, digest):
            return attempt
    return None


def extend_lease(attempt: RunAttempt) -> None:
    """The engine was heard from."""
    now = timezone.now()
    attempt.last_event_at, attempt.lease_until = now, now + HEARTBEAT_LEASE
    RunAttempt.objects.filter(pk=attempt.pk).update(last_event_at=now, lease_until=attempt.lease_until)


def end_attempt(attempt: RunAttempt, *, state: RunAttempt.State, reason: str, outcome: str = "") -> None:
    """Nothing more is expected of this process."""
    attempt.state, attempt.reason, attempt.outcome = state, reason, outcome
    attempt.ended_at = attempt.ended_at or timezone.now()
    attempt.lease_until = None
    attempt.save(update_fields=["state", "reason", "outcome", "ended_at", "lease_until"])


@transaction.atomic
def give_up_attempt(attempt: RunAttempt, *, reason: str, retry: bool, log_tail: str = "") -> RunStatus:
    """The process is gone without saying how it ended. Returns what became of the run.

    A run that was to stop has stopped; another one is queued again as the next attempt from its last checkpoint,
    until it has used up its attempts.
    """
    run = Run.objects.select_for_update().get(pk=attempt.run_id)
    attempt.refresh_from_db()
    if attempt.state in (RunAttempt.State.ENDED, RunAttempt.State.LOST):
        return RunStatus(run.status)
    end_attempt(attempt, state=RunAttempt.State.LOST, reason=reason)
    append_console_event(run, "AttemptLost", {"attempt": attempt.number, "reason": reason, "log_tail": log_tail})
    if run.has_ended or run.attempts.filter(number__gt=attempt.number).exists():
        return RunStatus(run.status)
    if run.directive == Directive.STOP_GRACEFULLY:
        set_status(run, RunStatus.STOPPED, f"Stopped; its processes ended before saying so ({reason})")
    elif run.directive == Directive.PAUSE:
        set_status(run, RunStatus.PAUSED, f"Paused; its processes ended before saying so ({reason})")
    elif retry:
        requeue_lost_run(run, reason=reason)
    else:
        last_words = f". Its log ends with: {log_tail}" if log_tail else ""
        set_status(run, RunStatus.FAILED, f"{reason}{last_words}")
    return RunStatus(run.status)


def requeue_lost_run(run: Run, *, reason: str) -> None:
    """Queue a run (its row locked by the caller) again, or fail it when it has used up its attempts."""
    used = run.attempts.count()
    if used >= run.max_attempts:
        set_status(
            run,
            RunStatus.FAILED,
            f"Given up after {counted(used, 'attempt')}; the last one: {reason}. "
            "Look at the log, mend the cause, then resume it",
        )
        return
    if run.status != RunStatus.LOST:
        set_status(run, RunStatus.LOST, reason)
    checkpoint = run.checkpoints.order_by("-step").first()
    where = f"from the checkpoint of step {checkpoint.step}" if checkpoint else "from the start"
    set_status(run, RunStatus.QUEUED, f"Attempt {used + 1} of {run.max_attempts} will go on {where}; {reason}")
    enqueue(DISPATCH_RUNS)
