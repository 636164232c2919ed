"""What an engine's events mean for the run, its attempt and its checkpoints. Called by ingest with both rows locked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Directive, RunOutcome, Split
from webapp.runs.journal import append_events
from webapp.runs.models import Checkpoint, Run, RunAttempt, RunStatus
from webapp.runs.services.attempts import end_attempt
from webapp.runs.services.status import may_become, set_status

SPARKLINE_LENGTH: Final = 48
"""When the sparkline is twice as long, neighbours are averaged."""

HEAVY_FIELDS: Final[dict[str, set[str]]] = {
    "DesktopsSeen": {"desktops"},
    "EpisodeStepTaken": {"raw_text"},
    "ValidationFinished": {"by_task"},
}
"""Fields that have a table of their own and that nobody needs over a socket."""


def record_events(run: Run, envelopes: Sequence[wire.Envelope]) -> None:
    """Append the events to the run's log and let each change the run's row; the caller saves nothing more."""
    append_events(run, [(line.attempt, line.seq, line.event.kind, line.at, slim(line.event)) for line in envelopes])


def apply_events(run: Run, attempt: RunAttempt, envelopes: Sequence[wire.Envelope]) -> None:
    """Let each event change the run and its attempt, then save the run once.

    An attempt that a newer one has replaced keeps its history but no longer speaks for the run.
    """
    speaks_for_run = not run.attempts.filter(number__gt=attempt.number).exists()
    for line in envelopes:
        effect = EFFECTS.get(type(line.event))
        if effect is not None:
            effect(run, attempt, line.event, line.at, speaks_for_run)
    run.save()


def heard_from(run: Run, attempt: RunAttempt) -> None:
    """A process that was given up for lost is back (and no other has replaced it): the run runs after all."""
    if run.status == RunStatus.LOST and attempt.state in (RunAttempt.State.STARTING, RunAttempt.State.RUNNING):
        stopping = run.directive == Directive.STOP_GRACEFULLY
        set_status(run, RunStatus.STOPPING if stopping else RunStatus.RUNNING, "Its process was heard from again")


def slim(event: Any) -> dict[str, Any]:
    """The event as the socket and the timeline need it."""
    data: dict[str, Any] = event.model_dump(mode="json", exclude=HEAVY_FIELDS.get(event.kind, set()) | {"kind"})
    return data


def _started(run: Run, attempt: RunAttempt, event: wire.RunStarted, at: datetime, speaks: bool) -> None:
    attempt.state = RunAttempt.State.RUNNING
    attempt.started_at = at
    attempt.started_step = event.resumed_from_step or 0
    attempt.provenance = event.provenance.model_dump(mode="json")
    attempt.host = event.provenance.host[:200] or attempt.host
    attempt.save(update_fields=["state", "started_at", "started_step", "provenance", "host"])
    if not speaks:
        return
    run.total_steps = event.total_steps
    run.desktops = event.desktops
    run.step = attempt.started_step
    if may_become(run, RunStatus.RUNNING) and run.directive == Directive.RUN:
        where = f"Resumed from step {attempt.started_step}" if event.resumed_from_step else "Started"
        on = f" on {attempt.host}" if attempt.host else ""
        set_status(run, RunStatus.RUNNING, f"{where}{on} (attempt {attempt.number})", at=at)


def _phase(run: Run, attempt: RunAttempt, event: wire.PhaseChanged, at: datetime, speaks: bool) -> None:
    if not speaks:
        return
    run.phase, run.phase_detail = event.phase, event.detail
    if event.phase == "paused" and may_become(run, RunStatus.PAUSED):
        set_status(run, RunStatus.PAUSED, event.detail or "Paused after saving a checkpoint", at=at)
    elif event.phase == "stopping" and run.status == RunStatus.RUNNING and run.directive != Directive.PAUSE:
        set_status(run, RunStatus.STOPPING, event.detail or "The engine is stopping", at=at)
    elif run.status == RunStatus.PAUSED and event.phase in ("selecting", "collecting", "learning", "validating"):
        set_status(run, RunStatus.RUNNING, "Goes on", at=at)


def _step_finished(run: Run, attempt: RunAttempt, event: wire.StepFinished, at: datetime, speaks: bool) -> None:
    if not speaks:
        return
    run.step, run.total_steps = event.step, event.total_steps
    run.eta_s, run.progress_at = event.eta_s, at
    run.attempts_count = event.attempts
    run.successes = min(event.successes, event.attempts)
    if event.attempts:
        _extend_sparkline(run, event.successes / event.attempts)


def _validated(run: Run, attempt: RunAttempt, event: wire.ValidationFinished, at: datetime, speaks: bool) -> None:
    if not speaks:
        return
    if event.split is Split.HELD_OUT:
        run.held_out_successes, run.held_out_attempts = event.successes, event.attempts


def _checkpoint(run: Run, attempt: RunAttempt, event: wire.CheckpointSaved, at: datetime, speaks: bool) -> None:
    checkpoint, _ = Checkpoint.objects.update_or_create(
        run=run,
        attempt=attempt.number,
        step=event.step,
        path=event.path,
        defaults={
            "export_path": event.export_path or "",
            "best": event.best,
            "size": event.bytes,
            "saved_at": at,
        },
    )
    if event.best:
        Checkpoint.objects.filter(run=run, best=True).exclude(pk=checkpoint.pk).update(best=False)
        run.best_checkpoint = checkpoint


def _replay(run: Run, attempt: RunAttempt, event: wire.ReplayChanged, at: datetime, speaks: bool) -> None:
    if speaks:
        run.replay_size = event.size


def _host(run: Run, attempt: RunAttempt, event: wire.HostSampled, at: datetime, speaks: bool) -> None:
    """GPUs that nobody reserved by number are counted where they are seen, for the team's quota."""
    if not attempt.gpus and event.gpus:
        attempt.gpus = len(event.gpus)
        attempt.save(update_fields=["gpus"])


