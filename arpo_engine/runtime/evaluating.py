"""A run of kind `evaluate`: the chosen splits, a number of tries of each task, success with its n/N."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import MetricsLogged, PhaseChanged, RunStarted, StepFinished
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.evaluator import Measured
from arpo_engine.inference.base import Sampling
from arpo_engine.models.folder import locate
from arpo_engine.runtime.context import RESULTS, Context, Wrappers, open_context
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.provenance import gather_provenance
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import StopSwitch

SUMMARY = "evaluation.json"
METRICS = {"train": "evaluation/train_success", "held_out": "evaluation/held_out_success"}


async def run_evaluation(
    config: RunConfig,
    *,
    run_dir: Path,
    attempt: int,
    sink: EventSink,
    executor: Executor,
    stop: StopSwitch,
    wrappers: Wrappers | None = None,
) -> Ending:
    """Measure the model of the config on its tasks; one split is one step of the run."""
    async with open_context(
        config, run_dir=run_dir, attempt=attempt, sink=sink, executor=executor, wrappers=wrappers
    ) as context:
        chosen = _chosen(context)
        _announce(context, len(chosen))
        measured: dict[str, Measured] = {}
        for step, (name, tasks) in enumerate(chosen.items(), start=1):
            if halt := stop.halt():
                return Ending(RunOutcome.STOPPED, step - 1, halt.reason)
            measured[name] = await _measure(context, name, tasks, step, len(chosen))
        _write(run_dir, config, measured)
        return Ending(RunOutcome.FINISHED, len(chosen), summary(measured))


def summary(measured: dict[str, Measured]) -> str:
    """`train 31/96 (32%), held_out 20/88 (23%)`."""
    parts = []
    for name, item in measured.items():
        share = f" ({item.success:.0%})" if item.success is not None else ""
        parts.append(f"{name} {item.successes}/{item.attempts}{share}")
    return ", ".join(parts)


def _chosen(context: Context) -> dict[str, tuple[Task, ...]]:
    config = context.config.evaluation
    splits = {"train": context.train_tasks, "held_out": context.held_out_tasks}
    names = list(splits) if config.split == "both" else [config.split]
    return {name: splits[name][: config.tasks] for name in names if splits[name]}


def _announce(context: Context, splits: int) -> None:
    config = context.config
    tasks = (*context.train_tasks, *context.held_out_tasks)
    context.sink.emit(
        RunStarted(
            run_kind="evaluate",
            total_steps=splits,
            train_tasks=len(context.train_tasks),
            held_out_tasks=len(context.held_out_tasks),
            desktops=context.pool.size,
            provenance=gather_provenance(config, tasks=tasks, model_folder=locate(config.model.path)),
        )
    )


async def _measure(context: Context, name: str, tasks: tuple[Task, ...], step: int, splits: int) -> Measured:
    config = context.config.evaluation
    sampling = Sampling(
        temperature=config.temperature, top_p=1.0, max_new_tokens=context.config.generator.max_new_tokens
    )
    detail = f"{len(tasks) * config.attempts} episodes of {len(tasks)} tasks, {name}"
    context.sink.emit(PhaseChanged(phase="validating", step=step, detail=detail))
    measured = await context.evaluator.measure(
        tasks, attempts=config.attempts, split=Split.EVALUATION, step=step, sampling=sampling
    )
    context.sink.emit(MetricsLogged(step=step, values={METRICS[name]: measured.success}))
    context.sink.emit(
        StepFinished(step=step, total_steps=splits, successes=measured.successes, attempts=measured.attempts)
    )
    return measured


def _write(run_dir: Path, config: RunConfig, measured: dict[str, Measured]) -> None:
    splits: dict[str, Any] = {
        name: {
            "successes": item.successes,
            "attempts": item.attempts,
            "success": item.success,
            "faults": item.faults,
            "infeasible_successes": item.infeasible_successes,
            "infeasible_attempts": item.infeasible_attempts,
            "by_task": item.by_task,
        }
        for name, item in measured.items()
    }
    data = {
        "model": config.model.path,
        "evaluation": config.evaluation.model_dump(),
        "seed": config.seed,
        "splits": splits,
    }
    path = run_dir / RESULTS / SUMMARY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")
