"""Success with its n/N on a set of tasks. Infeasible tasks are reported apart, and a fault is no failure.

A policy that always gives up thus scores 0 of N in the figure that everybody looks at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from arpo_engine.contract.events import ValidationFinished
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory

SUCCESS = 0.5
"""A score above this counts as solved; tasks of our own score 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The outcome of one measurement."""

    step: int
    split: Split
    successes: int
    attempts: int
    faults: int = 0
    infeasible_successes: int = 0
    infeasible_attempts: int = 0
    by_task: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Task id to (successes, attempts), infeasible tasks among them."""

    @property
    def success(self) -> float | None:
        """Share of the feasible attempts that were solved; None where nothing could be scored."""
        return self.successes / self.attempts if self.attempts else None


def solved(trajectory: Trajectory) -> bool:
    """Whether the episode's score counts as a success."""
    return trajectory.score is not None and trajectory.score > SUCCESS


def tally(tasks: Sequence[Task], trajectories: Sequence[Trajectory], *, split: Split, step: int) -> Measured:
    """Count successes by task; `tasks` names each task once, `trajectories` may hold several tries of each."""
    infeasible = {task.id for task in tasks if task.infeasible}
    counts = {task.id: [0, 0] for task in tasks}
    faults = 0
    for trajectory in trajectories:
        if trajectory.score is None:
            faults += 1
            continue
        counts[trajectory.task_id][0] += solved(trajectory)
        counts[trajectory.task_id][1] += 1
    feasible = [pair for task_id, pair in counts.items() if task_id not in infeasible]
    apart = [pair for task_id, pair in counts.items() if task_id in infeasible]
    return Measured(
        step=step,
        split=split,
        successes=sum(pair[0] for pair in feasible),
        attempts=sum(pair[1] for pair in feasible),
        faults=faults,
        infeasible_successes=sum(pair[0] for pair in apart),
        infeasible_attempts=sum(pair[1] for pair in apart),
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
        self, tasks: Sequence[Task], *, attempts: int, split: Split, step: int, sampling: Sampling
    ) -> Measured:
        """Try every task `attempts` times; the answer is emitted, and kept as JSON in the results folder."""
        plans = self._planner.measurement(tasks, attempts=attempts, split=split, step=step, sampling=sampling)
        trajectories = await self._scheduler.collect(plans)
        measured = tally(tasks, trajectories, split=split, step=step)
        self._write(measured, sampling)
        self._sink.emit(
            ValidationFinished(
                step=step,
                split=split,
                successes=measured.successes,
                attempts=measured.attempts,
                faults=measured.faults,
                infeasible_successes=measured.infeasible_successes,
                infeasible_attempts=measured.infeasible_attempts,
                by_task=measured.by_task,
            )
        )
        return measured

    def _write(self, measured: Measured, sampling: Sampling) -> None:
        self._results.mkdir(parents=True, exist_ok=True)
        data: dict[str, Any] = {**asdict(measured), "success": measured.success, "sampling": asdict(sampling)}
        path = self._results / f"{measured.split}_step_{measured.step:06d}.json"
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
