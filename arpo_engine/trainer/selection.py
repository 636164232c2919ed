"""A phase before a training: every training task is tried with the policy that the run starts from, and those are
practised that it solves now and then. Finished tries and the choice are on the disk as they are made, so that a crash
repeats nothing; every checkpoint holds the choice too. Which tasks are worth it is `evaluation/selection.py`'s.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from arpo_engine.contract.config.task_choice import LearnableTasksConfig
from arpo_engine.contract.errors import CheckpointError, TaskError
from arpo_engine.contract.events import LogWritten, PhaseChanged, TasksSelected
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.selection import Choice
from arpo_engine.evaluation.attempt_log import AttemptLog, set_aside, terms_of
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.evaluation.evaluator import Resuming
from arpo_engine.evaluation.selection import choose, in_words, rule_of, tried_tasks
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.plans import Plan, Planner
from arpo_engine.trainer.parts import Ending, Parts
from arpo_engine.trainer.selection_progress import SelectionProgress
from arpo_engine.trainer.stop import Halt, StopSwitch

LOGGER = "arpo_engine.trainer.selection"
ATTEMPTS = "attempts_selection.jsonl"
CHOICE = "selection.json"


async def select_tasks(parts: Parts, stop: StopSwitch, *, resuming: bool) -> Ending | None:
    """See to it that the run practises the tasks that its config asks for; an ending if it was stopped on the way.

    A choice that was made before is used again. Without `resuming`, earlier tries are set aside and made again.

    Raises:
        TaskError: no task is worth practising.
        ConfigError: the run folder holds tries of another model or with other sampling.
    """
    rule = parts.config.tasks.selection
    if not isinstance(rule, LearnableTasksConfig):
        return None
    if not resuming:
        for name in (ATTEMPTS, CHOICE):
            set_aside(_place(parts, name), parts.planner.attempt)
    terms = _terms(parts, rule)
    choice = parts.chosen.choice or _stored(parts, terms)
    kept = choice is not None
    if choice is None:
        made, left = await _try_all(parts, rule, stop)
        halt = stop.halt()
        if left and halt is not None:
            return _stopped(parts, halt, left)
        choice = choose(parts.train_tasks, made, rule)
    parts.sink.emit(TasksSelected(choice=choice, kept=kept))
    if not choice.chosen:
        raise TaskError(_none_left(choice))
    if not kept:
        _store(parts, terms, choice)
    if parts.chosen.choice is None:
        _practise(parts, choice)
    return None


def kept_choice(parts: Parts) -> dict[str, Any] | None:
    """What a checkpoint keeps of the choice; None where all tasks are practised."""
    choice = parts.chosen.choice
    return choice.model_dump(mode="json") if choice is not None else None


def restore_choice(parts: Parts, state: dict[str, Any] | None, checkpoint: Path) -> None:
    """Practise what the run practised when the checkpoint was saved; nothing where the config asks for all tasks.

    Raises:
        CheckpointError: the config asks for a choice by another rule, or the run was begun without one.
    """
    rule = parts.config.tasks.selection
    if not isinstance(rule, LearnableTasksConfig):
        return
    made = Choice.model_validate(state) if state is not None else None
    if made is None or made.rule != rule_of(rule):
        by = "without tasks.selection" if made is None else f"with tasks.selection by {_bounds(made)}"
        raise CheckpointError(
            f"{checkpoint} was saved by a run {by}, and this run is to choose its tasks otherwise, which only the "
            "policy that it started from can do; set tasks.selection as it was, or start anew with --no-resume"
        )
    _practise(parts, made)


def _practise(parts: Parts, choice: Choice) -> None:
    known = {task.task_id: (task.successes, task.attempts) for task in choice.chosen}
    tasks = [task for task in parts.train_tasks if task.id in known]
    if not tasks:
        raise TaskError(
            f"none of the {len(known)} tasks that were chosen to practise is among the {len(parts.train_tasks)} "
            "training tasks any more; set tasks.source and tasks.train as they were, or start anew with --no-resume"
        )
    parts.chosen.choice = choice
    parts.order.practise(tasks, known)
    wanted = parts.config.rollout.tasks_per_step
    if len(tasks) < wanted:
        text = f"tasks to practise: {len(tasks)}, fewer than rollout.tasks_per_step = {wanted}; some come twice"
        parts.sink.emit(LogWritten(level="warning", logger=LOGGER, message=text))


async def _try_all(parts: Parts, rule: LearnableTasksConfig, stop: StopSwitch) -> tuple[list[Attempt], int]:
    """The tries that are over, and how many are left because the run was asked to stop."""
    log = AttemptLog(_place(parts, ATTEMPTS), _sampling_terms(parts, rule))
    plans = _plans(parts, rule)
    known = sum(log.finished((plan.task.id, plan.task.content_hash, plan.slot)) is not None for plan in plans)
    tasks = len({plan.task.id for plan in plans})
    progress = SelectionProgress(parts.sink, tasks=tasks, total=len(plans), known=known)
    resuming = Resuming(log=log, halted=lambda: stop.halt() is not None, at_once=parts.desktops, made=progress.heard)
    made = [attempt for attempt in await parts.evaluator.attempts(plans, resuming=resuming) if attempt is not None]
    return made, len(plans) - len(made)


def _plans(parts: Parts, rule: LearnableTasksConfig) -> list[Plan]:
    """From a planner of their own, so that the training's episodes are those of a run that chooses nothing. Of each
    task only the first try keeps screenshots: the others would fill the room that the training's need."""
    planner = Planner(
        run_seed=parts.config.seed,
        attempt=parts.planner.attempt,
        max_steps=parts.planner.max_steps,
        sample_every=parts.planner.sample_every,
    )
    plans = planner.measurement(
        tried_tasks(parts.train_tasks, rule),
        attempts=rule.attempts,
        split=Split.SELECTION,
        step=0,
        sampling=_sampling(parts, rule),
        max_steps=rule.max_steps,
    )
    return [plan if plan.slot == 0 else plan.without_frames() for plan in plans]


