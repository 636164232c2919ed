"""Which tasks come next: every task once an epoch, in an order that the seed decides and a checkpoint continues."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.contract.tasks import Task

Counts = Mapping[str, tuple[int, int]]
"""Task id to (successes, scored attempts)."""


class TaskOrder:
    """Endless shuffled epochs. The order of an epoch depends on the seed and its number only."""

    def __init__(self, tasks: Sequence[Task], seed: int) -> None:
        self._tasks = tuple(tasks)
        self._seed = seed
        self.epoch = 0
        self._place = 0
        self._order = self._shuffled(0)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are practised."""
        return self._tasks

    def practise(self, tasks: Sequence[Task], counts: Counts) -> None:
        """Begin the first epoch of these tasks; how often they are solved does not matter here."""
        self._tasks = tuple(tasks)
        self.epoch = self._place = 0
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

    def note(self, counts: Counts) -> None:
        """What came out of a step changes nothing here."""

    def values(self) -> dict[str, float | None]:
        """Nothing to tell: every task comes as often as any other."""
        return {}

    def peek(self, count: int) -> list[Task]:
        """The tasks that `take` would give, without taking them."""
        state = self.state_dict()
        tasks = self.take(count)
        self.load_state_dict(state)
        return tasks

    def state_dict(self) -> dict[str, Any]:
        """Epoch and place in it."""
        return {"epoch": self.epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; if the task set has shrunk below the place, with the next epoch.

        Raises:
            CheckpointError: it is the state of another order.
        """
        if "epoch" not in state:
            raise CheckpointError(
                f"the checkpoint was saved with tasks.order.kind = {state.get('kind')}, and this run has epochs; set "
                "it as it was to resume, or start anew with --no-resume"
            )
        self.epoch = int(state["epoch"])
        self._order = self._shuffled(self.epoch)
        self._place = min(int(state["place"]), len(self._order))

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self._tasks)))
        random.Random(f"task-order-{self._seed}-{epoch}").shuffle(order)
        return order
