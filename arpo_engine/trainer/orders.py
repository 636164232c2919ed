"""Which orders of tasks there are. Knows their names; what each does is said where it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from arpo_engine.contract.config.task_choice import OrderConfig
from arpo_engine.contract.tasks import Task
from arpo_engine.trainer.curriculum import Curriculum
from arpo_engine.trainer.task_order import Counts, TaskOrder


class Order(Protocol):
    """Says which tasks come next."""

    @property
    def tasks(self) -> Sequence[Task]:
        """The tasks that are practised."""

    def practise(self, tasks: Sequence[Task], counts: Counts) -> None:
        """Begin again with these tasks only; `counts`: what is known of their success."""

    def take(self, count: int) -> list[Task]:
        """The tasks of the next step."""

    def peek(self, count: int) -> list[Task]:
        """What `take` would give if no results came in between; nothing is taken."""

    def note(self, counts: Counts) -> None:
        """What came out of a step's rollouts."""

    def values(self) -> dict[str, float | None]:
        """Metrics of the newest draw by their keys."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


ORDERS: dict[str, Callable[[Sequence[Task], int, Any], Order]] = {
    "epochs": lambda tasks, seed, config: TaskOrder(tasks, seed),
    "success_rate": Curriculum,
}


def build_order(tasks: Sequence[Task], seed: int, config: OrderConfig) -> Order:
    """The order that the config names."""
    return ORDERS[config.kind](tasks, seed, config)
