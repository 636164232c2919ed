"""Compares what the rows say, when the engines were last heard from, and what Ray knows; puts right what disagrees.

A console that was away finds healthy runs whose leases ran out meanwhile, so silence alone condemns nobody: a run is
marked lost first, and given up only when its job is gone, or stays silent although the console listens.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from webapp.api.spool import ship_spool
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run, RunAttempt, RunStatus
from webapp.runs.runfolder import run_dir
from webapp.runs.services import give_up_attempt, secret_of_attempt, set_status
from workers import launcher, scheduler
from workers.preflights import checks_in, failed_checks_in_words

RECONCILE_LOCK: Final = 7_202
"""Key of the advisory lock that lets one reconciler work at a time."""
QUIET: Final = timedelta(seconds=15)
"""Three heartbeats: an engine that says nothing for so long may be gone, which Ray knows."""
SILENCE_BORNE: Final = timedelta(minutes=3)
"""How long a job that Ray says is running may stay silent while the console listens."""
STOP_PATIENCE: Final = timedelta(minutes=10)
"""How long a graceful stop may take before the processes are ended; a step with its checkpoint should fit."""
LOG_LINES: Final = 15
ALIVE: Final = (RunAttempt.State.STARTING, RunAttempt.State.RUNNING)

log = logging.getLogger(__name__)


def reconcile() -> None:
    """One look at everything that should be alive, then at everything that waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [RECONCILE_LOCK])
        if not cursor.fetchone()[0]:
            return
    try:
        for attempt in RunAttempt.objects.filter(state__in=ALIVE, run__is_example=False).select_related("run"):
            try:
                _look_after(attempt)
            except Exception:
                log.exception("a run could not be looked after", extra={"run": attempt.run_id})
        if Run.objects.filter(status=RunStatus.QUEUED).exists():
            scheduler.dispatch_runs()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [RECONCILE_LOCK])


def force_stop(run_id: str) -> None:
    """End the processes of a run whose person did not want to wait."""
    for attempt in RunAttempt.objects.filter(run_id=run_id, state__in=ALIVE).select_related("run"):
        _end_processes(attempt, "ended because a person forced it to stop")


