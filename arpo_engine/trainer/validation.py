"""Measuring within a training: which splits, how many tasks, with which sampling; and the keys of the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from arpo_engine.contract.events import MetricsLogged, PhaseChanged
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.compared import compared_path, keep_compared
from arpo_engine.inference.base import Sampling
from arpo_engine.trainer.metrics import Values
from arpo_engine.trainer.parts import Ending, Parts

KEYS = {Split.VALIDATION_TRAIN: "validation/train_success", Split.HELD_OUT: "validation/held_out_success"}
SCORES = {Split.VALIDATION_TRAIN: "validation/train_score", Split.HELD_OUT: "validation/held_out_score"}
"""Mean scores as they are, infeasible tasks among them: only to stand beside published numbers, which mix them."""


async def validate(parts: Parts, step: int) -> Values:
    """Success on both splits by metric key; empty where validation is switched off."""
    config = parts.config.validation
    if not config.every_steps:
        return {}
    sampling = Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        max_new_tokens=config.max_new_tokens or parts.config.generator.max_new_tokens,
    )
    splits: dict[Split, Sequence[Task]] = {Split.HELD_OUT: parts.held_out_tasks}
    if config.include_train:
        splits = {Split.VALIDATION_TRAIN: parts.order.tasks, **splits}
    # Episodes that are under way end by themselves; the desktops are then the measurement's.
    parts.collector.pause()
    values = await _measure(parts, step, splits, sampling)
    parts.collector.resume()
    return values


async def _measure(parts: Parts, step: int, splits: Mapping[Split, Sequence[Task]], sampling: Sampling) -> Values:
    config = parts.config.validation
    values: Values = {}
    for split, tasks in splits.items():
        chosen = tasks[: config.tasks]
        if not chosen:
            continue
        parts.sink.emit(
            PhaseChanged(phase="validating", step=step, detail=f"{len(chosen) * config.attempts} episodes, {split}")
        )
        measured = await parts.evaluator.measure(
            chosen,
            attempts=config.attempts,
            split=split,
            step=step,
            sampling=sampling,
            max_steps=config.max_steps,
            compare=config.compare,
            watch=partial(keep_compared, compared_path(parts.run_dir, split, step)) if config.compare else None,
        )
        values[KEYS[split]] = measured.success
        values[SCORES[split]] = measured.report.together.mean_score
    return values


async def validate_at_start(parts: Parts) -> Values:
    """The policy that the run starts from; empty where that is switched off."""
    return await validate(parts, 0) if parts.config.validation.before_training else {}


async def validate_only(parts: Parts, *, resumed_from: int | None) -> Ending:
    """Measure the policy as it is and end: nothing is trained and no checkpoint is written (verl's `val_only`)."""
    step = resumed_from or 0
    values = await validate(parts, step)
    parts.sink.emit(MetricsLogged(step=step, values=values))
    told = ", ".join(
        f"{key.removeprefix('validation/')} {share:.1%}"
        for key, share in values.items()
        if share is not None and key in KEYS.values()
    )
    return Ending(RunOutcome.FINISHED, step, f"validation.only: measured at step {step}: {told or 'nothing scored'}")
