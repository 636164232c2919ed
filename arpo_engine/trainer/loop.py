"""The whole method on one screen: collect -> score -> replay -> learn -> sync -> save, with a guard that watches.

Episodes are scored where they end (rollout/), so what is collected is scored already. Knows names; the stages know how.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import deque

from arpo_engine.contract.events import MetricsLogged, PhaseChanged, StepFinished
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.trainer import announce, metrics, resume, stages
from arpo_engine.trainer.parts import Ending, Parts
from arpo_engine.trainer.selection import select_tasks
from arpo_engine.trainer.stop import Halt, StopSwitch
from arpo_engine.trainer.validation import validate, validate_at_start, validate_only

RECENT_STEPS = 20
"""Steps whose duration the estimate of the remaining time is made from."""


async def train(parts: Parts, stop: StopSwitch, *, resuming: bool) -> Ending:
    """Run the training to its end, its limit or a wish to stop; the last step is always saved."""
    try:
        return await _train(parts, stop, resuming=resuming)
    finally:
        await parts.collector.close()


async def _train(parts: Parts, stop: StopSwitch, *, resuming: bool) -> Ending:
    resumed_from = await _begin(parts, resuming=resuming)
    if parts.config.validation.only:
        return await validate_only(parts, resumed_from=resumed_from)
    stopped = await select_tasks(parts, stop, resuming=resuming)
    if stopped is not None:
        return stopped
    if resumed_from is None:
        _log(parts, await validate_at_start(parts))
        await resume.save(parts, measured_success=None)
    total, recent = parts.config.limits.steps, deque[float](maxlen=RECENT_STEPS)
    while parts.progress.step < total and not stop.halt():
        watch, step = metrics.Stopwatch(), parts.progress.step + 1
        with watch.phase("collect"):
            collected = await stages.collect(parts, step)
        with watch.phase("learn"):
            prepared = await stages.replay(parts, step, collected)
            report = await stages.learn(parts, step, prepared)
        counted = metrics.tally(collected, parts.train_tasks)
        values = metrics.rollout_values(collected, counted, parts.progress)
        values |= metrics.learning_values(prepared, report) | parts.order.values() | parts.collector.values()
        parts.progress.step = step
        stages.guard(parts, counted, values, report)
        with watch.phase("sync"):
            await stages.push(parts, step)
        with watch.phase("save"):
            await stages.save(parts, collected, last=step == total)
        with watch.phase("validate"):
            values |= await stages.validate_if_due(parts, last=step == total)
        values |= stages.generator_values(parts)
        recent.append(watch.total)
        parts.progress.seconds += watch.total
        _log(parts, values | watch.values())
        _finish_step(parts, counted, _eta_s(recent, total - step, stop.minutes_left))
    return await _finish(parts, stop.halt() if parts.progress.step < total else None)


async def _begin(parts: Parts, *, resuming: bool) -> int | None:
    """Go on from the newest checkpoint; its step, or None where there is none."""
    resumed_from = resume.restore_newest(parts) if resuming else None
    announce.run_started(parts, resumed_from)
    await stages.push(parts, parts.progress.step)
    return resumed_from


async def _finish(parts: Parts, halt: Halt | None) -> Ending:
    """Measure where the run got to (unless someone waits for it to stop), save, and say how it ended."""
    step = parts.progress.step
    if halt is None or halt.kind == "limit":
        _log(parts, await validate(parts, step))
    else:
        parts.sink.emit(PhaseChanged(phase="stopping", step=step, detail=halt.reason))
    parts.sink.emit(PhaseChanged(phase="saving", step=step))
    # An extra checkpoint of a stop is never the best one: a run that goes on from it would then return to other weights
    # after a collapse than a run that was never stopped.
    due = halt is None or step % parts.config.checkpoint.every_steps == 0
    saved = await resume.save(parts, measured_success=parts.guard.success, may_be_best=due)
    merged = resume.export(parts)
    if halt is None or halt.kind == "limit":
        parts.pusher.end(saved, merged)
    await asyncio.to_thread(parts.pusher.finish)
    if halt is None:
        return Ending(RunOutcome.FINISHED, step, f"all {step} steps are done")
    if halt.kind == "limit":
        return Ending(RunOutcome.FINISHED, step, f"{halt.reason} at step {step}")
    parts.sink.emit(PhaseChanged(phase="paused" if halt.kind == "pause" else "done", step=step, detail=halt.reason))
    return Ending(RunOutcome.STOPPED, step, halt.reason)


def _log(parts: Parts, values: metrics.Values) -> None:
    if values:
        parts.sink.emit(MetricsLogged(step=parts.progress.step, values=values))


def _finish_step(parts: Parts, counted: metrics.Tally, eta_s: float) -> None:
    finished = StepFinished(
        step=parts.progress.step,
        total_steps=parts.config.limits.steps,
        successes=counted.successes,
        attempts=counted.attempts,
        eta_s=eta_s,
    )
    parts.sink.emit(finished)


def _eta_s(recent: deque[float], steps_left: int, minutes_left: float | None) -> float:
    by_steps = statistics.fmean(recent) * steps_left
    return by_steps if minutes_left is None else max(0.0, min(by_steps, minutes_left * 60.0))
