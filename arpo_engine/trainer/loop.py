"""The whole method on one screen: collect -> score -> replay -> learn -> sync -> save, with a guard that watches.

Episodes are scored where they end (rollout/), so what is collected is scored already. Knows names, not details.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import deque

from arpo_engine.algorithms.base import Collected
from arpo_engine.contract.errors import NothingCollected
from arpo_engine.contract.events import MetricsLogged, PhaseChanged, StepFinished
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.group import collect_groups
from arpo_engine.rollout.records import tokens_path, write_tokens
from arpo_engine.trainer import announce, metrics, resume
from arpo_engine.trainer.guard import Signs
from arpo_engine.trainer.parts import Ending, Parts
from arpo_engine.trainer.recovery import return_to_best
from arpo_engine.trainer.stop import Halt, StopSwitch
from arpo_engine.trainer.validation import validate

RECENT_STEPS = 20
"""Steps whose duration the estimate of the remaining time is made from."""


async def train(parts: Parts, stop: StopSwitch, *, resuming: bool) -> Ending:
    """Run the training to its end, its limit or a wish to stop; the last step is always saved."""
    resumed_from = resume.restore_newest(parts) if resuming else None
    announce.run_started(parts, resumed_from)
    total, progress = parts.config.limits.steps, parts.progress
    await parts.generator.push_weights(progress.step, {})
    if resumed_from is None:
        _log(parts, await validate(parts, 0))
        resume.save(parts, measured_success=None)
    recent: deque[float] = deque(maxlen=RECENT_STEPS)
    while progress.step < total and not stop.halt():
        watch = metrics.Stopwatch()
        step = progress.step + 1
        with watch.phase("collect"):
            collected = await _collect(parts, step)
        with watch.phase("learn"):
            prepared = parts.algorithm.prepare(collected)
            announce.groups_collected(parts.sink, step, prepared)
            announce.learning(parts.sink, step, prepared.groups)
            # In a thread, so that events flow and a signal is heard while the processor is busy.
            report = await asyncio.to_thread(parts.learner.learn, prepared.groups, step)
        counted = metrics.tally(collected, parts.train_tasks)
        values = metrics.rollout_values(collected, counted, progress) | metrics.learning_values(prepared, report)
        progress.step = step
        collapse = parts.guard.judge(
            Signs(
                success=counted.success or 0.0,
                format=values["train/format"] or 0.0,
                entropy=report.entropy,
                finite=report.finite,
            )
        )
        if collapse is not None:
            return_to_best(parts, collapse)
        await parts.generator.push_weights(step, {})
        with watch.phase("save"):
            if parts.config.records.tokens:
                write_tokens(tokens_path(parts.run_dir, step), metrics.fresh_of(collected))
            if step % parts.config.checkpoint.every_steps == 0 and step < total:
                _save(parts)
        with watch.phase("validate"):
            if parts.config.validation.every_steps and step % parts.config.validation.every_steps == 0 and step < total:
                values |= await validate(parts, step)
        progress.seconds += watch.total
        recent.append(watch.total)
        _log(parts, values | watch.values())
        eta = _eta_s(recent, total - step, stop.minutes_left)
        parts.sink.emit(
            StepFinished(
                step=step, total_steps=total, successes=counted.successes, attempts=counted.attempts, eta_s=eta
            )
        )
    return await _finish(parts, stop.halt() if progress.step < total else None)


async def _collect(parts: Parts, step: int) -> list[Collected]:
    """The rollouts of one step; each is scored as it ends."""
    rollout = parts.config.rollout
    tasks = parts.order.take(rollout.tasks_per_step)
    sampling = Sampling(
        temperature=rollout.temperature, top_p=rollout.top_p, max_new_tokens=parts.config.generator.max_new_tokens
    )
    plans = parts.planner.groups(tasks, size=rollout.group_size, step=step, sampling=sampling)
    announce.collecting(parts.sink, step, len(plans), len(plans) * rollout.group_size)
    collected = await collect_groups(parts.scheduler, plans)
    fresh = metrics.fresh_of(collected)
    if not fresh:
        raise NothingCollected(
            f"none of the {len(plans) * rollout.group_size} rollouts of step {step} could be scored; the events name "
            "each fault. Mend the desktops (`python -m arpo_engine preflight`) and resume the run"
        )
    parts.progress.env_steps += sum(len(trajectory.steps) for trajectory in fresh)
    parts.progress.episodes += len(fresh)
    return collected


def _log(parts: Parts, values: metrics.Values) -> None:
    if values:
        parts.sink.emit(MetricsLogged(step=parts.progress.step, values=values))


def _save(parts: Parts) -> None:
    parts.sink.emit(PhaseChanged(phase="saving", step=parts.progress.step))
    resume.save(parts, measured_success=parts.guard.success)


async def _finish(parts: Parts, halt: Halt | None) -> Ending:
    """Measure where the run got to (unless someone waits for it to stop), save, and say how it ended."""
    step = parts.progress.step
    if halt is None or halt.kind == "limit":
        _log(parts, await validate(parts, step))
    else:
        parts.sink.emit(PhaseChanged(phase="stopping", step=step, detail=halt.reason))
    _save(parts)
    if halt is None:
        return Ending(RunOutcome.FINISHED, step, f"all {step} steps are done")
    if halt.kind == "limit":
        return Ending(RunOutcome.FINISHED, step, f"{halt.reason} at step {step}")
    parts.sink.emit(PhaseChanged(phase="paused" if halt.kind == "pause" else "done", step=step, detail=halt.reason))
    return Ending(RunOutcome.STOPPED, step, halt.reason)


def _eta_s(recent: deque[float], steps_left: int, minutes_left: float | None) -> float:
    by_steps = statistics.fmean(recent) * steps_left
    return by_steps if minutes_left is None else max(0.0, min(by_steps, minutes_left * 60.0))
