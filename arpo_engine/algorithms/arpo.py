"""ARPO: GRPO plus replay. A group that failed as a whole gets one remembered success, so that it teaches something.

As published (arXiv 2505.16282 and its code): the rule looks at the task scores of the fresh rollouts, the remembered
success takes the place of the first of them, and this step's own successes are remembered only afterwards.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.algorithms.base import Collected, Prepared
from arpo_engine.algorithms.grpo import with_advantages
from arpo_engine.algorithms.replay import ReplayBuffer
from arpo_engine.contract.config import ArpoConfig, ReplayConfig
from arpo_engine.types import Group, Trajectory

SLOT = 0
"""The member whose place a remembered success takes, as in the published code."""


def all_failed(fresh: Sequence[Trajectory], config: ReplayConfig) -> bool:
    """Whether the scores of a group are low and alike, so that replay may rescue it."""
    scores_G = [trajectory.score or 0.0 for trajectory in fresh]
    return (
        statistics.pstdev(scores_G) < config.inject_if_std_below
        and statistics.fmean(scores_G) < config.inject_if_mean_below
    )


class Arpo:
    """GRPO whose hopeless groups are rescued from a memory of successes."""

    def __init__(self, config: ArpoConfig, seed: int) -> None:
        self._eps = config.advantage_eps
        self._replay = config.replay
        self._buffer = ReplayBuffer(
            capacity_per_task=config.replay.capacity_per_task, admit_above=config.replay.admit_above, seed=seed
        )

    def prepare(self, collected: Sequence[Collected]) -> Prepared:
        """Rescue what failed as a whole, then remember this step's own successes."""
        groups = tuple(self._rescued(group) for group in collected if group.fresh)
        if not self._replay.enabled:
            return Prepared(groups=groups)
        change = self._buffer.remember(trajectory for group in collected for trajectory in group.fresh)
        return Prepared(
            groups=groups,
            admitted=change.admitted,
            evicted=change.evicted,
            stock=change.stock,
            memory_size=len(self._buffer),
            tasks_stocked=self._buffer.tasks_stocked,
        )

    def _rescued(self, collected: Collected) -> Group:
        trajectories = list(collected.fresh)
        replaced: dict[int, str] = {}
        if self._replay.enabled and all_failed(collected.fresh, self._replay):
            own = {trajectory.episode_id for trajectory in collected.fresh}
            remembered = self._buffer.draw(collected.task_id, without=own)
            if remembered is not None:
                replaced[SLOT] = trajectories[SLOT].episode_id
                trajectories[SLOT] = remembered
        return with_advantages(collected, trajectories, replaced, self._eps)

    def remembered(self) -> dict[str, list[str]]:
        """Task id to the episodes that are remembered for it, the oldest first."""
        return self._buffer.remembered()

    def state_dict(self) -> dict[str, Any]:
        """The memory, unless replay is off."""
        return {"replay": self._buffer.state_dict()} if self._replay.enabled else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a saved memory; a run whose replay is off now forgets it."""
        if self._replay.enabled and "replay" in state:
            self._buffer.load_state_dict(state["replay"])
