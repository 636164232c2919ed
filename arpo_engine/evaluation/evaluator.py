"""Tries tasks with sampling of their own and tells what came out. What is finished already is not tried again.

Episodes are scored where they end; here they are counted, written down and forgotten. Knows no optimizer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from arpo_engine.contract.events import ValidationFinished
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempt_log import AttemptLog
from arpo_engine.evaluation.attempts import Attempt, attempt_of
from arpo_engine.evaluation.figures import report
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.plans import Plan, Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory

Watcher = Callable[[Plan, Trajectory], None]
"""Is shown every episode that was tried, with its screenshots; may write files and runs beside the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The outcome of one measurement."""

    step: int
    split: Split
    report: Report
    by_task: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Task id to (successes, attempts), infeasible tasks among them."""
    unfinished: int = 0
    """Attempts that were not begun because the run was asked to stop."""
    name: str = ""
    """The tasks in the run's own word, where the split does not say it."""

    @property
    def feasible(self) -> Figures:
        """The figures that everybody looks at."""
        return self.report.feasible

    @property
    def faults(self) -> int:
        """Attempts that could not be scored, of all tasks."""
        return self.report.together.faults

    @property
    def success(self) -> float | None:
        """Share of the feasible attempts that were solved; None where nothing could be scored."""
        return self.report.feasible.success

    def event(self) -> ValidationFinished:
        """As everybody is told."""
        feasible, infeasible = self.report.feasible, self.report.infeasible
        return ValidationFinished(
            step=self.step,
            split=self.split,
            successes=feasible.successes,
            attempts=feasible.attempts,
            faults=self.faults,
            infeasible_successes=infeasible.successes,
            infeasible_attempts=infeasible.attempts,
            by_task=self.by_task,
            tasks=self.name,
            figures=self.report,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resuming:
    """How a long measurement is kept and stopped."""

    log: AttemptLog
    halted: Callable[[], bool]
    """Whether no further attempt should begin."""
    at_once: int
    """Attempts under way together; one for each desktop, so that those that wait have not begun."""
    made: Callable[[Attempt], None] = lambda attempt: None
    """Is told of every attempt that is over, after it was kept."""


def tally(tasks: Sequence[Task], attempts: Sequence[Attempt], *, split: Split, step: int) -> Measured:
    """Count attempts; `tasks` names each task once, `attempts` may hold several tries of each."""
    counts = {task.id: [0, 0] for task in tasks}
    for attempt in attempts:
        if attempt.score is not None:
            counts[attempt.task_id][0] += attempt.solved
            counts[attempt.task_id][1] += 1
    return Measured(
        step=step,
        split=split,
        report=report(attempts),
        by_task={task_id: (pair[0], pair[1]) for task_id, pair in counts.items()},
    )


class Evaluator:
    """Runs tasks with sampling of their own and writes down what came out."""

    def __init__(self, scheduler: Scheduler, planner: Planner, sink: EventSink, results: Path) -> None:
        self._scheduler = scheduler
        self._planner = planner
        self._sink = sink
        self._results = results

    async def measure(
        self,
        tasks: Sequence[Task],
        *,
        attempts: int,
        split: Split,
        step: int,
        sampling: Sampling,
        max_steps: int | None = None,
        compare: int = 0,
        name: str = "",
        resuming: Resuming | None = None,
        watch: Watcher | None = None,
    ) -> Measured:
        """Try every task `attempts` times; the answer is emitted, and kept as JSON in the results folder.

        `max_steps` overrides the rollouts' own; `compare` tasks are the same with the same noise at every step (see
        `Planner.measurement`); with `resuming`, attempts that its log holds are not run again.
        """
        plans = self._planner.measurement(
            tasks,
            attempts=attempts,
            split=split,
            step=step,
            sampling=sampling,
            max_steps=max_steps,
            compare=compare,
        )
        made = await self.attempts(plans, resuming=resuming, watch=watch)
        tried = [attempt for attempt in made if attempt is not None]
        counted = tally(tasks, tried, split=split, step=step)
        measured = replace(counted, unfinished=len(made) - len(tried), name=name)
        self._write(measured, sampling)
        self._sink.emit(measured.event())
        return measured

    async def attempts(
        self, plans: Sequence[Plan], *, resuming: Resuming | None = None, watch: Watcher | None = None
    ) -> list[Attempt | None]:
        """Try all plans; None for each that was not begun because the run was asked to stop. Nothing is emitted."""
        return await self._scheduler.each(plans, self._trying(resuming, watch))

    def _trying(self, resuming: Resuming | None, watch: Watcher | None) -> Callable[[Plan], Awaitable[Attempt | None]]:
        room = asyncio.Semaphore(resuming.at_once) if resuming else nullcontext()

        async def attempt(plan: Plan) -> Attempt | None:
            task = plan.task
            if resuming and (known := resuming.log.finished((task.id, task.content_hash, plan.slot))):
                return known
            async with room:
                if resuming and resuming.halted():
                    return None
                trajectory = await self._scheduler.until_healthy(plan)
            made = attempt_of(task, plan.slot, trajectory)
            if watch is not None:
                await asyncio.to_thread(watch, plan, trajectory)
            if resuming:
                resuming.log.add(made)
                resuming.made(made)
            return made

        return attempt

    def _write(self, measured: Measured, sampling: Sampling) -> None:
        self._results.mkdir(parents=True, exist_ok=True)
        told = measured.event().model_dump(mode="json", exclude={"kind"})
        data: dict[str, Any] = {**told, "success": measured.success, "sampling": asdict(sampling)}
        path = self._results / f"{measured.split}_step_{measured.step:06d}.json"
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