def _look_after(attempt: RunAttempt) -> None:
    run = attempt.run
    if run.force_stop_at is not None:
        _end_processes(attempt, "ended because a person forced it to stop")
    elif run.status == RunStatus.STOPPING and timezone.now() - run.status_at > STOP_PATIENCE:
        minutes = int(STOP_PATIENCE.total_seconds() // 60)
        _end_processes(attempt, f"ended because it had not stopped {minutes} minutes after it was asked to")
    elif attempt.state == RunAttempt.State.STARTING or _silent(attempt):
        _ask_ray(attempt)
    elif _quiet(attempt):
        _notice_end(attempt)


def _silent(attempt: RunAttempt) -> bool:
    return attempt.lease_until is None or attempt.lease_until < timezone.now()


def _quiet(attempt: RunAttempt) -> bool:
    return attempt.last_event_at is not None and timezone.now() - attempt.last_event_at > QUIET


def _notice_end(attempt: RunAttempt) -> None:
    """A process that was killed need not be waited for until its lease runs out; one that still runs is left alone."""
    try:
        job = launcher.job_of(attempt.ray_submission_id)
    except launcher.ClusterAway:
        return
    if job is not None and job.has_ended:
        _job_ended(attempt, job)


def _ask_ray(attempt: RunAttempt) -> None:
    try:
        job = launcher.job_of(attempt.ray_submission_id)
    except launcher.ClusterAway as error:
        if _silent(attempt):
            _mark_lost(attempt, f"Not heard from, and {error}; it is looked for again and again")
        return
    if job is None:
        _job_unknown(attempt)
    elif job.has_ended:
        _job_ended(attempt, job)
    elif job.status == "PENDING":
        # Ray gives up by itself when it cannot start a process; until then the process cannot have spoken.
        _say(attempt, "Ray is starting its process; on a busy machine that takes a while")
    elif _silent(attempt):
        _running_but_silent(attempt)


def _job_unknown(attempt: RunAttempt) -> None:
    """Ray has no such job: it was never submitted, or the cluster was started anew."""
    if attempt.state == RunAttempt.State.STARTING and not _silent(attempt):
        secret = secret_of_attempt(attempt.run_id, attempt.number)
        scheduler.launch(attempt.run, attempt, secret)
        return
    _give_up(attempt, "Ray does not know its job (the cluster was started anew, or lost it)", retry=True)


def _job_ended(attempt: RunAttempt, job: launcher.Job) -> None:
    """The process is gone and its last word did not arrive; perhaps the run folder still has it."""
    ship_spool(attempt, run_dir(attempt.run_id))
    attempt.refresh_from_db()
    if attempt.state not in ALIVE:
        return
    text = launcher.log_of(attempt.ray_submission_id)
    checks = checks_in(text)
    if any(check.status == "fail" for check in checks):
        _preflight_failed(attempt, failed_checks_in_words(checks), text)
        return
    tail = _tail(text) or job.message
    if job.was_killed and job.exit_code is None:
        why = job.message.split("\n")[0][:300] or "no reason given"
        _give_up(attempt, f"Ray could not keep its process: {why}", retry=True, tail=tail)
    elif job.was_killed:
        _give_up(attempt, f"its process was ended from outside (exit code {job.exit_code})", retry=True, tail=tail)
    else:
        how = f"its process ended with exit code {job.exit_code} and said nothing"
        _give_up(attempt, how, retry=False, tail=tail)


def _running_but_silent(attempt: RunAttempt) -> None:
    """Ray says that it runs. The console may have been away itself, so the process gets time to be heard."""
    run = attempt.run
    if run.status != RunStatus.LOST:
        _mark_lost(attempt, "Not heard from although its process runs; waiting for it")
        return
    if timezone.now() - run.status_at > SILENCE_BORNE:
        _end_processes(attempt, "silent although its process ran; it was ended", retry=True)


def _end_processes(attempt: RunAttempt, reason: str, *, retry: bool = False) -> None:
    """Stop the job; once Ray says that it has ended, write down what that means for the run."""
    try:
        launcher.stop(attempt.ray_submission_id)
        job = launcher.job_of(attempt.ray_submission_id)
    except launcher.ClusterAway as error:
        log.warning("a stop has to wait", extra={"run": attempt.run_id, "error": str(error)})
        return
    if job is None or job.has_ended:
        ship_spool(attempt, run_dir(attempt.run_id))
        _give_up(attempt, reason, retry=retry)


def _give_up(attempt: RunAttempt, reason: str, *, retry: bool, tail: str = "") -> None:
    status = give_up_attempt(attempt, reason=f"Attempt {attempt.number}: {reason}", retry=retry, log_tail=tail)
    log.info(
        "an attempt is over", extra={"run": attempt.run_id, "attempt": attempt.number, "why": reason, "now": status}
    )


def _preflight_failed(attempt: RunAttempt, words: str, text: str) -> None:
    checks = [{"name": c.name, "status": c.status, "message": c.message, "cure": c.cure} for c in checks_in(text)]
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=attempt.run_id)
        append_console_event(run, "PreflightFailed", {"checks": checks})
    _give_up(attempt, f"it cannot start where it should run: {words}", retry=False)


def _say(attempt: RunAttempt, reason: str) -> None:
    Run.objects.filter(pk=attempt.run_id, status=RunStatus.PREPARING).update(status_reason=reason)


@transaction.atomic
def _mark_lost(attempt: RunAttempt, reason: str) -> None:
    run = Run.objects.select_for_update().get(pk=attempt.run_id)
    if run.is_active:
        set_status(run, RunStatus.LOST, reason)


def _tail(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-LOG_LINES:])
