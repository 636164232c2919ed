"""What a person may do to a run that exists: stop, force, pause, resume, reorder. Each says what happens next."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from arpo_engine.contract.outcomes import Directive
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.runs.errors import RunRefused
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run, RunAttempt, RunStatus
from webapp.runs.queue import DISPATCH_RUNS, FORCE_STOP, enqueue
from webapp.runs.services.status import set_status


def locked(run: Run) -> Run:
    """The run's row as it is now, locked until the transaction ends."""
    return Run.objects.select_for_update().get(pk=run.pk)


def require_control(person: User, run: Run, doing: str) -> None:
    """Owners control their own runs, maintainers everybody's; an example run is nobody's to change."""
    if run.is_example:
        raise RunRefused(f"{run.name} is a recorded example, so there is nothing to {doing}; clone it to run it.")
    require_role(person, run.team, Role.RUNNER if run.owner_id == person.pk else Role.MAINTAINER, f"{doing} this run")


@transaction.atomic
def request_stop(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Ask the engine to finish its step, save a checkpoint and stop. Asking twice is harmless. Returns what happens."""
    run = locked(run)
    require_control(actor, run, "stop")
    if run.status in (RunStatus.QUEUED, RunStatus.PAUSED, RunStatus.LOST) and not _process_alive(run):
        set_status(run, RunStatus.STOPPED, f"Stopped by {actor} before it ran on", actor=actor, ip=ip)
        return "The run was not running; it is stopped now."
    if run.has_ended:
        return f"The run is {run.status} already; there is nothing to stop."
    if run.directive == Directive.STOP_GRACEFULLY:
        return (
            f"A stop was asked for already, {_ago(run)}; the run finishes its step, saves a checkpoint and stops. "
            "Use Force stop if it must end at once."
        )
    run.directive = Directive.STOP_GRACEFULLY.value
    reason = f"{actor} asked it to stop: it finishes this step, saves a checkpoint and stops"
    set_status(run, RunStatus.STOPPING, reason, actor=actor, ip=ip)
    return "The run finishes this step, saves a checkpoint and stops."


@transaction.atomic
def undo_stop(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Take a graceful stop back, as long as the engine has not acted on it."""
    run = locked(run)
    require_control(actor, run, "keep running")
    if run.status != RunStatus.STOPPING or run.force_stop_at is not None:
        raise RunRefused(f"The run is {run.status}; a stop can be taken back only while it is stopping.")
    run.directive = Directive.RUN.value
    set_status(run, RunStatus.RUNNING, f"{actor} took the stop back", actor=actor, ip=ip)
    return "The run goes on."


@transaction.atomic
def force_stop(*, run: Run, actor: User, ip: str | None = None) -> str:
    """End the run's processes without waiting for a checkpoint; the last saved one stays."""
    run = locked(run)
    require_control(actor, run, "force to stop")
    if run.has_ended:
        return f"The run is {run.status} already; there is nothing to stop."
    if not _process_alive(run):
        set_status(run, RunStatus.STOPPED, f"Stopped by {actor} before it ran on", actor=actor, ip=ip)
        return "The run was not running; it is stopped now."
    run.directive = Directive.STOP_GRACEFULLY.value
    run.force_stop_at = run.force_stop_at or timezone.now()
    reason = f"{actor} forced it to stop: its processes are being ended"
    if run.status != RunStatus.STOPPING:
        set_status(run, RunStatus.STOPPING, reason, actor=actor, ip=ip)
    else:
        run.status_reason = reason
        run.save(update_fields=["directive", "force_stop_at", "status_reason"])
        record(action="run.force_stop", subject=run, actor=actor, team=run.team, ip=ip)
    enqueue(FORCE_STOP, run.pk)
    return "The run's processes are being ended; what was saved last stays."


@transaction.atomic
def pause_run(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Ask the engine to finish its step, save a checkpoint and make room for others."""
    run = locked(run)
    require_control(actor, run, "pause")
    if run.status == RunStatus.PAUSED or run.directive == Directive.PAUSE:
        return "The run is paused, or about to be: it finishes this step and saves a checkpoint first."
    if run.status not in (RunStatus.PREPARING, RunStatus.RUNNING):
        raise RunRefused(f"The run is {run.status}; only one that is running can be paused.")
    run.directive = Directive.PAUSE.value
    run.status_reason = f"{actor} asked it to pause: it finishes this step and saves a checkpoint"
    run.save(update_fields=["directive", "status_reason"])
    append_console_event(run, "PauseRequested", {"by": str(actor), "reason": run.status_reason})
    record(action="run.pause", subject=run, actor=actor, team=run.team, ip=ip)
    return "The run finishes this step, saves a checkpoint and pauses."


@transaction.atomic
def resume_run(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Go on from the last checkpoint: a paused run, or one that stopped, failed or was lost."""
    run = locked(run)
    require_control(actor, run, "resume")
    if run.status == RunStatus.QUEUED or (run.is_active and run.directive == Directive.RUN):
        return f"The run is {run.status} already."
    if run.status == RunStatus.FINISHED:
        raise RunRefused("The run reached its end; clone it with more steps to train on.")
    if run.status == RunStatus.STOPPING:
        raise RunRefused("The run is stopping; wait until it has stopped, then resume it.")
    if run.directive == Directive.PAUSE and _process_alive(run):
        run.directive = Directive.RUN.value
        if run.status == RunStatus.PAUSED:
            set_status(run, RunStatus.RUNNING, f"Resumed by {actor}", actor=actor, ip=ip)
        else:
            run.status_reason = f"{actor} took the pause back"
            run.save(update_fields=["directive", "status_reason"])
        return "The run goes on."
    run.directive, run.force_stop_at = Directive.RUN.value, None
    # A person's decision to go on grants as many tries again as the run had at first.
    run.max_attempts = run.attempts.count() + run.tries
    set_status(run, RunStatus.QUEUED, f"Resumed by {actor}; {_from_where(run)}", actor=actor, ip=ip)
    enqueue(DISPATCH_RUNS)
    return f"The run is queued; {_from_where(run)}."


@transaction.atomic
def set_priority(*, run: Run, actor: User, priority: int, ip: str | None = None) -> None:
    """Move a queued run forward or back; a maintainer's right, for it moves other people's runs too."""
    run = locked(run)
    if run.is_example:
        raise RunRefused(f"{run.name} is a recorded example and waits in no queue.")
    require_role(actor, run.team, Role.MAINTAINER, "change the order of the queue")
    if not -100 <= priority <= 100:
        raise RunRefused(f"The priority is {priority}; use a number from -100 to 100.")
    old, run.priority = run.priority, priority
    run.save(update_fields=["priority"])
    append_console_event(
        run, "QueueMoved", {"by": str(actor), "reason": f"{actor} changed its priority from {old} to {priority}"}
    )
    record(action="run.priority", subject=run, actor=actor, team=run.team, ip=ip, old=old, new=priority)
    enqueue(DISPATCH_RUNS)


def _process_alive(run: Run) -> bool:
    alive = (RunAttempt.State.STARTING, RunAttempt.State.RUNNING)
    return run.attempts.filter(state__in=alive).exists()


def _from_where(run: Run) -> str:
    checkpoint = run.checkpoints.order_by("-step").first()
    return (
        f"it goes on from the checkpoint of step {checkpoint.step}" if checkpoint else "it begins again from the start"
    )


def _ago(run: Run) -> str:
    seconds = int((timezone.now() - run.status_at).total_seconds())
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"
