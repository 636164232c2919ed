"""What every algorithm does: take the rollouts of one step, return the groups to learn from. Knows no tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from arpo_engine.types import Group, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All rollouts of one task in one step as they came back; those with a fault have left `fresh`."""

    group_id: str
    task_id: str
    fresh: tuple[Trajectory, ...]
    faults: int = 0
    baseline: Trajectory | None = None
    """A greedy rollout that the others are compared with; never learnt from."""
    dropped: int = 0
    """Rollouts that were given up: the group was closed short, or they came too late to be learnt from."""


Penalty = Callable[[Sequence[Trajectory], Collection[str]], Sequence[float]]
"""What is taken from the reward of each trajectory before they are compared; the second argument names the episodes
that were remembered, whose recorded log-probs are those of an older policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Groups with advantages, and what happened to the memory of the algorithm, if it has one."""

    groups: tuple[Group, ...]
    admitted: Mapping[str, list[str]] = field(default_factory=dict)
    """Task id to the episodes that were remembered."""
    evicted: Mapping[str, list[str]] = field(default_factory=dict)
    stock: Mapping[str, int] = field(default_factory=dict)
    """Task id to the number of successes now remembered; only tasks whose number changed."""
    memory_size: int = 0
    tasks_stocked: int = 0

    @property
    def injected(self) -> int:
        """Groups that got a remembered success."""
        return sum(1 for group in self.groups for member in group.members if member.replaced is not None)


class Algorithm(Protocol):
    """Decides which trajectories are trained on, and with which advantage."""

    def __init__(self, config: Any, seed: int) -> None: ...

    def prepare(self, collected: Sequence[Collected], penalty: Penalty | None = None) -> Prepared:
        """Turn the rollouts of one step into groups; a group without a single score is left out."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs: numbers, strings, lists, dicts and bytes only."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        ...