def _episode_ended(run: Run, attempt: RunAttempt, event: wire.EpisodeEnded, at: datetime, speaks: bool) -> None:
    run.episodes_count += 1
    if event.fault is not None:
        run.faults_count += 1


def _ended(run: Run, attempt: RunAttempt, event: wire.RunEnded, at: datetime, speaks: bool) -> None:
    end_attempt(attempt, state=RunAttempt.State.ENDED, reason=event.reason, outcome=event.outcome.value)
    if not speaks:
        return
    run.step = max(run.step, event.step)
    paused = event.outcome is RunOutcome.STOPPED and run.directive == Directive.PAUSE
    status = RunStatus.PAUSED if paused else RunStatus(event.outcome.value)
    if may_become(run, status):
        set_status(run, status, event.reason or _default_reason(status, event.step), at=at)


def _default_reason(status: RunStatus, step: int) -> str:
    return {
        RunStatus.FINISHED: "Its one step is done" if step == 1 else f"All {step} steps are done",
        RunStatus.STOPPED: f"Stopped after step {step}",
        RunStatus.PAUSED: f"Paused after step {step}",
    }.get(status, "The engine gave no reason; its log may")


def _extend_sparkline(run: Run, value: float) -> None:
    """Append the step's value, weighted into the last number while that stands for fewer steps than the others."""
    stride = run.sparkline_stride
    place = (run.step - 1) % stride if run.step else 0
    if place and run.sparkline:
        last = run.sparkline[-1] or 0.0
        run.sparkline[-1] = round(last + (value - last) / (place + 1), 4)
    else:
        run.sparkline.append(round(value, 4))
    if len(run.sparkline) >= 2 * SPARKLINE_LENGTH:
        pairs = zip(run.sparkline[::2], run.sparkline[1::2], strict=True)
        run.sparkline = [round(((left or 0.0) + (right or 0.0)) / 2, 4) for left, right in pairs]
        run.sparkline_stride = stride * 2


Effect = Callable[[Run, RunAttempt, Any, datetime, bool], None]

EFFECTS: Final[dict[type, Effect]] = {
    wire.RunStarted: _started,
    wire.PhaseChanged: _phase,
    wire.StepFinished: _step_finished,
    wire.ValidationFinished: _validated,
    wire.CheckpointSaved: _checkpoint,
    wire.ReplayChanged: _replay,
    wire.EpisodeEnded: _episode_ended,
    wire.HostSampled: _host,
    wire.RunEnded: _ended,
}
"""What each kind of event does to the run's row; the others only enter the log and tables of their own."""
