"""A run of kind `evaluate`: the chosen splits, a number of tries of each task, success with n/N and its interval.

What an earlier attempt of the same run finished is not run again; a wish to stop ends the attempts that are under way.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.events import MetricsLogged, PhaseChanged, RunStarted, StepFinished
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempt_log import AttemptLog, set_aside, terms_of
from arpo_engine.evaluation.evaluator import Measured, Resuming
from arpo_engine.evaluation.osworld_writing import OsworldFolders
from arpo_engine.inference.base import Sampling
from arpo_engine.models.folder import locate
from arpo_engine.runtime.context import RESULTS, Context, Wrappers, open_context
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.provenance import gather_provenance, model_hash
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import Halt, StopSwitch

SUMMARY = "evaluation.json"
OSWORLD = "osworld"
METRICS = {"train": "evaluation/train_success", "held_out": "evaluation/held_out_success"}


async def run_evaluation(
    config: RunConfig,
    *,
    run_dir: Path,
    attempt: int,
    sink: EventSink,
    executor: Executor,
    stop: StopSwitch,
    resuming: bool = True,
    wrappers: Wrappers | None = None,
) -> Ending:
    """Measure the model of the config on its tasks; one split is one step of the run. Without `resuming`, what was
    finished before is set aside and everything is tried again.

    Raises:
        TaskError: no task is left to be measured on.
        ConfigError: the run folder holds attempts of another model or with other sampling.
    """
    async with open_context(
        config, run_dir=run_dir, attempt=attempt, sink=sink, executor=executor, wrappers=wrappers
    ) as context:
        chosen = _chosen(context)
        if not resuming:
            for name in chosen:
                set_aside(_log_path(context, name), attempt)
        _announce(context, len(chosen), goes_on=any(_log_path(context, name).exists() for name in chosen))
        measured: dict[str, Measured] = {}
        for step, (name, tasks) in enumerate(chosen.items(), start=1):
            if halt := stop.halt():
                return _stopped(context, step - 1, halt, halt.reason)
            measured[name] = await _measure(context, name, tasks, step, len(chosen), stop)
            _write(run_dir, config, measured)
            if (halt := stop.halt()) and (left := measured[name].unfinished):
                reason = f"{halt.reason}; {left} are left for the same command in this run folder"
                return _stopped(context, step - 1, halt, reason)
        return Ending(RunOutcome.FINISHED, len(chosen), summary(measured))


def summary(measured: dict[str, Measured]) -> str:
    """`train 31/96 (32%), held_out 20/88 (23%)`."""
    parts = []
    for name, item in measured.items():
        share = f" ({item.success:.0%})" if item.success is not None else ""
        parts.append(f"{name} {item.feasible.successes}/{item.feasible.attempts}{share}")
    return ", ".join(parts)


def _stopped(context: Context, step: int, halt: Halt, reason: str) -> Ending:
    phase: Literal["paused", "done"] = "paused" if halt.kind == "pause" else "done"
    context.sink.emit(PhaseChanged(phase=phase, step=step, detail=reason))
    return Ending(RunOutcome.STOPPED, step, reason)


def _chosen(context: Context) -> dict[str, tuple[Task, ...]]:
    config = context.config.evaluation
    splits = {"train": context.train_tasks, "held_out": context.held_out_tasks}
    names = list(splits) if config.split == "both" else [config.split]
    wanted = {name: _selected(splits[name], config.select)[: config.tasks] for name in names}
    chosen = {name: tasks for name, tasks in wanted.items() if tasks}
    if not chosen:
        sizes = ", ".join(f"{len(splits[name])} in {name}" for name in names)
        raise TaskError(
            f"none of the tasks ({sizes}) is like evaluation.select = {list(config.select)}; name a task id or a "
            "domain, such as 'chrome' or 'pocket-send-mail*', and the split that holds it (evaluation.split)"
        )
    return chosen


def _selected(tasks: tuple[Task, ...], words: tuple[str, ...]) -> tuple[Task, ...]:
    if not words:
        return tasks
    return tuple(task for task in tasks if any(fnmatchcase(name, w) for w in words for name in (task.id, task.domain)))


def _announce(context: Context, splits: int, *, goes_on: bool) -> None:
    config = context.config
    tasks = (*context.train_tasks, *context.held_out_tasks)
    context.sink.emit(
        RunStarted(
            run_kind="evaluate",
            # Every split is told again as a whole, whatever of it was finished before.
            resumed_from_step=0 if goes_on else None,
            total_steps=splits,
            train_tasks=len(context.train_tasks),
            held_out_tasks=len(context.held_out_tasks),
            desktops=context.pool.size,
            provenance=gather_provenance(config, tasks=tasks, model_folder=_model_folder(context)),
        )
    )


def _model_folder(context: Context) -> Path | None:
    """The weights of this machine; None where a server samples with its own."""
    return locate(context.config.model.path) if context.policy is not None else None


async def _measure(
    context: Context, name: str, tasks: tuple[Task, ...], step: int, splits: int, stop: StopSwitch
) -> Measured:
    config = context.config.evaluation
    sampling = Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        max_new_tokens=config.max_new_tokens or context.config.generator.max_new_tokens,
    )
    folder = _model_folder(context)
    terms = terms_of(
        context.config, sampling, max_steps=config.max_steps, model_hash=model_hash(folder) if folder else None
    )
    log = AttemptLog(_log_path(context, name), terms)
    known = sum(
        log.finished((task.id, task.content_hash, slot)) is not None
        for task in tasks
        for slot in range(config.attempts)
    )
    finished = f"; {known} were finished before" if known else ""
    detail = f"{len(tasks) * config.attempts} episodes of {len(tasks)} tasks, {name}{finished}"
    context.sink.emit(PhaseChanged(phase="validating", step=step, detail=detail))
    measured = await context.evaluator.measure(
        tasks,
        attempts=config.attempts,
        split=Split.EVALUATION,
        step=step,
        sampling=sampling,
        max_steps=config.max_steps,
        name=name,
        resuming=Resuming(log=log, halted=lambda: stop.halt() is not None, at_once=context.pool.size),
        watch=_osworld_folders(context, name).write if config.osworld_layout else None,
    )
    if not measured.unfinished:
        # A part of a split is no figure of it, and a tracker could not take it back.
        context.sink.emit(MetricsLogged(step=step, values={METRICS[name]: measured.success}))
        context.sink.emit(
            StepFinished(
                step=step,
                total_steps=splits,
                successes=measured.feasible.successes,
                attempts=measured.feasible.attempts,
            )
        )
    return measured


def _log_path(context: Context, name: str) -> Path:
    return context.run_dir / RESULTS / f"attempts_{name}.jsonl"


def _osworld_folders(context: Context, name: str) -> OsworldFolders:
    config = context.config
    folders = OsworldFolders(
        root=context.run_dir / RESULTS / OSWORLD / name,
        model=config.model_name,
        max_steps=config.evaluation.max_steps or config.rollout.max_steps,
        attempts=config.evaluation.attempts,
    )
    folders.prepare()
    return folders


def _write(run_dir: Path, config: RunConfig, measured: dict[str, Measured]) -> None:
    splits: dict[str, Any] = {
        name: {
            "successes": item.feasible.successes,
            "attempts": item.feasible.attempts,
            "success": item.success,
            "faults": item.faults,
            "unfinished": item.unfinished,
            "infeasible_successes": item.report.infeasible.successes,
            "infeasible_attempts": item.report.infeasible.attempts,
            "by_task": item.by_task,
            "figures": item.report.model_dump(mode="json"),
        }
        for name, item in measured.items()
    }
    data = {
        "model": config.model_name,
        "evaluation": config.evaluation.model_dump(mode="json"),
        "seed": config.seed,
        "splits": splits,
    }
    path = run_dir / RESULTS / SUMMARY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")
