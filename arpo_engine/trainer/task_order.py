"""Which tasks come next: every task once an epoch, in an order that the seed decides and a checkpoint continues."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.contract.tasks import Task


class TaskOrder:
    """Endless shuffled epochs. The order of an epoch depends on the seed and its number only."""

    def __init__(self, tasks: Sequence[Task], seed: int) -> None:
        self._tasks = list(tasks)
        self._seed = seed
        self.epoch = 0
        self._place = 0
        self._order = self._shuffled(0)

    def take(self, count: int) -> list[Task]:
        """The next `count` tasks; a new epoch begins where one ends."""
        taken: list[Task] = []
        while len(taken) < count:
            if self._place == len(self._order):
                self.epoch += 1
                self._place = 0
                self._order = self._shuffled(self.epoch)
            taken.append(self._tasks[self._order[self._place]])
            self._place += 1
        return taken

    def state_dict(self) -> dict[str, Any]:
        """Epoch and place in it."""
        return {"epoch": self.epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; if the task set has shrunk below the place, with the next epoch."""
        self.epoch = int(state["epoch"])
        self._order = self._shuffled(self.epoch)
        self._place = min(int(state["place"]), len(self._order))

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self._tasks)))
        random.Random(f"task-order-{self._seed}-{epoch}").shuffle(order)
        return order


def peek(order: TaskOrder, count: int) -> list[Task]:
    """The tasks that `take` would give, without taking them."""
    state = order.state_dict()
    tasks = order.take(count)
    order.load_state_dict(state)
    return tasks
