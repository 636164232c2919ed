"""A run of kind `try`: one agent on one desktop, episode after episode, as a person directs it. Nothing is learnt or
measured: no figure, no replay and no result comes of it; its episodes are recorded as all others are.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.events import PhaseChanged, RunStarted
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.inference.base import Sampling
from arpo_engine.models.folder import locate
from arpo_engine.rollout.directed import Directed
from arpo_engine.rollout.directions import Directions
from arpo_engine.rollout.parting import Parting, idle_words
from arpo_engine.rollout.plans import Plan, seed_of
from arpo_engine.runtime.context import Context, open_context
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.provenance import gather_provenance
from arpo_engine.runtime.task_source import load_tasks
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.types import Trajectory


async def run_tryout(
    config: RunConfig,
    *,
    run_dir: Path,
    attempt: int,
    sink: EventSink,
    executor: Executor,
    stop: StopSwitch,
    directions: Directions,
) -> Ending:
    """Begin with the task of the config and do as people say, until one of them ends it, all are silent, or it is
    stopped.

    Raises:
        TaskError: there is no such task.
    """
    config = config.as_it_runs()
    first = _first_task(config)
    async with open_context(config, run_dir=run_dir, attempt=attempt, sink=sink, executor=executor) as context:
        tasks = {task.id: task for task in (*context.train_tasks, *context.held_out_tasks)}
        _announce(context)
        guide = Directed(
            sink=sink,
            directions=directions,
            task_ids=frozenset(tasks),
            idle_s=config.tryout.idle_s,
            goes=config.tryout.begin == "go",
            halted=lambda: stop.halt() is not None,
        )
        runner = context.guided_runner(guide)
        plan = _plan(config, attempt, 1, first, config.tryout.instruction)
        while True:
            try:
                trajectory, parting = await guide.through(plan, runner.run)
            except asyncio.CancelledError:
                if stop.halt() is None:
                    raise
                return _stopped(context, stop, plan.step - 1)
            if parting.kind == "stopped":
                return _stopped(context, stop, plan.step)
            if parting.kind != "again":
                return Ending(RunOutcome.FINISHED, plan.step, _reason(config, plan, trajectory, parting))
            task = tasks[parting.task_id or first.id]
            first, plan = task, _plan(config, attempt, plan.step + 1, task, parting.instruction)


def _first_task(config: RunConfig) -> Task:
    train, held_out = load_tasks(config)
    wanted = config.tryout.task
    for task in (*train, *held_out):
        if wanted in ("", task.id):
            return task
    raise TaskError(
        f"tryout.task is {wanted!r}, and {config.tasks.source} has no such task in {config.tasks.train} or "
        f"{config.tasks.held_out}; give the id of one, or none for the first"
    )


def _plan(config: RunConfig, attempt: int, number: int, task: Task, instruction: str) -> Plan:
    said = config.tryout
    own = instruction in ("", task.instruction)
    sampling = Sampling(temperature=said.temperature, top_p=said.top_p, max_new_tokens=config.generator.max_new_tokens)
    return Plan(
        episode_id=f"a{attempt}-try{number}",
        task=task if own else task.model_copy(update={"instruction": instruction}),
        split=Split.TRYOUT,
        step=number,
        seed=seed_of(config.seed, Split.TRYOUT, number, task.id),
        sampling=sampling,
        max_steps=said.max_steps or config.rollout.max_steps,
        judged=own,
    )


def _announce(context: Context) -> None:
    config = context.config
    tasks = (*context.train_tasks, *context.held_out_tasks)
    folder = locate(config.model.path) if context.policy is not None else None
    context.sink.emit(
        RunStarted(
            run_kind="try",
            total_steps=0,
            train_tasks=len(context.train_tasks),
            held_out_tasks=len(context.held_out_tasks),
            desktops=context.pool.size,
            provenance=gather_provenance(config, tasks=tasks, model_folder=folder),
        )
    )
    context.sink.emit(PhaseChanged(phase="trying", detail="a person directs the agent"))


def _stopped(context: Context, stop: StopSwitch, step: int) -> Ending:
    halt = stop.halt()
    assert halt is not None, "only what is halted is stopped"
    context.sink.emit(PhaseChanged(phase="paused" if halt.kind == "pause" else "done", step=step, detail=halt.reason))
    return Ending(RunOutcome.STOPPED, step, halt.reason)


def _reason(config: RunConfig, plan: Plan, trajectory: Trajectory, parting: Parting) -> str:
    if parting.kind == "idle":
        return idle_words(config.tryout.idle_s)
    who = f" by {parting.by}" if parting.by else ""
    if trajectory.score is not None:
        return f"finished{who}; score {trajectory.score:g}"
    return f"finished{who}; not scored{f': {trajectory.note}' if trajectory.note else ''}"
