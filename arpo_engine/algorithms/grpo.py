"""GRPO: each rollout is compared with its siblings on the same task. Knows rewards and groups, no tensors.

Suffix G: one value per member of a group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.algorithms.base import Collected, Prepared
from arpo_engine.contract.config import GrpoConfig
from arpo_engine.types import Group, Member, Trajectory


def group_advantages(rewards_G: Sequence[float], eps: float) -> list[float]:
    """(reward - mean) / (unbiased std + eps); equal rewards, or a member without siblings, give exactly zero."""
    size = len(rewards_G)
    if size < 2 or max(rewards_G) == min(rewards_G):
        return [0.0] * size
    mean = math.fsum(rewards_G) / size
    std = math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards_G) / (size - 1))
    return [(reward - mean) / (std + eps) for reward in rewards_G]


def with_advantages(
    collected: Collected, trajectories: Sequence[Trajectory], replaced: Mapping[int, str], eps: float
) -> Group:
    """Make the group that is trained on; `replaced` maps a slot to the episode whose place an injected one took."""
    advantages_G = group_advantages([scored_reward(trajectory) for trajectory in trajectories], eps)
    members = tuple(
        Member(trajectory=trajectory, advantage=advantage, replaced=replaced.get(slot))
        for slot, (trajectory, advantage) in enumerate(zip(trajectories, advantages_G, strict=True))
    )
    return Group(
        group_id=collected.group_id,
        task_id=collected.task_id,
        members=members,
        faults=collected.faults,
        fresh=collected.fresh,
    )


def scored_reward(trajectory: Trajectory) -> float:
    """The reward of a trajectory that has one; one without (a fault) must have left its group before."""
    if trajectory.reward is None:
        raise ValueError(f"episode {trajectory.episode_id} has no reward; take it out of its group first")
    return trajectory.reward


class Grpo:
    """Advantages and nothing else; remembers nothing from step to step."""

    def __init__(self, config: GrpoConfig, seed: int) -> None:
        self._eps = config.advantage_eps

    def prepare(self, collected: Sequence[Collected]) -> Prepared:
        """Advantages for every group that has a member left."""
        groups = [with_advantages(group, group.fresh, {}, self._eps) for group in collected if group.fresh]
        return Prepared(groups=tuple(groups))

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing is remembered."""
