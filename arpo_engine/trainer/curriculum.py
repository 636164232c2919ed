"""A curriculum by success rate: the tasks that are solved now and then come more often, and none starves.

A task is drawn with the weight max(floor, p(1 - p)), p its running success rate: the variance of a success, called
learnability (arXiv 2408.15099, 2502.12272). The tasks of a step are drawn without replacement (Efraimidis and Spirakis
2006, algorithm A-ES: the largest keys u^(1/weight), u uniform). Knows counts; knows no rollouts and no policy.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.contract.config.task_choice import SuccessRateConfig
from arpo_engine.contract.errors import CheckpointError
from arpo_engine.contract.tasks import Task
from arpo_engine.trainer.task_order import Counts


class Curriculum:
    """Draws tasks by weight. What is drawn depends on the seed, the number of the draw and the counts only."""

    def __init__(self, tasks: Sequence[Task], seed: int, config: SuccessRateConfig) -> None:
        self._tasks = tuple(tasks)
        self._seed = seed
        self._config = config
        self._draws = 0
        self._counts: dict[str, tuple[float, float]] = {}
        """Task id to (successes, attempts), older ones worth less."""
        self._values: dict[str, float | None] = {}

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are practised."""
        return self._tasks

    def practise(self, tasks: Sequence[Task], counts: Counts) -> None:
        """Draw from these tasks only; what is known of their success is their first count."""
        self._tasks = tuple(tasks)
        self._counts = {task_id: (float(solved), float(tried)) for task_id, (solved, tried) in counts.items()}

    def rate(self, task: Task) -> float:
        """The running success rate with Laplace's rule of succession, (s + 1) / (n + 2); 1/2 for an untried task."""
        solved, tried = self._counts.get(task.id, (0.0, 0.0))
        return (solved + 1.0) / (tried + 2.0)

    def weight(self, task: Task) -> float:
        """How much likelier a task is drawn than another."""
        rate = self.rate(task)
        return max(self._config.floor, rate * (1.0 - rate))

    def take(self, count: int) -> list[Task]:
        """The next `count` tasks; one comes twice only when there are fewer tasks than that."""
        taken: list[Task] = []
        while len(taken) < count:
            taken += self._ranked()[: count - len(taken)]
        self._values = self._told(taken)
        return taken

    def peek(self, count: int) -> list[Task]:
        """What `take` would give by today's counts, without taking it."""
        draws, values = self._draws, self._values
        tasks = self.take(count)
        self._draws, self._values = draws, values
        return tasks

    def note(self, counts: Counts) -> None:
        """Newest results: earlier counts of the same task are worth `memory` of what they were."""
        for task_id, (solved, tried) in counts.items():
            before = self._counts.get(task_id, (0.0, 0.0))
            keep = self._config.memory
            self._counts[task_id] = (keep * before[0] + solved, keep * before[1] + tried)

    def values(self) -> dict[str, float | None]:
        """What the newest draw was made from: see `_told`."""
        return self._values

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers; floats survive JSON exactly."""
        counts = {task_id: list(pair) for task_id, pair in self._counts.items()}
        return {"kind": self._config.kind, "draws": self._draws, "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there.

        Raises:
            CheckpointError: it is the state of another order.
        """
        if state.get("kind") != self._config.kind:
            raise CheckpointError(
                f"the checkpoint was saved with tasks.order.kind = epochs, and this run has {self._config.kind}; set "
                "it as it was to resume, or start anew with --no-resume"
            )
        self._draws = int(state["draws"])
        self._counts = {task_id: (float(pair[0]), float(pair[1])) for task_id, pair in state["counts"].items()}

    def _ranked(self) -> list[Task]:
        """All tasks in an order in which heavier ones tend to come first."""
        noise = random.Random(f"curriculum-{self._seed}-{self._draws}")
        self._draws += 1
        # 1 - random() lies in (0, 1], where a logarithm is finite; log(u) / w orders as u^(1/w) does.
        keys = [math.log(1.0 - noise.random()) / self.weight(task) for task in self._tasks]
        return [self._tasks[place] for place in sorted(range(len(keys)), key=lambda place: -keys[place])]

    def _told(self, drawn: Sequence[Task]) -> dict[str, float | None]:
        """Metrics: how many tasks the weights spread over, how many lie at the floor, and the mean success rate of the
        tasks that were drawn beside that of all, infeasible ones left aside."""
        weights = [self.weight(task) for task in self._tasks]
        return {
            # The number of equally likely tasks with the same concentration (inverse Simpson index).
            "curriculum/effective_tasks": sum(weights) ** 2 / sum(weight * weight for weight in weights),
            "curriculum/tasks_at_floor": float(sum(weight <= self._config.floor for weight in weights)),
            "curriculum/drawn_success": self._mean_rate(drawn),
            "curriculum/all_success": self._mean_rate(self._tasks),
        }

    def _mean_rate(self, tasks: Sequence[Task]) -> float | None:
        rates = [self.rate(task) for task in tasks if not task.infeasible]
        return statistics.fmean(rates) if rates else None
