"""Measuring within a training: which splits, how many tasks, with which sampling; and the keys of the numbers."""

from __future__ import annotations

from arpo_engine.contract.events import PhaseChanged
from arpo_engine.contract.outcomes import Split
from arpo_engine.inference.base import Sampling
from arpo_engine.trainer.metrics import Values
from arpo_engine.trainer.parts import Parts

KEYS = {Split.VALIDATION_TRAIN: "validation/train_success", Split.HELD_OUT: "validation/held_out_success"}


async def validate(parts: Parts, step: int) -> Values:
    """Success on both splits by metric key; empty where validation is switched off."""
    config = parts.config.validation
    if not config.every_steps:
        return {}
    sampling = Sampling(temperature=config.temperature, top_p=1.0, max_new_tokens=parts.config.generator.max_new_tokens)
    splits = {Split.HELD_OUT: parts.held_out_tasks}
    if config.include_train:
        splits = {Split.VALIDATION_TRAIN: parts.train_tasks, **splits}
    values: Values = {}
    for split, tasks in splits.items():
        chosen = tasks[: config.tasks]
        if not chosen:
            continue
        parts.sink.emit(
            PhaseChanged(phase="validating", step=step, detail=f"{len(chosen) * config.attempts} episodes, {split}")
        )
        measured = await parts.evaluator.measure(
            chosen, attempts=config.attempts, split=split, step=step, sampling=sampling
        )
        values[KEYS[split]] = measured.success
    return values