def _sampling(parts: Parts, rule: LearnableTasksConfig) -> Sampling:
    rollout = parts.config.rollout
    return Sampling(
        temperature=rule.temperature or rollout.temperature,
        top_p=rule.top_p or rollout.top_p,
        max_new_tokens=rule.max_new_tokens or parts.config.generator.max_new_tokens,
    )


def _sampling_terms(parts: Parts, rule: LearnableTasksConfig) -> dict[str, Any]:
    sampling, model_hash = _sampling(parts, rule), parts.provenance.model_hash
    return terms_of(parts.config, sampling, max_steps=rule.max_steps, model_hash=model_hash)


def _terms(parts: Parts, rule: LearnableTasksConfig) -> dict[str, Any]:
    """What a stored choice depends on; under other terms it is made again, from the tries that are there."""
    return {
        "sampling": _sampling_terms(parts, rule),
        "rule": rule_of(rule).model_dump(mode="json"),
        "tasks": {task.id: task.content_hash for task in parts.train_tasks},
    }


def _stored(parts: Parts, terms: dict[str, Any]) -> Choice | None:
    """The choice that an earlier attempt of the run made before it ended without a checkpoint."""
    try:
        tree = json.loads(_place(parts, CHOICE).read_text(encoding="utf-8"))
        return Choice.model_validate(tree["choice"]) if tree["terms"] == terms else None
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        # Missing, or cut off: it follows from the tries, which are kept line by line.
        return None


def _store(parts: Parts, terms: dict[str, Any], choice: Choice) -> None:
    """Whole or not at all."""
    path = _place(parts, CHOICE)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".unfinished")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"terms": terms, "choice": choice.model_dump(mode="json")}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _stopped(parts: Parts, halt: Halt, left: int) -> Ending:
    """No step was done, so there is no checkpoint to speak of; what the halt says of one does not hold here."""
    why = halt.reason.partition(";")[0]
    reason = f"{why} while tasks were chosen; finished tries are kept, {left} are left and made when the run is resumed"
    parts.sink.emit(PhaseChanged(phase="paused" if halt.kind == "pause" else "done", detail=reason))
    return Ending(RunOutcome.STOPPED, 0, reason)


def _none_left(choice: Choice) -> str:
    return (
        f"no task is left to practise: {in_words(choice)}, by {_bounds(choice)}. Widen these bounds, give other tasks "
        "(tasks.source, tasks.train) or a policy that solves some of them (model.path), or set tasks.selection.kind = "
        "all. Where tasks could not be measured, mend the desktops (`python -m arpo_engine preflight`) and resume: "
        "only tries without a score are made again"
    )


def _bounds(choice: Choice) -> str:
    rule = choice.rule
    return f"success_above = {rule.success_above}, success_below = {rule.success_below} of attempts = {rule.attempts}"


def _place(parts: Parts, name: str) -> Path:
    return parts.run_dir / "results" / name
